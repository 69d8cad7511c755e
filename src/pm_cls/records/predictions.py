"""predictions_epoch5.csv: name, label and logits of each scored image; all else is made of these.

The columns are `image`, then those of the target (`pm_cls.scores.target`): `label,logit`, or
`label,logit_0,...`. Logits have up to nine significant digits, which give the same float32 again.

Of more than LARGE images, and where it is published, the file is compressed,
predictions_epoch5.csv.xz; both are read, as by `pandas.read_csv`. A path here is that of the plain
file. Even so, float32 of ten classes and 10,000 images take half a megabyte; `published` halves it.
"""

import csv
import io
import lzma
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pm_cls.runtime.files import csv_text, write_bytes, write_text
from pm_cls.scores import metrics
from pm_cls.scores.target import Target, target_of

LARGE = 2000


@dataclass(frozen=True)
class Predictions:
    """Names, labels int64 and logits float32 [n, outputs] of scored images; see `Target`."""

    names: tuple[str, ...]
    labels: np.ndarray
    logits: np.ndarray
    target: Target

    def scores(self) -> metrics.Scores:
        return metrics.scores(self.logits, self.labels, self.target)

    def right(self) -> np.ndarray:
        """bool [n]: which were given their label."""
        return self.target.right(self.logits, self.labels)


def _compressed(path: Path) -> Path:
    return path.with_name(f"{path.name}.xz")


def file(folder: Path, epoch: int) -> Path:
    return folder / f"predictions_epoch{epoch}.csv"


def _shortest(logit: np.float32) -> str:
    short = f"{round(float(logit), 3):.9g}"
    return short if np.float32(short) == logit else f"{logit:.9g}"


def write(path: Path, found: Predictions) -> None:
    labels = found.labels.reshape(len(found.labels), -1)
    is_large = len(found.names) > LARGE
    number = _shortest if is_large else "{:.9g}".format
    rows = [
        [name, *label, *map(number, row)]
        for name, label, row in zip(found.names, labels, found.logits, strict=True)
    ]
    columns = ["image", *found.target.label_columns, *found.target.logit_columns]
    text = csv_text(columns, rows)
    if is_large:
        write_bytes(_compressed(path), lzma.compress(text.encode("utf-8", "surrogateescape")))
        path.unlink(missing_ok=True)
    else:
        write_text(path, text)
        _compressed(path).unlink(missing_ok=True)


def stored(path: Path) -> Path:
    """The file that is there, plain or compressed; the plain one's path where there is none."""
    return path if path.is_file() or not _compressed(path).is_file() else _compressed(path)


def read(path: Path) -> Predictions:
    """Read the very values that were written.

    Raises:
        OSError, ValueError, LookupError: it is not there or damaged.
    """
    content = stored(path).read_bytes()
    if stored(path) != path:
        try:
            content = lzma.decompress(content)
        except lzma.LZMAError as error:
            raise ValueError(f"damaged: {error}")
    text = content.decode("utf-8", "surrogateescape")
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""))
    except csv.Error as error:
        raise ValueError(f"damaged: {error}")
    target = target_of(header[1:])
    end = 1 + len(target.label_columns)
    labels = np.array([row[1:end] for row in rows], np.int64)
    return Predictions(
        names=tuple(row[0] for row in rows),
        labels=labels[:, 0] if end == 2 else labels,
        logits=np.array([row[end:] for row in rows], np.float32).reshape(-1, target.outputs),
        target=target,
    )


def published(path: Path) -> Predictions:
    """What the report is made of and publishes: of more than LARGE images logits to a thousandth.

    Those of an image that would get another answer so (`Target.predicted`) stay as they are. Once
    is enough: published again they are the same. Raises as `read` does.
    """
    return _shorter(read(path))


def publish(path: Path, copy: Path) -> None:
    """Write what is published of a file, compressed; one that is that already is copied."""
    found, kept = read(path), stored(path)
    shorter = _shorter(found)
    if not np.array_equal(shorter.logits, found.logits, equal_nan=True):
        write(copy, shorter)
    elif kept == path:
        write_bytes(_compressed(copy), lzma.compress(path.read_bytes()))
    else:
        shutil.copyfile(kept, _compressed(copy))


def _shorter(found: Predictions) -> Predictions:
    if len(found.names) <= LARGE:
        return found
    shorter = np.round(found.logits.astype(np.float64), 3).astype(np.float32)
    same = found.target.predicted(shorter) == found.target.predicted(found.logits)
    same = same.reshape(len(same), -1).all(axis=1, keepdims=True)
    return replace(found, logits=np.where(same, shorter, found.logits))
