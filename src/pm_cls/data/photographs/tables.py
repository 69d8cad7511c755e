"""A table as people have it -> its header and rows, whatever its encoding, separator and ending.

Text (CSV and the like) may be UTF-8, GB18030 or what a byte order mark says, with a comma, a
semicolon, a tab or | between the columns. Of a workbook the first sheet with the wanted
header counts. What the file holds decides, not its ending.
"""

import csv
import io
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pm_cls.data.photographs import xlsx
from pm_cls.data.photographs.xlsx import Row

ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
UNREAD_ENDINGS = (".xls", ".xlsb", ".ods", ".numbers")  # tables of other programs
MAX_BYTES = xlsx.MAX_BYTES  # of the file, or of a part of a workbook
MAX_LINE = 1_000_000  # characters
HEADER_ROWS = 20  # the header is looked for in these
SEPARATORS = ",;\t|"
MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
GUESSED = "gb18030"  # as Excel in China writes; what is UTF-8 is hardly ever taken for it
AS_UTF8 = "save it as UTF-8 (in Excel: CSV UTF-8)"


T = TypeVar("T")
IsHeader = Callable[[Iterable[str]], bool]


class BadTable(Exception):
    """A file that cannot be read as a table; `str()` of it says why."""


class NoHeader(BadTable):
    """A table without the columns that are wanted; `first` is its first row."""

    def __init__(self, first: Sequence[str]):
        super().__init__(f"found {list(first)[:8]!s:.200}" if any(first) else "it is empty")


@dataclass(frozen=True)
class Table:
    """Rows that can be gone through once, each with its number in the file.

    Attributes:
        header: name of each column, stripped.
        hint: what may be wrong if the names in it are; empty, or to be put after a message.
    """

    header: Row
    rows: Iterator[tuple[int, Row]]
    hint: str = ""


def read_table(path: Path, is_header: IsHeader) -> Table:
    """Find the header of a table.

    Args:
        is_header: whether a row is the wanted header, by its cells.

    Raises:
        NoHeader: no row at the beginning is the header.
        BadTable: it cannot be read; the rows may raise it as well.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise BadTable("is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadTable(f"cannot be read ({error.strerror})")
    if content.startswith(OLD_OFFICE):
        raise BadTable("is an old .xls, or protected by a password; save it as plain .xlsx or CSV")
    if content.startswith(b"PK"):
        if len(content) > MAX_BYTES:
            raise BadTable(f"is larger than the {MAX_BYTES:,} bytes that are read")
        return _workbook(content, is_header)
    return _text(content, is_header)


def _workbook(content: bytes, is_header: IsHeader) -> Table:
    first: Sequence[str] = ()
    book = _told(xlsx.sheets(io.BytesIO(content)))
    for sheet in book:
        rows = _told(sheet)
        for _, row in islice(rows, HEADER_ROWS):
            if is_header(row.values()):
                return Table(row, rows)
            first = first or list(row.values())
    raise NoHeader(first)


def _told(rows: Iterator[T]) -> Iterator[T]:
    """The same, with every failure in the words of a table."""
    try:
        yield from rows
    except xlsx.BadWorkbook as error:
        raise BadTable(f"cannot be read as xlsx ({error})")
    except Exception as error:  # damaged files make the parsers raise of every kind
        raise BadTable(f"cannot be read as xlsx ({type(error).__name__}: {error})")


def _text(content: bytes, is_header: IsHeader) -> Table:
    too_large = len(content) > MAX_BYTES
    if too_large:  # its beginning says whether it matters
        content = content[:MAX_LINE].rpartition(b"\n")[0]
    encoding = _encoding(content)
    hint = f"; it was read as GB18030, so if names look wrong, {AS_UTF8}"
    first, problem = [""], None
    for separator in SEPARATORS:
        rows = _csv_rows(content, encoding, separator)
        try:
            for number, (_, row) in enumerate(islice(rows, HEADER_ROWS)):
                if is_header(row.values()):
                    if too_large:
                        raise BadTable(f"is larger than the {MAX_BYTES:,} bytes that are read")
                    return Table(row, _whole(rows), hint if encoding == GUESSED else "")
                if number == 0 and len(row) >= len(first):
                    first = list(row.values())
        except csv.Error as error:
            problem = error
    if problem and len(first) < 2:
        raise BadTable(f"cannot be read as a label table ({problem})")
    raise NoHeader(first)


def _whole(rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    try:
        yield from rows
    except csv.Error as error:
        raise BadTable(f"cannot be read as a label table ({error})")


def _csv_rows(content: bytes, encoding: str, separator: str) -> Iterator[tuple[int, Row]]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    for number, cells in enumerate(reader, start=1):
        stripped = ((column, cell.strip()) for column, cell in enumerate(cells))
        yield number, {column: cell for column, cell in stripped if cell}


def _lines(text: Iterable[str]) -> Iterator[str]:
    for line in text:
        if len(line) > MAX_LINE:
            raise BadTable(f"has a line of {len(line):,} characters; up to {MAX_LINE:,} are read")
        yield line


def _encoding(content: bytes) -> str:
    """The encoding in which the whole of a text can be read."""
    for mark, name in MARKS.items():
        if content.startswith(mark):
            if not _is_text(content, name):
                raise BadTable(f"is not the {name} that its first bytes promise; {AS_UTF8}")
            return name
    if b"\0" in content:
        raise BadTable(f"holds zero bytes, as UTF-16 without its mark does; {AS_UTF8}")
    for name in ("utf-8", GUESSED):
        if _is_text(content, name):
            return name
    raise BadTable(f"cannot be read: it is neither UTF-8 nor GB18030; {AS_UTF8}")


def _is_text(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
