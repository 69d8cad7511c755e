"""MNIST and Fashion-MNIST from idx files."""

import types

import numpy as np
import pytest

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset, mnist
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Classes
from tests.conftest import idx


def load(root, name="mnist", **settings):
    return load_dataset(DataConfig(name=name, root=str(root), **{"image_size": 28, **settings}))


def test_a_limit_draws_the_same_images_of_each_split(digits):
    whole, cut = load(digits), load(digits, limit=25)
    assert len(cut.train.labels) == 25 and len(cut.validation.labels) == 20
    kept = [int(name) for name in cut.train.names]
    assert kept == sorted(set(kept)) and kept != list(range(25))
    np.testing.assert_array_equal(cut.train.images, whole.train.images[kept])
    np.testing.assert_array_equal(cut.train.labels, whole.train.labels[kept])
    assert load(digits, limit=25).train.names == cut.train.names
    assert len({load(digits, limit=n).digest for n in (None, 24, 25)}) == 3
    assert cut.limit == 25


def test_both_splits_are_read_plain_or_compressed(digits):
    dataset = load(digits)
    assert dataset.train.images.shape == (30, 1, 28, 28)
    assert dataset.validation.labels.shape == (20,)
    assert dataset.spec.target == Classes(10) and dataset.name == "mnist"


def test_real_digits(real_data):
    dataset = load(real_data / "mnist")
    assert dataset.train.images.shape == (60000, 1, 28, 28)
    assert dataset.validation.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_one_is_not_taken_for_the_other(real_data):
    clothes = load(real_data / "fashion-mnist", "fashion_mnist")
    assert clothes.name == "fashion_mnist" and clothes.train.labels[:3].tolist() == [9, 0, 0]
    with pytest.raises(DataError, match="files of fashion_mnist, not those of mnist"):
        load(real_data / "fashion-mnist")
    with pytest.raises(DataError, match="files of mnist, not those of fashion_mnist"):
        load(real_data / "mnist", "fashion_mnist")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_missing_files_are_named(digits, name):
    (digits / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=f"files of {name} .* t10k-labels-idx1-ubyte"):
        load(digits, name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no idx file"),
        (b"\0\0\x08\x01\0\0\0\x14" + bytes(5), "cut short"),
        (idx(np.full(20, 10)), "labels from 0 to 9"),
        (idx(np.zeros(19)), "as many labels"),
    ],
)
def test_damaged_files_are_told(digits, content, words):
    (digits / "t10k-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load(digits)


def test_cut_gzip_is_told(digits):
    path = digits / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        load(digits)


def test_size_is_28(digits):
    with pytest.raises(UsageError, match="mnist has 28"):
        load(digits, image_size=32)


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_paddle_downloads_when_asked_by_name(digits, monkeypatch, name, kind):
    from paddle.vision import datasets

    def fetch(mode, download):
        assert download
        images, labels = mnist._files(DataConfig(name=name, root=str(digits)), mode)
        return types.SimpleNamespace(image_path=str(images), label_path=str(labels))

    monkeypatch.setattr(datasets, kind, fetch)
    assert load(mnist.DOWNLOAD, name).digest == load(digits, name).digest

    monkeypatch.setattr(datasets, kind, lambda **_: 1 / 0)
    with pytest.raises(DataError, match=f"could not download {name}"):
        load(mnist.DOWNLOAD, name)
