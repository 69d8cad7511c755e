"""The answers so far, in a file beside the one that they are for: a killed command goes on.

A line of JSON says what is asked, by a digest; each line after it holds a block of answers. What a
kill left half of a line is left out. Nothing but a block is in memory at a time.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from pm_cls.runtime.errors import DataError, PmClsError, UsageError
from pm_cls.runtime.files import cannot_write, writing
from pm_cls.runtime.locks import alone

SUFFIX = ".answers"  # behind the name of the file that they are for
BEGINS = b'{"asked": '
Answer = dict[str, Any]  # its `name`, and what a reader of the journal knows


class Journal:
    """Answers to photographs, or to what else has a name, in their order.

    Attributes:
        done: how many there are; those that an earlier process left count.
    """

    def __init__(
        self, file: BinaryIO, asked: str, names: Sequence[str], place: object = "answers"
    ) -> None:
        self._file, self._place, self.done, end = file, place, 0, 0
        file.seek(0)
        head = _read(file)
        self.is_of_others = head not in (None, {"asked": asked})
        if head == {"asked": asked}:
            self._begin = end = file.tell()
            while block := _read(file):
                if [one["name"] for one in block] != names[self.done : self.done + len(block)]:
                    break
                self.done, end = self.done + len(block), file.tell()
        file.seek(end)
        file.truncate()
        if not end:
            self._write({"asked": asked})
            self._begin = file.tell()

    def add(self, block: Sequence[Answer]) -> None:
        self._write(block)
        self.done += len(block)

    def __iter__(self) -> Iterator[Answer]:
        self._file.seek(self._begin)
        while block := _read(self._file):
            yield from block

    def _write(self, line: object) -> None:
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            with suppress(OSError):  # which tries to write the rest again
                self._file.close()
            raise cannot_write(self._place, error)


def _read(file: BinaryIO) -> Any:
    """The next line; None at the end, and for what is no whole line."""
    line = file.readline()
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


@contextmanager
def opened(place: Path | None, asked: str, names: Sequence[str]) -> Iterator[Journal]:
    """The journal of a file; it is taken away at the end, and left by a kill, Ctrl-C, a full disk.

    Args:
        place: the file that the answers are for; None for a journal without a name.
        asked: digest of all that the answers follow from.
        names: of what is asked, all of it.

    Raises:
        UsageError: it cannot be written, or another process is at work on it.
        RunError: the disk is full.
    """
    if place is None:
        with tempfile.TemporaryFile() as file:
            yield Journal(file, asked, names)
        return
    path = place.with_name(place.name + SUFFIX)
    with writing(place):
        path.parent.mkdir(parents=True, exist_ok=True)
    with writing(place), path.open("a+b") as file:
        file.seek(0)
        start = file.read(len(BEGINS))
        if start != BEGINS[: len(start)]:
            raise UsageError(f"{path}: is no file of answers, which is to be there; move it away")
    with ExitStack() as held:
        try:
            held.enter_context(alone(path.with_name(path.name + ".lock"), timeout=0))
        except filelock.Timeout:
            raise UsageError(f"{place}: another process is at work on it; let it finish")
        with writing(place):
            path.touch()  # the process before may have ended, and taken it away
        journal = None
        try:
            with path.open("r+b") as file:
                journal = Journal(file, asked, names, place)
                _tell_of_others(journal, path, len(names))
                yield journal
        except DataError:  # to be mended, after which the photographs are others
            path.unlink(missing_ok=True)
            raise
        except (KeyboardInterrupt, PmClsError):
            if journal is None or not journal.done:
                path.unlink(missing_ok=True)
            else:
                said = f"{journal.done:,} of {len(names):,} are answered; the same command goes on"
                print(f"note: {said}", file=sys.stderr)
            raise
        else:
            path.unlink(missing_ok=True)


def _tell_of_others(journal: Journal, path: Path, n: int) -> None:
    if journal.is_of_others:
        print(f"note: {path}: of another run or other photographs; begun anew", file=sys.stderr)
    if journal.done:
        print(f"note: goes on after {journal.done:,} of {n:,}", file=sys.stderr)


def digest(files: Sequence[Path], words: Sequence[object], names: Sequence[str]) -> str:
    """SHA-256 (hex) of the contents of files, of words, and of names, sizes and times of names."""
    made = hashlib.sha256()
    for file in files:
        made.update(file.read_bytes() if file.is_file() else b"-")
    made.update(json.dumps([str(word) for word in words]).encode())
    for name in names:
        try:
            found = Path(name).stat()
            facts = [name, found.st_size, found.st_mtime_ns]
        except OSError:  # is told with the other bad ones
            facts = [name]
        made.update(json.dumps(facts).encode())
    return made.hexdigest()
