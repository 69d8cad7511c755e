"""CIFAR-10 from the six files of its binary version, or the official archive (Krizhevsky 2009).

A record is one byte, the class, and 3,072: 32x32 pixels, all red ones, then green, then blue. The
Python version holds pickles, which are never read.
"""

import hashlib
import tarfile
import zlib
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec, Split, counts_of
from pm_cls.data.transforms import in_order
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
ARCHIVE, UNPACKED = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"  # the folder in it


def load(config: DataConfig) -> Dataset:
    """Load the 50,000 training and the 10,000 test images; the test set is the validation split.

    Raises:
        DataError: files are missing, damaged or of another form.
    """
    contents = _contents(typed_path(config.root))
    digest, splits = hashlib.sha256(), {}
    for part, names in FILES.items():
        records = np.concatenate([_records(*contents[name]) for name in names])
        digest.update(records.tobytes())
        images = records[:, 1:].reshape(-1, 3, SIZE, SIZE)
        images = in_order(images, config.channel_order)
        labels = records[:, 0].astype(np.int64)
        splits[part] = Split(tuple(map(str, range(len(labels)))), labels, images)
    return Dataset(
        name="cifar10",
        digest=digest.hexdigest(),
        train=splits["training"],
        validation=splits["validation"],
        spec=SPEC,
        counts={part: counts_of(split.labels, 10) for part, split in splits.items()},
    )


def _contents(root: Path) -> dict[str, tuple[str, bytes]]:
    """By the name of each file where it lies, and what it holds, up to a record more than MOST."""
    names = [name for each in FILES.values() for name in each]
    folder = root / UNPACKED if (root / UNPACKED).is_dir() else root
    missing = [name for name in names if not (folder / name).is_file()]
    if len(missing) == len(names) and (root / ARCHIVE).is_file():
        return _packed(root / ARCHIVE, names)
    if missing:
        pickles = (folder / "data_batch_1").exists() or (root / "cifar-10-batches-py").exists()
        why = "; the Python version is there, whose pickles are not read" if pickles else ""
        raise DataError(
            f"{folder}: {', '.join(missing)} are missing{why}; the binary version of CIFAR-10 is "
            f"needed, unpacked or as {ARCHIVE}"
        )
    found = {}
    for name in names:
        try:
            with (folder / name).open("rb") as file:
                found[name] = (str(folder / name), file.read(MOST * RECORD + 1))
        except OSError as error:
            raise DataError(f"{folder / name}: cannot be read ({error.strerror})")
    return found


def _packed(archive: Path, names: list[str]) -> dict[str, tuple[str, bytes]]:
    """As `_contents`, of the archive; nothing is unpacked to disk."""
    found = {}
    try:
        with tarfile.open(archive) as opened:
            for name in names:
                file = opened.extractfile(f"{UNPACKED}/{name}")
                if file is None:
                    raise KeyError(f"{name} is no file")
                found[name] = (f"{archive}: {name}", file.read(MOST * RECORD + 1))
    except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{archive}: is no whole archive of CIFAR-10's binary version ({error})")
    return found


def _records(place: str, content: bytes) -> np.ndarray:
    """uint8 [n, RECORD] of a file."""
    if len(content) % RECORD or not content or len(content) > MOST * RECORD:
        raise DataError(
            f"{place}: {len(content):,} bytes are not whole records of {RECORD:,}; cut short, or "
            "not of the binary version?"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if (highest := int(records[:, 0].max())) > 9:
        raise DataError(f"{place}: has a label {highest}; those of CIFAR-10 are 0 to 9")
    return records
