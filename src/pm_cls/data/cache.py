"""Arrays that are made once and then mapped from disk, so that a run holds no copy of its own."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


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
    """
    path = cache_folder() / f"{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Under a name of its own until it is whole, so that two processes never share a half.
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(descriptor)
        partial = Path(name)
        try:
            array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            fill(array)
            array.flush()
            del array
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")
