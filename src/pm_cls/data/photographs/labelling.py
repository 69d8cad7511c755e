"""Files -> photographs with labels: of training by their names, of validation by a table.

In training the first letter of a name is the label (thesis 3.2): P is pathological myopia, label
1; H (high myopia) and N (normal) have label 0.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pm_cls.data.photographs import labels as label_tables
from pm_cls.data.photographs.folders import Files
from pm_cls.data.photographs.labels import Labels
from pm_cls.data.photographs.names import photograph_key
from pm_cls.data.photographs.splits import Photographs
from pm_cls.data.photographs.tables import BadTable, NoHeader
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import SHOWN, enumerate_names

LABEL_OF_LETTER = {"P": 1, "H": 0, "N": 0}
USUAL_NAME = "[A-Z][0-9]+"
MAX_TABLES = 100  # that are looked into


def by_letter(files: Files) -> tuple[Photographs, list[str]]:
    """Training photographs, and a sentence about names that may mean something else.

    Raises:
        DataError: names start with none of the letters.
    """
    keys = [photograph_key(name) for name in files.names]
    letters = list(zip(files.names, keys, strict=True))
    if wrong := [name for name, key in letters if key[:1] not in LABEL_OF_LETTER]:
        raise DataError(
            "training photographs whose names start with neither P, H nor N: "
            + enumerate_names(wrong)
        )
    labels = np.fromiter((LABEL_OF_LETTER[key[0]] for key in keys), np.int64, len(keys))
    notes = []
    if odd := [(n, LABEL_OF_LETTER[k[0]]) for n, k in letters if not re.fullmatch(USUAL_NAME, k)]:
        shown = enumerate_names([f"{name} counts as {label}" for name, label in odd], SHOWN)
        notes.append(
            f"training labels follow from the first letter (P 1, H and N 0) also for {len(odd):,} "
            f"names that are not a letter and digits: {shown}"
        )
    return Photographs(files, labels), notes


def by_table(
    files: Files, tables: Sequence[Path], named: Sequence[Path], training: Photographs
) -> tuple[Photographs, list[str]]:
    """Validation photographs, and sentences about tables that were not taken.

    Args:
        tables: files that may hold labels.
        named: tables that the user has named: they must.

    Raises:
        NoLabels: there are none.
        DataError: tables do not agree, or rows and photographs do not fit.
    """
    keys = [photograph_key(name) for name in files.names]
    wanted = set(keys)
    by_letter = zip(map(photograph_key, training.files.names), training.labels, strict=True)
    letters = {key: int(label) for key, label in by_letter if key not in wanted}
    chosen: tuple[Path, Labels] | None = None
    notes, left = [], []
    for table in (*named, *tables[:MAX_TABLES]):
        try:
            found = label_tables.read(table)
        except BadTable as error:
            reason = _not_a_table(error)
            if table in named:
                raise DataError(f"{table}: {reason}")
            left.append(f"{table}: {reason}")
            continue
        if found.named & wanted:
            found.check(table)
        elif not found.named & letters.keys():
            left.append(f"{table}: names none of the validation photographs{found.hint}")
        notes += _against_letters(table, found, letters)
        if not found.named & wanted:
            continue
        labels = {key: label for key, label in found.of.items() if key not in letters}
        if chosen and labels != chosen[1].of:
            raise DataError(
                f"{chosen[0]} and {table} hold different labels"
                f"{_difference(chosen[1].of, labels)}; keep one of them"
            )
        chosen = chosen or (table, Labels(labels, hint=found.hint))
    if more := tables[MAX_TABLES:]:
        left.append(f"{more[0]} and {len(more) - 1:,} more: only {MAX_TABLES} are looked into")
    if chosen is None:
        seen = "".join(f"\n  {each}" for each in left[: 2 * SHOWN])
        raise NoLabels(f"; tables that were seen but not taken:{seen}" if left else "")
    if left:
        notes.append(f"tables seen but not taken as labels: {enumerate_names(left, SHOWN)}")
    table, found = chosen
    _check_fit(files, keys, table, found)
    labels_in_order = np.fromiter((found.of[key] for key in keys), np.int64, len(keys))
    return Photographs(files, labels_in_order), notes


class NoLabels(Exception):
    """No table has the labels; `str()` of it names those that were seen."""


def _not_a_table(error: BadTable) -> str:
    if isinstance(error, NoHeader):
        return f"lacks {label_tables.NEEDED}; {error}"
    return str(error)


def _difference(one: Mapping[str, int], other: Mapping[str, int]) -> str:
    differing = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    return f" ({enumerate_names(differing, SHOWN)})"


def _against_letters(table: Path, found: Labels, letters: Mapping[str, int]) -> list[str]:
    """A sentence where a table that lists training photographs as well contradicts their names."""
    odd = sorted(key for key, label in found.of.items() if letters.get(key, label) != label)
    if not odd:
        return []
    shown = enumerate_names([f"{key} {letters[key]}" for key in odd], SHOWN)
    return [
        f"{table} has other labels for training photographs than their names, which count: {shown}"
    ]


def _check_fit(files: Files, keys: Sequence[str], table: Path, found: Labels) -> None:
    if absent := [n for n, key in zip(files.names, keys, strict=True) if key not in found.of]:
        raise DataError(f"{table}: no row for {enumerate_names(absent)}{found.hint}")
    if len(found.of) > len(keys):
        extra = sorted(found.of.keys() - set(keys))
        raise DataError(f"{table}: rows without a photograph: {enumerate_names(extra)}{found.hint}")
