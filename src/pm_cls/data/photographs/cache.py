"""What is computed once from files and kept: digests of their content, and decoded images.

Images are mapped from disk, so that a run holds no copy of its own and memory does not grow with
their number. Making them goes on where it was stopped, and takes from earlier arrays what is the
same in them.
"""

import errno
import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import filelock
import numpy as np
from tqdm import tqdm

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.home import cache_folder
from pm_cls.runtime.locks import alone
from pm_cls.runtime.processes import processors

INDEX = "files.sqlite"
SETTLED = 2.0  # seconds after which a changed file surely has another time of change
DIGEST_BYTES = 32
BLOCK = 256  # files whose digests are kept together, or rows that are copied

Fill = Callable[[np.ndarray, np.ndarray, Callable[[Sequence[int]], None]], None]


def content_digests(paths: Sequence[str], anew: bool = False) -> np.ndarray:
    """SHA-256 of the content of every file, in the order of the paths.

    A file whose size, times and inode are those of an earlier call is not read again.

    Args:
        anew: read all of them.

    Returns:
        uint8 [len(paths), 32].

    Raises:
        OSError: a file cannot be read.
    """
    digests = np.empty((len(paths), DIGEST_BYTES), np.uint8)
    progress = tqdm(total=len(paths), desc="reading files", disable=None, leave=False)
    with _index() as index, progress, ThreadPoolExecutor(processors()) as pool:
        for start in range(0, len(paths), BLOCK):
            block = [paths[i] for i in range(start, min(start + BLOCK, len(paths)))]
            before = time.time()
            facts = {path: _facts(path) for path in block}
            found = {} if anew else dict(_remembered(index, facts))
            missing = [path for path in facts if path not in found]
            read = dict(zip(missing, pool.map(_digest, missing), strict=True))
            _remember(index, {path: (facts[path], digest) for path, digest in read.items()}, before)
            found |= read
            for row, path in enumerate(block, start):
                digests[row] = np.frombuffer(found[path], np.uint8)
            progress.update(len(block))
    return digests


def _digest(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def _facts(path: str) -> tuple[str, float]:
    """What changes with the content, and the time of the last change."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
        raise OSError(errno.EINVAL, "is no file", path)
    facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino)
    return " ".join(map(str, facts)), max(found.st_mtime, found.st_ctime)


@contextmanager
def _index() -> Iterator[sqlite3.Connection | None]:
    """The digests known so far; None where the cache cannot be used: then nothing is remembered."""
    with ExitStack() as opened:
        try:
            cache_folder().mkdir(parents=True, exist_ok=True)
            index = sqlite3.connect(cache_folder() / INDEX, timeout=60)
            opened.enter_context(closing(index))
            index.execute("PRAGMA cache_size = -256")  # kB; files are asked for once
            index.execute("CREATE TABLE IF NOT EXISTS files (path PRIMARY KEY, facts, digest)")
        except (OSError, UsageError, sqlite3.Error):
            index = None
        yield index


def _remembered(
    index: sqlite3.Connection | None, facts: dict[str, tuple[str, float]]
) -> Iterator[tuple[str, bytes]]:
    if index is None:
        return
    for path, (now, _) in facts.items():
        query = "SELECT digest FROM files WHERE path = ? AND facts = ?"
        try:
            row = index.execute(query, (os.fsencode(os.path.abspath(path)), now)).fetchone()
        except sqlite3.Error:
            return
        if row:
            yield path, bytes.fromhex(row[0])


def _remember(
    index: sqlite3.Connection | None,
    found: dict[str, tuple[tuple[str, float], bytes]],
    now: float,
) -> None:
    """Keep the digests of files that were not changed just now."""
    rows = [
        (os.fsencode(os.path.abspath(path)), facts, digest.hex())
        for path, ((facts, changed), digest) in found.items()
        if changed < now - SETTLED
    ]
    if index is not None:
        try:
            with index:
                index.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
        except sqlite3.Error:  # as on a full disk; the next call reads the files again
            return


def cached_rows(kind: str, contents: np.ndarray, row: tuple[int, ...], fill: Fill) -> np.ndarray:
    """Map an array with a row for each content, after making what is not there.

    Args:
        kind: a folder of the cache; equal kinds and contents must mean equal rows.
        contents: SHA-256 of what each row is made from, uint8 [n, 32].
        row: shape of one; the dtype is uint8.
        fill: `fill(array, missing, keep)` makes the rows of the indices `missing` and calls
            `keep(indices)` when some of them are done. What it raises is passed on, but for an
            OSError; rows that were kept are not asked for again.

    Returns:
        A read-only memory map, uint8 [n, *row].

    Raises:
        UsageError: the cache folder cannot be used.
    """
    folder = cache_folder() / kind
    key = hashlib.sha256(contents.data).hexdigest()
    shape = (len(contents), *row)
    path = folder / f"{key}.npy"
    try:
        if _mapped(path, shape) is None:
            folder.mkdir(parents=True, exist_ok=True)
            with alone(path.with_suffix(".lock")):
                if _mapped(path, shape) is None:  # another process may have made it meanwhile
                    _make(path, contents, shape, fill)
        return np.load(path, mmap_mode="r")
    except OSError as error:
        raise UsageError(
            f"the cache in {folder} cannot be used ({error.strerror}); "
            "PM_CLS_CACHE can name another folder"
        )


def _mapped(path: Path, shape: tuple[int, ...], mode: Literal["r", "r+"] = "r") -> np.memmap | None:
    """The stored array; None where there is none, or a damaged one."""
    try:
        array = np.load(path, mmap_mode=mode)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return array if array.shape == shape else None


def _make(path: Path, contents: np.ndarray, shape: tuple[int, ...], fill: Fill) -> None:
    """Make KEY.npy as KEY.part, with a byte for each row that is done in KEY.done.

    KEY.rows has the contents of the rows, so that other arrays can take them from either.
    """
    partial, marks = path.with_suffix(".part"), path.with_suffix(".done")
    array = _mapped(partial, shape, "r+")
    if array is None or not marks.is_file() or marks.stat().st_size != len(contents):
        marks.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        _take_place(partial)
        marks.write_bytes(bytes(len(contents)))
    path.with_suffix(".rows").write_bytes(contents.data)
    unfinished = _Unfinished(array, np.memmap(marks, np.uint8, "r+"), contents)
    del array
    _copy(path, unfinished)
    if len(missing := unfinished.missing()):
        fill(unfinished.array, missing, unfinished.keep)
    unfinished.array.flush()
    del unfinished  # Windows renames no file that is mapped
    partial.replace(path)
    marks.unlink()


def _take_place(file: Path) -> None:
    """Have the disk keep all of a file's place, where the system can.

    A full disk would otherwise kill the process as it fills the map, without a word.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError:
        file.unlink()
        raise


class _Unfinished(NamedTuple):
    array: np.memmap
    done: np.memmap
    contents: np.ndarray

    def missing(self) -> np.ndarray:
        return np.flatnonzero(self.done == 0)

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        self.array.flush()  # first the rows, then the word that they are there
        self.done[rows] = 1
        self.done.flush()


def _copy(path: Path, unfinished: _Unfinished) -> None:
    """Take rows from other arrays of the folder that were made from the same contents."""
    for file in sorted(path.parent.glob("*.rows")):
        if file.stem == path.stem:
            continue
        if not len(unfinished.missing()):
            return
        try:
            listed = np.frombuffer(file.read_bytes(), np.uint8)
        except FileNotFoundError:  # another process has taken it over meanwhile
            continue
        there = listed[: len(listed) // DIGEST_BYTES * DIGEST_BYTES].reshape(-1, DIGEST_BYTES)
        shape = (len(there), *unfinished.array.shape[1:])
        whole = _mapped(file.with_suffix(".npy"), shape)
        if whole is not None:
            _copy_rows(whole, np.ones(len(there), bool), there, unfinished)
            continue
        try:
            with alone(file.with_suffix(".lock"), timeout=0):
                _take_over(file, shape, there, unfinished)
        except filelock.Timeout:  # another process is at it
            continue


def _take_over(
    file: Path, shape: tuple[int, ...], there: np.ndarray, unfinished: _Unfinished
) -> None:
    """Copy what is done of an array that was never finished, and remove it."""
    if file.with_suffix(".npy").exists():  # another process has finished it meanwhile
        return
    partial, marks = file.with_suffix(".part"), file.with_suffix(".done")
    array = _mapped(partial, shape)
    if array is not None and marks.is_file() and marks.stat().st_size == len(there):
        done = np.frombuffer(marks.read_bytes(), np.uint8) != 0
        _copy_rows(array, done, there, unfinished)
        del array
    for each in (partial, marks, file):
        each.unlink(missing_ok=True)


def _copy_rows(
    source: np.ndarray, done: np.ndarray, there: np.ndarray, unfinished: _Unfinished
) -> None:
    """Copy those rows of the source that are done and have, by `there`, a missing row's content."""
    missing, order = unfinished.missing(), np.argsort(as_items(there))
    for start in range(0, len(missing), BLOCK):
        rows = missing[start : start + BLOCK]
        wanted = unfinished.contents[rows]
        place = np.searchsorted(as_items(there), as_items(wanted), sorter=order)
        origin = order[place % len(order)]  # what comes after all of them is not there
        same = (there[origin] == wanted).all(axis=1) & done[origin]
        if same.any():
            unfinished.array[rows[same]] = source[origin[same]]
            unfinished.keep(rows[same])


def as_items(digests: np.ndarray) -> np.ndarray:
    """Digests, uint8 [n, 32], as n things that NumPy can sort and compare."""
    return np.ascontiguousarray(digests).view(f"V{DIGEST_BYTES}")[:, 0]
