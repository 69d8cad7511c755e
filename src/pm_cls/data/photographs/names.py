"""Names of photographs: what tells them apart, and what happens where two have one."""

import filecmp
import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pm_cls.data.photographs.folders import Files
from pm_cls.data.photographs.formats import SUFFIXES
from pm_cls.runtime.errors import DataError


def normal(name: str) -> str:
    """A name in one Unicode form: macOS writes é as two characters, others as one."""
    return unicodedata.normalize("NFC", name)


def photograph_key(file_name: str) -> str:
    """What tells photographs apart: the name in upper case without folders and its ending.

    Folders as Windows writes them count too: `D:\\palm\\V0001.jpg` is `V0001`.
    """
    name = re.split(r"[\\/]", file_name.strip())[-1]
    stem, _, ending = name.rpartition(".")
    is_known = stem and f".{ending.lower()}" in SUFFIXES
    return normal(normal(stem if is_known else name).upper())


def each_once(files: Files) -> tuple[Files, list[str]]:
    """The files sorted by key, each key once, and a sentence if some were there twice.

    Raises:
        DataError: photographs of one name have different contents.
    """
    keys = [photograph_key(name) for name in files.names]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    kept: list[int] = []
    equal: list[tuple[int, int]] = []
    different: list[tuple[int, int]] = []
    for _, group in groupby(order, key=keys.__getitem__):
        first, *others = group
        kept.append(first)
        for other in others:
            (equal if _is_same(files[first], files[other]) else different).append((first, other))
    if different:
        raise DataError(_clash(files, different))
    notes = []
    if equal:
        first, other = equal[0]
        notes.append(
            f"{len(equal):,} photographs lie there again with the same name and content, and were "
            f"taken once: {files[other]} as {files[first]}{' and so on' if equal[1:] else ''}"
        )
    once = Files([files.folders[i] for i in kept], [files.names[i] for i in kept])
    return once, notes


def _clash(files: Files, pairs: Sequence[tuple[int, int]]) -> str:
    first, other = pairs[0]
    more = f", and so do {len(pairs) - 1:,} more pairs" if len(pairs) > 1 else ""
    one, two = files.folders[first], files.folders[other]
    advice = "one of each pair" if one == two else f"those in {two}, or those in {one}"
    return (
        f"one name for two photographs: {files[first]} and {files[other]} differ in content{more}; "
        f"remove or rename {advice}"
    )


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other) or filecmp.cmp(one, other, shallow=False)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")
