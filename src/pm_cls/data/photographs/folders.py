"""The files below a folder, as people have them: links followed, clutter left out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pm_cls.runtime.errors import DataError

# Of macOS, of Windows and of network drives; ~$ begins the locks of Office.
CLUTTER = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "folder.ico", "icon\r", "@eadir"}


@dataclass(frozen=True)
class Files(Sequence[str]):
    """The paths of many files, joined when they are asked for.

    As text, since pathlib is ten times as large and keeps a table of the names that it has seen.

    Attributes:
        folders: of n files; those of one folder share a Path.
        names: n, relative to the folders.
    """

    folders: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, folder: Path, name: str) -> None:
        self.folders.append(folder)
        self.names.append(name)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]  # slices are not needed
        return os.path.join(self.folders[index], self.names[index])

    def __add__(self, other: "Files") -> "Files":
        return Files(self.folders + other.folders, self.names + other.names)


def walk(root: Path) -> Iterator[Path]:
    """Give all files below `root`, as `walk_folders` finds them."""
    for folder, names in walk_folders(root):
        yield from (folder / name for name in names)


def walk_folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Give `root` and the folders below it with the names of their files, all sorted by name.

    Hidden files and folders and the `__MACOSX` of unpacked archives are left out. Linked folders
    are entered, each folder once. DataError where one cannot be read.
    """
    seen = set()
    for folder, inner, files in os.walk(root, onerror=_refuse, followlinks=True):
        place = Path(folder).resolve()
        if place in seen:
            inner.clear()
            continue
        seen.add(place)
        inner[:] = sorted(name for name in inner if not is_clutter(name))
        yield Path(folder), sorted(name for name in files if not is_clutter(name))


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError | NotADirectoryError):  # which has no files
        return
    raise DataError(f"{error.filename}: cannot be read ({error.strerror})")


def is_clutter(name: str) -> bool:
    """Whether a file or folder is one that systems leave behind, by its name."""
    return name.startswith((".", "~$")) or name.lower() in CLUTTER
