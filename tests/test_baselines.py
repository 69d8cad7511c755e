"""Baselines see what they say they see, and no label of the validation set."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pm_cls import baselines
from pm_cls.baselines import outline, thumbnails
from pm_cls.data import Dataset, Spec, Split
from pm_cls.records import baselines as records
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Binary


def dataset_of(bright_when_ill, n=40, size=32):
    """Photographs whose brightness, or else whose outline alone, tells the label."""
    labels = np.arange(2 * n) % 2
    rng = np.random.default_rng(0)
    images = rng.integers(100, 110, (2 * n, 3, size, size), dtype=np.uint8)
    if bright_when_ill:
        images[labels == 1] += 60
    else:
        images[labels == 1, :, :8] = 0
    names = tuple(f"{i}.jpg" for i in range(n))
    halves = (Split(names, labels[h], images[h]) for h in (slice(n), slice(n, None)))
    return Dataset("test", "0", *halves, Spec(3, Binary()), {})


def scored(dataset):
    fitted = baselines.fit(dataset.train)
    return list(baselines.score(fitted, dataset.validation, dataset.name, dataset.digest))


def test_thumbnails_are_means_of_tiles():
    images = np.arange(2 * 3 * 6 * 6, dtype=np.uint8).reshape(2, 3, 6, 6)
    assert thumbnails(images, 1).shape == (2, 3)
    np.testing.assert_allclose(thumbnails(images, 1), images.mean(axis=(2, 3)))
    found = thumbnails(images, 2).reshape(2, 3, 2, 2)
    np.testing.assert_allclose(found[1, 2, 0, 1], images[1, 2, :3, 3:].mean())
    np.testing.assert_allclose(thumbnails(images, 4)[0, 0], images[0, 0, 0, 0])  # tiles of 1 pixel


def test_outline_sees_no_content():
    images = dataset_of(bright_when_ill=True).train.images
    assert (outline(images) == 1).all()


@pytest.mark.parametrize(
    ("bright_when_ill", "tells", "does_not"),
    [(True, "mean colour", "outline of the field of view"),
     (False, "outline of the field of view", "constant answer")],
)  # fmt: skip
def test_each_finds_what_it_can_see(bright_when_ill, tells, does_not):
    found = {b.name: b.scores.accuracy for b in scored(dataset_of(bright_when_ill))}
    assert found[tells] == 1
    assert found[does_not] == 0.5


def test_validation_labels_change_scores_only():
    dataset = dataset_of(bright_when_ill=True)
    flipped = dataclasses.replace(dataset.validation, labels=1 - dataset.validation.labels)
    other = dataclasses.replace(dataset, validation=flipped)
    for a, b in zip(scored(dataset), scored(other), strict=True):
        assert a.scores.correct == b.scores.n - b.scores.correct


def test_too_few_photographs_of_a_class():
    dataset = dataset_of(bright_when_ill=True)
    labels = np.zeros_like(dataset.train.labels)
    with pytest.raises(DataError, match="5 or more of both"):
        baselines.fit(dataclasses.replace(dataset.train, labels=labels))


def test_what_is_written_is_read_back(tmp_path):
    found = scored(dataset_of(bright_when_ill=True))
    records.write(found, tmp_path / "out" / records.FILE)
    assert records.read(tmp_path / "out" / records.FILE) == found
    assert records.read(tmp_path / "absent.csv") == []
    elsewhere = [dataclasses.replace(one, dataset="clinic") for one in found]
    anew = [dataclasses.replace(one, digest="other") for one in found]
    for more in (elsewhere, anew):
        records.write(more, tmp_path / "out" / records.FILE)
    assert records.read(tmp_path / "out" / records.FILE) == [*found, *elsewhere, *anew]
    (tmp_path / "bad.csv").write_text("baseline,numbers\nmean colour,three\n")
    with pytest.raises(UsageError, match=r"bad\.csv: is damaged"):
        records.read(tmp_path / "bad.csv")


def test_two_at_once_keep_the_lines_of_both(tmp_path):
    found = scored(dataset_of(bright_when_ill=True))
    hospitals = [
        [dataclasses.replace(one, dataset=f"hospital {i}") for one in found] for i in range(8)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: records.write(one, tmp_path / "out" / records.FILE), hospitals))
    assert {one.dataset for one in records.read(tmp_path / "out" / records.FILE)} == {
        f"hospital {i}" for i in range(8)
    }
