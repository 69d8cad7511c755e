"""Photographs from elsewhere: a folder, and a CSV with the columns file and label.

Of any size, and of any format that Pillow reads. Nothing is trained on them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Split
from pm_cls.data.photographs.folders import Files, walk_folders
from pm_cls.data.photographs.formats import is_photograph
from pm_cls.data.photographs.labels import read_labels
from pm_cls.data.photographs.layout import marked_name
from pm_cls.data.photographs.names import normal
from pm_cls.data.photographs.splits import (
    Photographs,
    content_digests,
    described,
    digest_of,
    load_split,
    nearly_black_note,
    repeated,
)
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.paths import is_file
from pm_cls.runtime.wording import enumerate_names

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


@dataclass(frozen=True)
class External:
    """The photographs, under a name.

    Attributes:
        dataset: `synthetic` where the folder is marked so, else the name.
        digest: SHA-256 (hex) over names, labels and contents.
        repeated: groups of names with the same content.
        ignored: how many photographs of the folder have no row.
        notes: sentences about what people should know of them.
    """

    name: str
    dataset: str
    digest: str
    split: Split
    repeated: list[list[str]]
    ignored: int
    notes: tuple[str, ...] = ()


class Finder:
    """Finds the photographs of a folder by the names that a table gives them.

    These may be written as on Windows or macOS, and be absolute, on another machine too: then
    their last parts count, as many as there are.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.photographs: set[str] = set()
        self.by_name: dict[str, str] = {}
        for inner, names in walk_folders(folder):
            beginning = inner.relative_to(folder).as_posix()
            for name in names:
                path = name if beginning == "." else f"{beginning}/{name}"
                self.by_name[normal(path)] = path
                if is_photograph(name):
                    self.photographs.add(path)

    def find(self, given: str) -> str:
        """The file's path from the folder; what was given where there is none."""
        if not given:
            return ""
        plain = os.path.normpath(given)
        if is_file(self.folder / plain):
            return self._inner(plain)
        parts = PurePosixPath(os.path.normpath(normal(given).replace("\\", "/"))).parts
        if not parts:  # of `.`
            return plain
        first = 1 if parts[0].endswith((":", "/")) else 0
        is_absolute = first or given.startswith("\\")
        for start in range(first, len(parts) if is_absolute else first + 1):
            if found := self.by_name.get("/".join(parts[start:])):
                return found
        return plain

    def _inner(self, path: str) -> str:
        """The path from the folder of a file that is there, if it lies in it."""
        if not Path(path).is_absolute():
            return path
        for form in (os.path.abspath, os.path.realpath):
            whole, folder = Path(form(path)), Path(form(self.folder))
            if whole.is_relative_to(folder):
                return whole.relative_to(folder).as_posix()
        return path


def load(folder: Path, table: Path, config: DataConfig, name: str | None = None) -> External:
    """Load the photographs that the table names.

    Args:
        config: gives the size and the order of the channels.
        name: default: that of the folder.

    Raises:
        UsageError: the name cannot be one of a file.
        DataError: folder, table or photographs are missing or bad (the first ones are listed).
    """
    name = folder.resolve().name if name is None else name
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"{name!r} cannot name this data; letters a to z, digits and _ . - can, a "
            "letter or a digit first, with --name"
        )
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder")
    place = Finder(folder)
    given: dict[str, set[str]] = {}

    def found(name: str) -> str:
        path = place.find(name)
        given.setdefault(path, set()).add(os.path.normpath(name.replace("\\", "/")))
        return path

    labels = read_labels(table, found, config.classes)
    if not labels:
        raise DataError(f"{table}: names no photographs")
    files = Files([folder] * len(labels), sorted(labels))
    if absent := [name for name in files.names if not is_file(folder / name)]:
        raise DataError(f"{table}: not in {folder}: {enumerate_names(absent)}")
    for path, names in given.items():
        if len(names) > 1:
            shown = enumerate_names(sorted(names), 3)
            raise DataError(f"{table}: {shown} are one file in {folder}, {path}; name each once")
    digests = content_digests(files)
    photographs = Photographs(files, np.array([labels[name] for name in files.names], np.int64))
    split = load_split(photographs, digests, config)
    return External(
        name=name,
        dataset=marked_name(folder) or name,
        digest=digest_of(described(photographs, digests)),
        split=split,
        repeated=repeated(files.names, digests),
        ignored=len(place.photographs - set(files.names)),
        notes=nearly_black_note(split),
    )
