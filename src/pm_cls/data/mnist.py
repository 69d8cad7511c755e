"""MNIST from the four official idx files, plain or .gz, or from Paddle's downloader by name."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec, Split
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Classes

DOWNLOAD = "download"  # as `data.root`: let Paddle fetch the files
SIZE = 28
MAX_VALUES = 100_000_000  # of a file; the largest official one has 47,040,000
SPEC = Spec(channels=1, target=Classes(10), image_size=SIZE)
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load(config: DataConfig) -> Dataset:
    """Load the 60,000 training and the 10,000 test digits; the test set is the validation split.

    Raises:
        DataError: files are missing, damaged or do not fit each other.
    """
    splits = {
        part: _split(*(_downloaded(part) if config.root == DOWNLOAD else _files(config.root, part)))
        for part in FILES
    }
    digest = hashlib.sha256()
    for split in splits.values():
        digest.update(split.images.tobytes())
        digest.update(split.labels.tobytes())
    return Dataset(
        name="mnist",
        digest=digest.hexdigest(),
        train=splits["train"],
        validation=splits["test"],
        spec=SPEC,
        counts={
            "training": _count(splits["train"].labels),
            "validation": _count(splits["test"].labels),
        },
    )


def _count(labels: np.ndarray) -> dict[str, int]:
    return {str(label): int(n) for label, n in enumerate(np.bincount(labels, minlength=10))}


def _find(root: Path, name: str) -> Path | None:
    # Some unpackers write the last dash as a dot.
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (root / f"{stem}.gz", root / stem):
            if path.is_file():
                return path
    return None


def _files(root: str, part: str) -> tuple[Path, Path]:
    folder = typed_path(root)
    images, labels = (_find(folder, name) for name in FILES[part])
    if images is None or labels is None:
        names = ", ".join(f"{name}(.gz)" for pair in FILES.values() for name in pair)
        raise DataError(
            f"{folder}: the MNIST files are not all there; needed: {names}; "
            f"or `--set data.root={DOWNLOAD}` to let Paddle fetch them"
        )
    return images, labels


def _downloaded(part: str) -> tuple[Path, Path]:
    try:
        from paddle.vision.datasets import MNIST  # here alone, so that files need no Paddle

        fetched = MNIST(mode=part, download=True)
    except Exception as error:  # whatever the network does
        raise DataError(f"Paddle could not download MNIST ({type(error).__name__}: {error})")
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
