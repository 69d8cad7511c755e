"""What a network may be asked about: files, folders and arrays of photographs."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pm_cls.data.photographs.folders import walk
from pm_cls.data.photographs.formats import EXAMPLES, is_photograph
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.wording import enumerate_names


def each_of(photographs: Any) -> list[Any]:
    """The paths or arrays, where one of them may stand alone; UsageError of what is neither."""
    if isinstance(photographs, str | Path | np.ndarray):
        return [photographs]
    each = list(photographs) if isinstance(photographs, Iterable) else [photographs]
    for one in each:
        if not isinstance(one, str | Path | np.ndarray):
            found = type(one).__name__
            raise UsageError(f"photographs are paths or uint8 arrays; {found} was given")
    return each


def photograph_files(given: Iterable[str | Path]) -> list[str]:
    """The photographs among paths of files and folders; what else is in folders is noted.

    Raises:
        DataError: there are none.
    """
    files: list[str] = []  # a Path is ten times as large
    others: list[str] = []
    for path in map(Path, given):
        if not path.is_dir():
            files.append(str(path))
            continue
        for file in walk(path):
            if is_photograph(file.name):
                files.append(str(file))
            else:
                others.append(file.name)
    if not files:
        places = ", ".join(map(str, given)) or "an empty list"
        raise DataError(f"{places}: no photographs found; {EXAMPLES} are read")
    note("files that are no photographs", others)
    return files


def note(what: str, names: Sequence[str]) -> None:
    """Name some of the photographs of which something is to be known, on standard error."""
    if names:
        listed = enumerate_names(names, 5)
        print(f"note: {what} ({len(names)}): {listed}", file=sys.stderr)


def photographs_of(array: np.ndarray) -> Iterable[np.ndarray]:
    """uint8 [height, width, 3] each; UsageError where the array holds no such photographs."""
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise UsageError(
            f"photographs as arrays are uint8, 0 to 255; {found} was given, whose "
            "range is not known"
        )
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise UsageError(
            f"photographs as arrays are [height, width, 3] or [n, height, width, 3] in RGB; "
            f"{list(array.shape)} was given"
        )
    return array if array.ndim == 4 else [array]
