"""The values in the cells of an xlsx workbook, read in one pass and in bounded memory and time.

openpyxl builds what a file claims (a grid to its last cell, every style, every merged range), so
that a few kilobytes can take gigabytes. Here only cells with a value count, wherever they lie.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

MAX_BYTES = 10_000_000  # of a part, unpacked: about 100,000 rows
MAX_ELEMENTS = 600_000  # of a part; 10 MB of rows have hardly more
CHUNK = 1 << 16
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # whose reading zipfile bounds

Row = dict[int, str]  # by column, from 0; empty cells are not there


class BadWorkbook(Exception):
    """A file that cannot be read as a workbook; `str()` of it says why."""


def sheets(file: IO[bytes]) -> Iterator[Iterator[tuple[int, Row]]]:
    """Give the worksheets in their order; of each the rows that hold something, with their numbers.

    A formula counts by its stored result, and as empty without one.

    Raises:
        BadWorkbook: it is damaged, no workbook, or larger than is read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = _parts(archive)
            strings = _shared_strings(archive) if parts else []
            for part in parts:
                yield _rows(archive, part, strings)
    except BadWorkbook:
        raise
    except Exception as error:  # zipfile raises whatever its parsers do on a damaged file
        raise BadWorkbook(f"{type(error).__name__}: {error}")


class _Local(dict[str, str]):
    """Names without the prefix of their namespace: `row` for `x:row`."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(":")[2]
        return local


class _Reader:
    """Takes what a part holds, element by element; the kinds below keep what they are for."""

    def __init__(self) -> None:
        self.local = _Local()
        self.left = MAX_ELEMENTS
        self.pieces: list[str] = []
        self.is_wanted = False  # whether the text that follows is a value
        self.is_reading = False  # of a Japanese word, which stands beside it
        self.is_over = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.left -= 1
        if not self.left:
            raise BadWorkbook(f"a part has more than {MAX_ELEMENTS:,} elements")
        local = self.local[name]
        self.is_wanted = local == "v" or (local == "t" and not self.is_reading)
        if local == "rPh":
            self.is_reading = True
        else:
            self.begin(local, attributes)

    def end(self, name: str) -> None:
        local = self.local[name]
        self.is_wanted = False
        if local == "rPh":
            self.is_reading = False
        else:
            self.finish(local)

    def text(self, data: str) -> None:
        if self.is_wanted:
            self.pieces.append(data)

    def taken(self) -> str:
        text = "".join(self.pieces)
        self.pieces.clear()
        return text

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def finish(self, name: str) -> None:
        """An element ends."""


class _Parts(_Reader):
    """The files of the worksheets, from the relations of the workbook and the workbook."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self.order: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            file = posixpath.join("/xl", attributes["Target"])
            self.files[attributes["Id"]] = posixpath.normpath(file).lstrip("/")
        elif name == "sheet":
            place = next(attributes[key] for key in attributes if key.endswith(":id"))
            if place in self.files:
                self.order.append(self.files[place])


class _Strings(_Reader):
    """The texts that cells name by number."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def finish(self, name: str) -> None:
        if name == "si":
            self.found.append(self.taken())


class _Sheet(_Reader):
    """The rows of a worksheet."""

    def __init__(self, strings: list[str]):
        super().__init__()
        self.strings = strings
        self.rows: list[tuple[int, Row]] = []
        self.number, self.column = 0, -1
        self.kind = ""
        self.row: Row = {}

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            place = attributes.get("r")
            self.column = _column(place) if place else self.column + 1
            self.kind = attributes.get("t", "n")
        elif name == "row":
            self.number = int(attributes.get("r", self.number + 1))
            self.column, self.row = -1, {}

    def finish(self, name: str) -> None:
        if name == "c":
            if self.pieces and (value := self._value(self.taken()).strip()):
                self.row[self.column] = value
        elif name == "row":
            if self.row:
                self.rows.append((self.number, self.row))
        elif name == "sheetData":
            self.is_over = True

    def _value(self, text: str) -> str:
        if self.kind == "s":
            return self.strings[int(text)]
        if self.kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        if self.kind == "n":
            number = float(text)
            return str(int(number)) if number.is_integer() else text
        return text


def _parts(archive: zipfile.ZipFile) -> list[str]:
    """The names of the worksheets' files, in the order of the workbook."""
    if "xl/workbook.xml" not in archive.namelist():
        raise BadWorkbook("holds no xl/workbook.xml")
    parts = _Parts()
    for name in ("xl/_rels/workbook.xml.rels", "xl/workbook.xml"):
        _read(archive, name, parts)
    return parts.order


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    strings = _Strings()
    if "xl/sharedStrings.xml" in archive.namelist():
        _read(archive, "xl/sharedStrings.xml", strings)
    return strings.found


def _rows(archive: zipfile.ZipFile, part: str, strings: list[str]) -> Iterator[tuple[int, Row]]:
    sheet = _Sheet(strings)
    for _ in _fed(archive, part, sheet):
        yield from sheet.rows
        sheet.rows.clear()
        if sheet.is_over:  # merged ranges and what else comes after the cells
            return


def _read(archive: zipfile.ZipFile, part: str, reader: _Reader) -> None:
    for _ in _fed(archive, part, reader):
        pass


def _fed(archive: zipfile.ZipFile, part: str, reader: _Reader) -> Iterator[None]:
    """Read a part; control comes back at each chunk."""
    member = archive.getinfo(part)
    if member.file_size > MAX_BYTES or member.compress_type not in PLAIN:
        raise BadWorkbook(f"unpacks to {member.file_size:,} bytes; at most {MAX_BYTES:,} are read")

    def refused(*_: object) -> None:
        raise BadWorkbook(f"{part} declares a document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refused  # which could define entities that grow
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    with archive.open(member) as stream:
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
        yield


def _column(place: str) -> int:
    """0 for A1, 25 for Z1, 26 for AA1."""
    column = 0
    for letter in place.rstrip("0123456789")[:4]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1
