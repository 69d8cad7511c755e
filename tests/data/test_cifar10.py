"""CIFAR-10 from the files of its binary version."""

import tarfile

import numpy as np
import pytest

from pm_cls.config import DataConfig
from pm_cls.data import cifar10, load_dataset, spec_of
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Classes


@pytest.fixture
def objects(tmp_path):
    """Four pictures in each of the six files."""
    rng = np.random.default_rng(0)
    for names in cifar10.FILES.values():
        for name in names:
            records = rng.integers(0, 256, (4, cifar10.RECORD))
            records[:, 0] = rng.integers(0, 10, 4)
            (tmp_path / name).write_bytes(records.astype(np.uint8).tobytes())
    return tmp_path


def load(root, **settings):
    data = {"name": "cifar10", "root": str(root), "image_size": 32, **settings}
    return load_dataset(DataConfig(**data))


def test_both_splits_are_read_in_the_order_of_the_files(objects):
    found = load(objects)
    assert found.train.images.shape == (20, 3, 32, 32) and found.train.images.dtype == np.uint8
    assert found.validation.labels.shape == (4,) and found.spec.target == Classes(10)
    second = np.fromfile(objects / "data_batch_2.bin", np.uint8).reshape(4, -1)
    assert found.train.labels[4:8].tolist() == second[:, 0].tolist()
    np.testing.assert_array_equal(found.train.images[5, 1].ravel(), second[1, 1025:2049])
    assert sum(found.counts["training"].values()) == 20 and len(found.counts["validation"]) == 10
    assert not spec_of(DataConfig(name="cifar10", image_size=32)).of_photographs


def test_the_folder_of_the_archive_may_be_named_or_that_above_it(objects):
    inner = objects / "above" / cifar10.UNPACKED
    inner.mkdir(parents=True)
    for file in objects.glob("*.bin"):
        file.rename(inner / file.name)
    assert load(objects / "above").digest == load(inner).digest


def pack(folder):
    """Put the files into an archive as the official one, which comes back."""
    with tarfile.open(folder / cifar10.ARCHIVE, "w:gz") as packed:
        for file in sorted(folder.glob("*.bin")):
            packed.add(file, f"{cifar10.UNPACKED}/{file.name}")
            file.unlink()
    return folder / cifar10.ARCHIVE


@pytest.fixture
def archive(objects):
    return pack(objects)


def test_the_archive_is_read_as_it_was_downloaded(objects):
    unpacked = load(objects).digest
    pack(objects)
    assert load(objects).digest == unpacked
    assert [file.name for file in objects.iterdir()] == [cifar10.ARCHIVE]


@pytest.mark.parametrize("left", [0, 10, 5000], ids=["empty", "header", "cut"])
def test_an_archive_that_is_not_whole_is_told(archive, left):
    archive.write_bytes(archive.read_bytes()[:left])
    with pytest.raises(DataError, match="is no whole archive of CIFAR-10's binary version"):
        load(archive.parent)


def test_an_archive_of_something_else_is_told(archive):
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(__file__, f"{cifar10.UNPACKED}/data_batch_1.bin")
    with pytest.raises(DataError, match="is no whole archive"):
        load(archive.parent)


def test_channels_can_be_reversed(objects):
    rgb, bgr = load(objects), load(objects, channel_order="bgr")
    np.testing.assert_array_equal(rgb.train.images[:, ::-1], bgr.train.images)


def test_missing_files_are_named(objects):
    (objects / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3\.bin are missing; the binary version"):
        load(objects)
    (objects / "data_batch_1").touch()
    with pytest.raises(DataError, match="pickles are not read"):
        load(objects)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes are not whole records"),
        (bytes(cifar10.RECORD - 1), "cut short"),
        (bytes(cifar10.RECORD) + b"x", "3,074 bytes"),
        (bytes([10]) + bytes(cifar10.RECORD - 1), "label 10; those of CIFAR-10 are 0 to 9"),
    ],
    ids=["empty", "cut", "more", "label"],
)
def test_damaged_files_are_told(objects, content, words):
    (objects / "test_batch.bin").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load(objects)


def test_size_is_32(objects):
    with pytest.raises(UsageError, match="cifar10 has 32"):
        load(objects, image_size=28)
