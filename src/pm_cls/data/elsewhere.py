"""Photographs from elsewhere: a folder, and a CSV with the columns file and label.

Of any size, and of any format that Pillow reads. Nothing is trained on them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.arrays import Split
from pm_cls.data.folders import Files, walk
from pm_cls.data.ichallenge_pm import marked_name
from pm_cls.data.images import SUFFIXES
from pm_cls.data.labels import read_labels
from pm_cls.data.photographs import (
    Photographs,
    content_digests,
    described,
    digest_of,
    enumerate_names,
    load_split,
    repeated,
)
from pm_cls.errors import DataError, UsageError

FILE_COLUMN = "file"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


@dataclass(frozen=True)
class Elsewhere:
    """The photographs, under a name.

    Attributes:
        dataset: `synthetic` where the folder is marked so, else the name.
        digest: SHA-256 (hex) over names, labels and contents.
        repeated: groups of names with the same content.
        ignored: how many photographs of the folder have no row.
    """

    name: str
    dataset: str
    digest: str
    split: Split
    repeated: list[list[str]]
    ignored: int


def _one_name(file: str) -> str:
    """`a.jpg` for `./a.jpg`, so that one photograph has one label."""
    return os.path.normpath(file) if file else ""


def load(folder: Path, table: Path, config: DataConfig, name: str | None = None) -> Elsewhere:
    """Load the photographs that the table names.

    Args:
        config: gives the size and the order of the channels.
        name: default: that of the folder.

    Raises:
        UsageError: the name cannot be one of a file.
        DataError: folder, table or photographs are missing or bad (all are listed).
    """
    name = folder.resolve().name if name is None else name
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"{name!r} cannot name this data; letters, digits and _ . - can, with --name"
        )
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder")
    labels = read_labels(table, FILE_COLUMN, key=_one_name)
    if not labels:
        raise DataError(f"{table}: names no photographs")
    files = Files([folder] * len(labels), sorted(labels))
    if absent := [name for name in files.names if not (folder / name).is_file()]:
        raise DataError(f"{table}: not in {folder}: {enumerate_names(absent)}")
    digests = content_digests(files)
    photographs = Photographs(files, np.array([labels[name] for name in files.names], np.int64))
    named = {Path(path).resolve() for path in files}
    others = [path for path in walk(folder) if path.suffix.lower() in SUFFIXES]
    return Elsewhere(
        name=name,
        dataset=marked_name(folder) or name,
        digest=digest_of(described(photographs, digests)),
        split=load_split(photographs, digests, config),
        repeated=repeated(files.names, digests),
        ignored=sum(path.resolve() not in named for path in others),
    )
