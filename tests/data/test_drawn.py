"""Drawn figures are the same everywhere and are what their labels say."""

import hashlib

import numpy as np
import pytest

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.drawn import COLOURS, SHAPES, TASKS, draw
from pm_cls.runtime.errors import UsageError

DIGESTS = {  # of all pictures and labels
    "drawn_colours": "89fc72c4acd97225",
    "drawn_shapes": "2072e774609e7e13",
    "drawn_both": "6cec3d3a943e5f8b",
}


@pytest.fixture(scope="module")
def drawn():
    return {name: load_dataset(DataConfig(name=name, image_size=28)) for name in TASKS}


@pytest.mark.parametrize("name", TASKS)
def test_the_same_pixels_everywhere(drawn, name):
    data = drawn[name]
    assert data.digest.startswith(DIGESTS[name])
    again = hashlib.sha256()
    for split in (data.train, data.validation):
        again.update(split.images.tobytes())
        again.update(split.labels.tobytes())
    assert again.hexdigest() == data.digest


def test_counts_are_those_of_the_source(drawn):
    for name, training, validation, classes in [
        ("drawn_colours", 5000, 1000, 6),
        ("drawn_shapes", 5000, 1000, 5),
        ("drawn_both", 5400, 900, 9),
    ]:  # fmt: skip
        data = drawn[name]
        assert (len(data.train.labels), len(data.validation.labels)) == (training, validation)
        assert data.spec.target.outputs == len(np.unique(data.train.labels)) == classes
    assert set(drawn["drawn_shapes"].counts["training"].values()) == {1000}
    assert set(drawn["drawn_both"].counts["validation"].values()) == {100}


def test_colour_labels_are_the_colours_of_the_pixels(drawn):
    images, labels = drawn["drawn_colours"].train.images, drawn["drawn_colours"].train.labels
    brightest = images.max(axis=(2, 3))
    np.testing.assert_array_equal(brightest, np.array(list(COLOURS.values()))[labels])


def test_shapes_differ_in_their_areas(drawn):
    """Of the box around it a figure covers a share that tells most of them."""

    def shares(label):
        data = drawn["drawn_shapes"].train
        for image in data.images[data.labels == label]:
            rows, columns = np.nonzero(image.max(axis=0))
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            if box > 100:
                yield len(rows) / box

    means = {shape: np.mean(list(shares(i))) for i, shape in enumerate(SHAPES)}
    assert means["rectangle"] == 1
    assert 0.75 < means["circle"] < 0.87  # pi / 4, and whole pixels
    assert 0.45 < means["diamond"] < 0.6 and 0.45 < means["triangle"] < 0.6
    assert means["line"] < 0.3


def test_all_four_triangles_and_both_lines_are_drawn():
    for shape, kinds in (("triangle", 4), ("line", 2)):
        found = set()
        for seed in range(60):
            image = draw(shape, (255, 255, 255), np.random.default_rng(seed))[0] > 0
            rows, columns = np.nonzero(image)
            inside = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            if min(inside.shape) > 6:
                height, width = inside.shape[0] // 2, inside.shape[1] // 2
                quarters = [inside[:height, :width], inside[:height, -width:],
                            inside[-height:, :width], inside[-height:, -width:]]  # fmt: skip
                found.add(int(np.argmin([quarter.sum() for quarter in quarters])) if kinds == 4
                          else quarters[0].sum() > quarters[1].sum())  # fmt: skip
        assert len(found) == kinds


def test_channels_may_come_the_other_way_round(drawn):
    other = load_dataset(DataConfig(name="drawn_both", image_size=28, channel_order="bgr"))
    np.testing.assert_array_equal(other.train.images[:, ::-1], drawn["drawn_both"].train.images)


def test_another_size_is_refused():
    with pytest.raises(UsageError, match=r"`data\.image_size` is 224; drawn_both has 28"):
        load_dataset(DataConfig(name="drawn_both"))
