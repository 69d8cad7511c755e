"""A folder or a table of one's own -> files, the names of their classes, the split, the patients.

Folders: `train/<class>/` and `validation/<class>/`, or `<class>/`; photographs may lie in folders
within. A table: the columns file (relative to it) and label; split and patient if it has them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pm_cls.data.photographs.external import Finder
from pm_cls.data.photographs.folders import Files, is_clutter, walk_folders
from pm_cls.data.photographs.formats import EXAMPLES, is_photograph
from pm_cls.data.photographs.labels import (
    CLASS_COLUMNS,
    LABEL_COLUMNS,
    MOST,
    NAME_COLUMNS,
    column_key,
)
from pm_cls.data.photographs.names import normal
from pm_cls.data.photographs.tables import ENDINGS, BadTable, NoHeader, Row, Table, read_table
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.paths import is_file
from pm_cls.runtime.wording import SHOWN, enumerate_names

TRAINING, VALIDATION = ("train", "training"), ("validation", "val", "valid")
COLUMNS = {
    "file": NAME_COLUMNS[0] | NAME_COLUMNS[1],
    "label": LABEL_COLUMNS | CLASS_COLUMNS,
    "split": {"split", "划分"},
    "patient": {"patient", "patientid", "患者"},
}
IF_CLASS = " ({name} is the name of a part: where it is one of a class, list the files in a CSV)"
LAYOUT = "train/<class>/ and validation/<class>/, or <class>/, or a CSV with file,label is needed"


@dataclass
class Found:
    """The photographs in the order of their names.

    Attributes:
        source: the folder or table.
        files: n, named as they stand in the predictions.
        names: n, the class of each.
        is_validation: bool [n]; None where the source does not tell.
        patients: n; none where the source does not tell.
        notes: sentences about what was left out.
    """

    source: Path
    files: Files = field(default_factory=Files)
    names: list[str] = field(default_factory=list)
    is_validation: np.ndarray | None = None
    patients: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted: numbers by their size, then others by code point."""
        return tuple(sorted(set(self.names), key=_rank))


def _rank(name: str) -> tuple[bool, float, str]:
    is_number = re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", name) is not None
    return not is_number, float(name) if is_number else 0.0, name


def find(root: Path) -> Found:
    """Find photographs and their classes; none is decoded.

    Raises:
        DataError: there are none, one class only, an empty one, or one of validation alone; or the
            table is wrong (the first of its rows are listed).
    """
    try:
        found = _find(root)
    except OSError as error:
        raise DataError(f"{error.filename or root}: cannot be read ({error.strerror})")
    _check(found)
    return found


def _find(root: Path) -> Found:
    if root.is_file() and is_photograph(root.name):
        raise DataError(f"{root}: is one photograph; {LAYOUT}; `pm-cls predict` answers it")
    if root.is_file():
        return _of_table(root, root.parent, _table(root))
    if not root.is_dir():
        raise DataError(f"{root}: is no folder and no file; {LAYOUT}")
    table, notes = _only_table(root)
    found = _of_table(table, root, _table(table)) if table else _of_folders(root)
    found.notes += notes
    return found


def _check(found: Found) -> None:
    classes = found.classes()
    if bad := [name for name in classes if not _is_utf8(name)]:
        raise DataError(f"{found.source}: class {bad[0]!r} is no UTF-8; rename it")
    if len(classes) < 2:
        told = "; ".join(["two or more are needed", *found.notes])
        raise DataError(f"{found.source}: one class, {enumerate_names(classes)}; {told}")
    if found.is_validation is None:
        return
    training, validation = _sides(found.names, found.is_validation)
    for one, other, there, lacking in (
        (training, validation, "training", "validation"),
        (validation, training, "validation", "training"),
    ):
        if alone := sorted(one - other):
            raise DataError(
                f"{found.source}: {enumerate_names(alone)} in {there} but not in {lacking}; each "
                "class needs photographs in both"
            )
    if found.patients and (both := set.intersection(*_sides(found.patients, found.is_validation))):
        raise DataError(
            f"{found.source}: patients in training and in validation: "
            f"{enumerate_names(sorted(both))}; without the column split one is drawn by patients"
        )


def _sides(values: Sequence[str], is_validation: np.ndarray) -> tuple[set[str], set[str]]:
    """What there is in training, and in validation."""
    each = list(zip(values, is_validation, strict=True))
    return {v for v, held in each if not held}, {v for v, held in each if held}


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_folders(root: Path) -> Found:
    inner = sorted(p for p in root.iterdir() if p.is_dir() and not is_clutter(p.name))
    parts = {
        held: [p for p in inner if p.name.lower() in names]
        for held, names in ((False, TRAINING), (True, VALIDATION))
    }
    for same in parts.values():
        if len(same) > 1:
            raise DataError(f"{root}: both {same[0].name} and {same[1].name}; keep one of them")
    found = Found(root)
    if parts[True] and not parts[False]:
        name = parts[True][0].name
        raise DataError(f"{root}: {name} without train; {LAYOUT}{IF_CLASS.format(name=name)}")
    held: list[bool] = []
    places = [(p[0], side) for side, p in parts.items() if p] or [(root, False)]
    for place, side in places:
        before = len(found.names)
        _add_classes(found, root, place)
        held += [side] * (len(found.names) - before)
    if not found.names:
        taken = IF_CLASS.format(name=parts[False][0].name) if parts[False] else ""
        place = places[0][0] if parts[False] else root
        raise DataError(
            f"{place}: no folder of a class with photographs ({EXAMPLES}); {LAYOUT}{taken}"
        )
    if parts[False] and (left := [p.name for p in inner if p not in [w for w, _ in places]]):
        found.notes.append(f"left out beside train: {enumerate_names(left)}")
    order = sorted(range(len(held)), key=lambda i: found.files.names[i])
    found.files = Files(
        [found.files.folders[i] for i in order], [found.files.names[i] for i in order]
    )
    found.names = [found.names[i] for i in order]
    if parts[True]:
        found.is_validation = np.array([held[i] for i in order], bool)
    return found


def _add_classes(found: Found, root: Path, place: Path) -> None:
    """The photographs in the folders of classes in `place`."""
    empty, unread = [], []
    entries = sorted(p for p in place.iterdir() if not is_clutter(p.name))
    for folder in (p for p in entries if p.is_dir()):
        before = len(found.names)
        for inner, files in walk_folders(folder):
            beginning = inner.relative_to(root).as_posix()
            for file in files:
                if not is_photograph(file):
                    unread.append(f"{beginning}/{file}")
                    continue
                found.files.add(root, f"{beginning}/{file}")
                found.names.append(normal(folder.name).strip())
        if len(found.names) == before:
            empty.append(folder.name)
    if unread:
        found.notes.append(
            f"not read in the folders of the classes: {enumerate_names(unread, SHOWN)}; "
            f"photographs are read as {EXAMPLES}"
        )
    if empty and found.names:
        told = "; ".join(["fill or remove the folder", *found.notes])
        raise DataError(f"{place}: no photographs in {enumerate_names(empty)}; {told}")
    if loose := [p.name for p in entries if p.is_file() and is_photograph(p.name)]:
        found.notes.append(
            f"left out, since they lie in no folder of a class: {enumerate_names(loose, 5)}"
        )


def _is_header(cells: Iterable[str]) -> bool:
    titles = {column_key(cell) for cell in cells}
    return bool(titles & COLUMNS["file"]) and bool(titles & COLUMNS["label"])


def _table(path: Path) -> Table:
    try:
        return read_table(path, _is_header)
    except NoHeader as error:
        raise DataError(f"{path}: the columns file and label are needed; {error}")
    except BadTable as error:
        raise DataError(f"{path}: {error}")


def _only_table(root: Path) -> tuple[Path | None, list[str]]:
    """The table of a folder; others are let be where there are folders, which a sentence says."""
    fitting, others = [], []
    inner = sorted(p for p in root.iterdir() if not is_clutter(p.name))
    for path in (p for p in inner if p.suffix.lower() in ENDINGS and p.is_file()):
        try:
            read_table(path, _is_header)
            fitting.append(path)
        except BadTable:
            others.append(path)
    if len(fitting) > 1:
        raise DataError(
            f"{root}: {enumerate_names([p.name for p in fitting])} are tables; name the one that "
            "counts in place of the folder"
        )
    if not fitting and others and not any(p.is_dir() for p in inner):
        return others[0], []  # whose reading says what is wrong
    names = enumerate_names([path.name for path in others])
    notes = [f"no table with the columns file and label: {names}"] if others else []
    return fitting[0] if fitting else None, notes


def _of_table(path: Path, folder: Path, table: Table) -> Found:
    at = _columns(path, table.header)
    place, problems = Finder(folder), []
    rows: dict[str, tuple[str, str, str]] = {}
    try:
        for number, row in ((n, r) for n, r in table.rows if r):
            cells = {name: normal(row.get(column, "")) for name, column in at.items()}
            file = place.find(row.get(at["file"], ""))
            if problem := _problem(folder, file, cells, rows):
                problems.append(f"row {number}: {problem}")
                continue
            rows[file] = cells["label"], cells.get("split", "").lower(), cells.get("patient", "")
    except BadTable as error:
        raise DataError(f"{path}: {error}")
    if problems:
        more = f"; and {len(problems) - MOST:,} more" if len(problems) > MOST else ""
        raise DataError(f"{path}: {'; '.join(problems[:MOST])}{more}{table.hint}")
    if not rows:
        raise DataError(f"{path}: names no photographs")
    names = sorted(rows)
    found = Found(path, Files([folder] * len(names), names), [rows[name][0] for name in names])
    if "split" in at:
        found.is_validation = np.array([rows[name][1] in VALIDATION for name in names], bool)
    if "patient" in at:
        found.patients = [rows[name][2] for name in names]
    if table.hint:
        found.notes.append(table.hint.removeprefix("; "))
    if unused := [title for column, title in table.header.items() if column not in at.values()]:
        found.notes.append(f"columns that are not used: {enumerate_names(unused, SHOWN)}")
    if left := len(place.photographs - set(names)):
        found.notes.append(f"{left:,} photographs beside the table have no row and are left out")
    return found


def _columns(path: Path, header: Row) -> dict[str, int]:
    found = {}
    for name, titles in COLUMNS.items():
        columns = [column for column, title in header.items() if column_key(title) in titles]
        if len(columns) > 1:
            shown = " and ".join(header[column] for column in columns)
            raise DataError(f"{path}: columns {shown} both tell the {name}; keep one of them")
        if columns:
            found[name] = columns[0]
    return found


def _problem(
    folder: Path, file: str, cells: Mapping[str, str], known: Mapping[str, object]
) -> str | None:
    """What is wrong with a row, in words."""
    shown = cells["file"]
    if not shown:
        return "file is empty"
    if not is_file(folder / file):
        return f"{shown} is not in {folder}"
    if not cells["label"]:
        return f"label of {shown} is empty"
    if file in known:
        return f"{shown} stands twice"
    if "split" in cells and cells["split"].lower() not in TRAINING + VALIDATION:
        return f"split of {shown} is {cells['split']!r:.80}; train or validation is needed"
    if "patient" in cells and not cells["patient"]:
        return f"patient of {shown} is empty"
    return None
