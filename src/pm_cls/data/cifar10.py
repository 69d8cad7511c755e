"""CIFAR-10 from the six files of its binary version (Krizhevsky 2009).

A record is one byte, the class, and 3,072: 32x32 pixels, all red ones, then green, then blue. The
Python version holds pickles, which are never read.
"""

import hashlib
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec, Split
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Classes

SIZE = 32
RECORD = 1 + 3 * SIZE * SIZE
MOST = 100_000  # records of a file; the official ones have 10,000
SPEC = Spec(channels=3, target=Classes(10), image_size=SIZE)
FILES = {
    "training": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "validation": ("test_batch.bin",),
}
UNPACKED = "cifar-10-batches-bin"  # the folder in the official archive


def load(config: DataConfig) -> Dataset:
    """Load the 50,000 training and the 10,000 test images; the test set is the validation split.

    Raises:
        DataError: files are missing, damaged or of another form.
    """
    root = typed_path(config.root)
    folder = root / UNPACKED if (root / UNPACKED).is_dir() else root
    missing = [name for names in FILES.values() for name in names if not (folder / name).is_file()]
    if missing:
        pickles = (folder / "data_batch_1").exists() or (root / "cifar-10-batches-py").exists()
        why = "; the Python version is there, whose pickles are not read" if pickles else ""
        raise DataError(
            f"{folder}: {', '.join(missing)} are missing{why}; the binary version of CIFAR-10 is "
            "needed, unpacked"
        )
    digest, splits = hashlib.sha256(), {}
    for part, names in FILES.items():
        records = np.concatenate([_records(folder / name) for name in names])
        digest.update(records.tobytes())
        images = records[:, 1:].reshape(-1, 3, SIZE, SIZE)
        if config.channel_order == "bgr":
            images = images[:, ::-1]
        labels = records[:, 0].astype(np.int64)
        splits[part] = Split(tuple(map(str, range(len(labels)))), labels, images)
    return Dataset(
        name="cifar10",
        digest=digest.hexdigest(),
        train=splits["training"],
        validation=splits["validation"],
        spec=SPEC,
        counts={
            part: {
                str(label): int(n)
                for label, n in enumerate(np.bincount(split.labels, minlength=10))
            }
            for part, split in splits.items()
        },
    )


def _records(path: Path) -> np.ndarray:
    """uint8 [n, RECORD] of a file."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST * RECORD + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})")
    if len(content) % RECORD or not content or len(content) > MOST * RECORD:
        raise DataError(
            f"{path}: {len(content):,} bytes are not whole records of {RECORD:,}; cut short, or "
            "not of the binary version?"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if (highest := int(records[:, 0].max())) > 9:
        raise DataError(f"{path}: has a label {highest}; those of CIFAR-10 are 0 to 9")
    return records
