"""Files are written whole or not at all: beside their place, then renamed."""

import csv
import errno
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from pm_cls.runtime.errors import PmClsError, RunError, UsageError

Read = TypeVar("Read")
ANEW = "train the run anew with --restart"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cannot_write(place: object, error: OSError, advice: str = "") -> PmClsError:
    """In words that `place` could not be written.

    Returns:
        A RunError where the disk is full, else a UsageError.
    """
    kind = RunError if error.errno in FULL else UsageError
    return kind(f"{place}: cannot be written ({error.strerror}){advice}")


@contextmanager
def writing(place: object) -> Iterator[None]:
    """Tell an OSError within in words; see `cannot_write`."""
    try:
        yield
    except OSError as error:
        raise cannot_write(place, error)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that a kill leaves no half of it."""
    with whole(path) as file:
        file.write(content)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """As `write_bytes`, of what does not fit into memory; nothing is left where that fails."""
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the new name reach the disk too."""
    if os.name == "nt":  # opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`, in UTF-8; file names that are no UTF-8 keep their bytes."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, content: object) -> None:
    """As `write_text`; NaN, which JSON does not know, is a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json_as(kind: type[Read], path: Path) -> Read:
    """A JSON file as a dataclass; what it does not know is left out.

    Raises:
        OSError, ValueError: the file cannot be read, or does not fit.
    """
    content = path.read_bytes()
    if b"\\udc" in content:  # of a file name that is no UTF-8, at which pydantic's reader stops
        return TypeAdapter(kind).validate_python(json.loads(content))
    return TypeAdapter(kind).validate_json(content)


def read_record(kind: type[Read], path: Path, advice: str = ANEW) -> Read:
    """As `read_json_as`, of a file of a run; the advice mends it.

    Raises:
        UsageError: it is not there or damaged; its cause is the error that told.
    """
    try:
        return read_json_as(kind, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is damaged ({_reason(error)}); {advice}") from error


def _reason(error: ValueError) -> str:
    """In few words; of what pydantic finds wrong the first alone."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())[:200]
    first = error.errors(include_url=False)[0]
    return ": ".join([*map(str, first["loc"]), first["msg"]])


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A header and rows as CSV, lines ended by a newline alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows below the header, by column; OSError or ValueError where it cannot be read."""
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return list(csv.DictReader(file))
        except csv.Error as error:
            raise ValueError(f"damaged: {error}")


def from_cells(kind: type[Read], row: Mapping[str, str]) -> Read:
    """A row of `read_csv` as a dataclass, an empty cell as None; ValueError where it is none."""
    return TypeAdapter(kind).validate_python({name: cell or None for name, cell in row.items()})
