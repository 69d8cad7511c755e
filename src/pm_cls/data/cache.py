"""Arrays that are made once and then mapped from disk, so that a run holds no copy of its own."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pm_cls.errors import UsageError


def cache_folder() -> Path:
    """`$PM_CLS_CACHE`, else `pm_cls` in the user's cache folder."""
    if chosen := os.environ.get("PM_CLS_CACHE"):
        return Path(chosen)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pm_cls" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pm_cls"


def cached_array(
    key: str, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]
) -> np.ndarray:
    """Map the array stored under `key`, after making it by `fill(array)` where it is not there.

    Args:
        key: names the content; equal keys must mean equal arrays.
        shape: of the array; its dtype is uint8.
        fill: writes every element; what it raises is passed on and nothing is stored.

    Returns:
        A read-only memory map, uint8 of the given shape.

    Raises:
        UsageError: the cache folder cannot be used.
    """
    path = cache_folder() / f"{key}.npy"
    try:
        stored = _mapped(path)
        if stored is None or stored.shape != shape:
            _make(path, shape, fill)
        return np.load(path, mmap_mode="r")
    except OSError as error:
        raise UsageError(
            f"the cache in {path.parent} cannot be used ({error.strerror}); "
            "PM_CLS_CACHE can name another folder"
        )


def _mapped(path: Path) -> np.ndarray | None:
    """The stored array; None where there is none, or a damaged one."""
    try:
        return np.load(path, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None


def _make(path: Path, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under a name of its own until it is whole, so that two processes never share a half.
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(descriptor)
    partial = Path(name)
    try:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        fill(array)
        array.flush()
        del array  # Windows renames no file that is mapped
        partial.chmod(0o644)  # a shared cache is read by everyone; mkstemp is private
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
