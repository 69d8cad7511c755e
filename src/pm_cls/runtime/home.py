"""Folders of the user, who may have no home, as in a container, or one that cannot be written."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pm_cls.runtime.errors import UsageError


def cache_folder() -> Path:
    """`$PM_CLS_CACHE`, else `pm_cls` in the user's cache folder or among the temporary files.

    Raises:
        UsageError: none of them can be written.
    """
    if chosen := os.environ.get("PM_CLS_CACHE"):
        return Path(chosen)
    try:
        folder = _cache_home() / "pm_cls"
    except OSError as error:
        raise UsageError(
            f"no folder for a cache can be written ({error.strerror}); PM_CLS_CACHE can name one"
        )
    return folder / "cache" if os.name == "nt" else folder


def give_matplotlib_a_folder() -> None:
    """Name a folder for Matplotlib's settings and fonts where the usual one cannot be used.

    Without one it fails at its import, or warns. To be called before that.
    """
    if os.environ.get("MPLCONFIGDIR"):
        return
    settings = os.environ.get("XDG_CONFIG_HOME")
    usual = [*_usual(), *([Path(settings)] if settings else _homes())]
    if len(usual) < 2 or not all(map(_can_be_made, usual)):
        os.environ["MPLCONFIGDIR"] = str(_own_temporary() / "matplotlib")


def _cache_home() -> Path:
    """The user's folder for caches; else one among the temporary files that is this user's alone.

    Raises:
        OSError: there is none that can be used.
    """
    for folder in _usual():
        if _can_be_made(folder):
            return folder
    return _own_temporary()


def _usual() -> list[Path]:
    """Where caches go, if that is known."""
    name = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    if named := os.environ.get(name):
        return [Path(named)]
    return [home / ".cache" for home in _homes()]


def _homes() -> list[Path]:
    try:
        return [Path.home()]
    except RuntimeError:  # no HOME, and no entry for this user
        return []


def _can_be_made(folder: Path) -> bool:
    """Whether files can be written in a folder, or in one that is made under this name."""
    if not folder.is_absolute():
        return False
    for above in (folder, *folder.parents):
        if os.access(above, os.F_OK):
            return above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    return False


def _own_temporary() -> Path:
    """Others may have made a folder of this name and put something in it: it has to be ours."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"pm_cls-{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if hasattr(os, "getuid") and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022
    ):
        return Path(tempfile.mkdtemp(prefix="pm_cls-"))
    return folder
