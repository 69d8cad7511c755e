"""The files below a folder, as people have them: links followed, clutter left out."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk(root: Path) -> Iterator[Path]:
    """Give all files below `root`: those of a folder before those of its subfolders, by name.

    Hidden files and folders and the `__MACOSX` of unpacked archives are left out. Linked folders
    are entered, each folder once.
    """
    seen = set()
    for folder, inner, files in os.walk(root, followlinks=True):
        place = Path(folder).resolve()
        if place in seen:
            inner.clear()
            continue
        seen.add(place)
        inner[:] = sorted(name for name in inner if not is_clutter(name))
        yield from (Path(folder) / name for name in sorted(files) if not is_clutter(name))


def is_clutter(name: str) -> bool:
    """Whether a file or folder is one that systems leave behind, by its name."""
    return name.startswith(".") or name == "__MACOSX"
