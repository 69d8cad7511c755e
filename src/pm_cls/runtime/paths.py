"""Paths as people type them."""

import os
from collections.abc import Sequence
from pathlib import Path

from pm_cls.runtime.errors import UsageError

# Where reports go, and those of drawn photographs; results/ is what was published.
OUT, OUT_SYNTHETIC = Path("results-mine"), Path("results-synthetic")


def typed_path(text: str) -> Path:
    """The path that a text names: `~` and `~user` are expanded, all else stands for itself.

    It is also the `type` of every option that takes a path, as a shell expands `~` in `--out ~/x`
    and not in `--out=~/x`. A folder whose name is `~` is `./~`.

    Raises:
        UsageError: the text is empty, as an unset variable of a shell leaves it.
    """
    if not text.strip():
        raise UsageError(f"{text!r} is no path; the name of a file or folder is needed")
    return Path(os.path.expanduser(text))  # noqa: PTH111  # pathlib forgets the ./ of ./~


def is_file(path: Path) -> bool:
    """Whether a file is there; what no file can be called, or nobody here may see, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_output(option: str, path: Path, endings: Sequence[str]) -> None:
    """Check, before any work, that a file of a kind can be written at a path.

    Args:
        endings: of its kind, as `.csv`; a file of another kind is so never replaced.

    Raises:
        UsageError: a folder is there, the path ends otherwise, or its folder takes no files.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder; name a file")
    if path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path}: does not end in {' or '.join(endings)}; name another")
    check_folder(option, path.parent)


def check_folder(option: str, path: Path) -> None:
    """Check, before any work, that files can be written into a folder that need not be there yet.

    Raises:
        UsageError: it, or what is there above it, is no folder or takes none.
    """
    if obstacle := closed(path):
        why = " (it is a file; a folder is needed)" if obstacle.is_file() else ""
        raise UsageError(f"{option} {path}: {obstacle} cannot be written{why}")


def closed(folder: Path) -> Path | None:
    """What keeps files out of a folder: it, or the nearest above that is there; None if nothing."""
    places = (folder, *folder.absolute().parents)
    above = next(place for place in places if os.path.exists(place))  # noqa: PTH110 (never raises)
    return None if above.is_dir() and os.access(above, os.W_OK) else above
