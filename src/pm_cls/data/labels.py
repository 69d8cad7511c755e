"""Label tables: `labels.csv` or the official xlsx -> {photograph: 0 or 1}."""

import csv
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import openpyxl

from pm_cls.errors import DataError
from pm_cls.silence import silence

FILE_NAMES = ("labels.csv", "PM_Label_and_Fovea_Location.xlsx")
SPLIT_FILE_NAME = "Classification Labels.xlsx"  # figshare: one in the folder of each split
NAME_COLUMN, LABEL_COLUMN = "imgName", "Label"
MAX_XLSX_BYTES = 10_000_000
LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}


def photograph_key(file_name: str) -> str:
    """What tells photographs apart: the name in upper case without its ending."""
    return os.path.splitext(os.path.basename(file_name.strip()))[0].upper()


def read_labels(
    path: Path, column: str = NAME_COLUMN, key: Callable[[str], str] = photograph_key
) -> dict[str, int]:
    """Read the column of the names and the column Label, whatever their case and order.

    What the file holds decides how it is read, not its ending: a CSV named .xlsx is read as CSV.

    Args:
        column: of the names.
        key: of the names, by which photographs are told apart.

    Returns:
        1 (pathological) or 0 for each key.

    Raises:
        DataError: the table cannot be read, a column is missing, or rows are wrong (all listed).
    """
    rows = _rows(path)
    header = [str(cell or "").strip().lower() for cell in next(rows, [])]
    wanted = (column.lower(), LABEL_COLUMN.lower())
    if not set(wanted) <= set(header):
        raise DataError(
            f"{path}: columns {column} and {LABEL_COLUMN} are needed, with commas between; "
            f"found {header}"
        )
    name_at, label_at = map(header.index, wanted)

    labels: dict[str, int] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        cells = [str("" if cell is None else cell).strip() for cell in row]
        if not any(cells):
            continue
        cells += [""] * (len(header) - len(cells))
        name, label = key(cells[name_at]), LABELS.get(cells[label_at].strip("'"))
        if not name:
            problems.append(f"row {number}: {column} is empty")
        elif label is None:
            problems.append(f"row {number}: label of {cells[name_at]} is {cells[label_at]!r}")
        elif labels.setdefault(name, label) != label:
            problems.append(f"row {number}: {cells[name_at]} has label 0 and label 1")
    if problems:
        raise DataError(f"{path}: {'; '.join(problems)} (a label is 0 or 1, once a photograph)")
    return labels


def _rows(path: Path) -> Iterator[Iterable[object]]:
    try:
        content = path.read_bytes()
        if content.startswith(b"PK"):
            yield from _xlsx_rows(content)
        else:
            text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
            yield from csv.reader(text, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a label table ({error})")
    except Exception as error:  # openpyxl raises whatever its parsers do on a damaged file
        raise DataError(f"{path}: cannot be read as xlsx ({type(error).__name__}: {error})")


def _xlsx_rows(content: bytes) -> list[tuple[object, ...]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_XLSX_BYTES:
            raise ValueError(f"unpacks to {size:,} bytes; at most {MAX_XLSX_BYTES:,} are read")
    with silence():
        # Values as stored: a formula counts by its stored result, and as empty without one.
        sheet = openpyxl.load_workbook(io.BytesIO(content), data_only=True).worksheets[0]
    return list(sheet.iter_rows(values_only=True))
