"""MNIST and Fashion-MNIST from four idx files each, plain or .gz, or by Paddle's downloader.

The files of both have the same names and sizes, so that one is told from the other by its digest.
"""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec, Split, counts_of
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Classes

DOWNLOAD = "download"  # as `data.root`: let Paddle fetch the files
SIZE = 28
MAX_VALUES = 100_000_000  # of a file; the largest official one has 47,040,000
SPEC = Spec(channels=1, target=Classes(10), image_size=SIZE)
OFFICIAL = {  # of the data, as in the records
    "mnist": "1e35582d42a90940c55b956deb61875c020b567ed20e3c5b174f52bf7809ed9b",
    "fashion_mnist": "ece172613115fb18b120bec8f6c02271af90b8b8f0a5af5c51cbd5ceed68e619",
}
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load(config: DataConfig) -> Dataset:
    """Load the 60,000 training and the 10,000 test images; the test set is the validation split.

    Raises:
        DataError: files are missing, damaged, of the other data set, or do not fit each other.
    """
    name = config.name
    splits = {
        part: _split(
            *(_downloaded(part, name) if config.root == DOWNLOAD else _files(config, part))
        )
        for part in FILES
    }
    digest = hashlib.sha256()
    for split in splits.values():
        digest.update(split.images.tobytes())
        digest.update(split.labels.tobytes())
    (found,) = [known for known, of in OFFICIAL.items() if of == digest.hexdigest()] or [name]
    if found != name:
        raise DataError(f"{config.root}: these are the files of {found}, not those of {name}")
    return Dataset(
        name=name,
        digest=digest.hexdigest(),
        train=splits["train"],
        validation=splits["test"],
        spec=SPEC,
        counts={
            "training": counts_of(splits["train"].labels, 10),
            "validation": counts_of(splits["test"].labels, 10),
        },
    )


def _find(root: Path, name: str) -> Path | None:
    # Some unpackers write the last dash as a dot.
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (root / f"{stem}.gz", root / stem):
            if path.is_file():
                return path
    return None


def _files(config: DataConfig, part: str) -> tuple[Path, Path]:
    folder = typed_path(config.root)
    images, labels = (_find(folder, name) for name in FILES[part])
    if images is None or labels is None:
        names = ", ".join(f"{name}(.gz)" for pair in FILES.values() for name in pair)
        raise DataError(
            f"{folder}: the files of {config.name} are not all there; needed: {names}; "
            f"or `--set data.root={DOWNLOAD}` to let Paddle fetch them"
        )
    return images, labels


def _downloaded(part: str, name: str) -> tuple[Path, Path]:
    try:
        from paddle.vision import datasets  # here alone, so that files need no Paddle

        kind = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
        fetched = kind(mode=part, download=True)
    except Exception as error:  # whatever the network does
        raise DataError(f"Paddle could not download {name} ({type(error).__name__}: {error})")
    return Path(fetched.image_path), Path(fetched.label_path)


def _split(images_path: Path, labels_path: Path) -> Split:
    images = _read_idx(images_path, dimensions=3)
    labels = _read_idx(labels_path, dimensions=1)
    if images.shape[1:] != (SIZE, SIZE) or len(images) != len(labels) or labels.max() > 9:
        raise DataError(
            f"{images_path}: {images.shape} images with {labels.shape} labels up to "
            f"{labels.max()}; {SIZE}x{SIZE} images with as many labels from 0 to 9 are needed"
        )
    names = tuple(str(index) for index in range(len(labels)))
    return Split(names, labels.astype(np.int64), images[:, np.newaxis])


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an idx file: bytes 0 0 8 (uint8) and the number of axes, their lengths, the values."""
    start = 4 + 4 * dimensions
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(start)
            if header[:4] != bytes([0, 0, 8, dimensions]) or len(header) < start:
                raise DataError(f"{path}: is no idx file of uint8 values with {dimensions} axes")
            shape = tuple(np.frombuffer(header[4:], ">u4").tolist())
            count = math.prod(shape)
            if count > MAX_VALUES:
                raise DataError(
                    f"{path}: claims {count:,} values, {shape}; up to {MAX_VALUES:,} are read"
                )
            content = file.read(count + 1)  # a file may unfold to any size
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})")
    values = np.frombuffer(content, np.uint8)
    if len(values) != count or not count:
        found = f"more than {count:,}" if len(values) > count else f"{len(values):,}"
        raise DataError(f"{path}: {found} values where the header says {shape}; cut short?")
    return values.reshape(shape)
