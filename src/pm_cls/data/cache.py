"""What is computed once from files and kept: digests of their content, and decoded images.

Images are mapped from disk, so that a run holds no copy of its own and memory does not grow with
their number. Making them goes on where it was stopped, and takes from earlier arrays what is the
same in them.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import filelock
import numpy as np
from tqdm import tqdm

from pm_cls.errors import UsageError

INDEX = "files.sqlite"
SETTLED = 2.0  # seconds after which a changed file surely has another time of change
DIGEST_BYTES = 32
BLOCK = 256  # files whose digests are kept together, or rows that are copied

Fill = Callable[[np.ndarray, np.ndarray, Callable[[Sequence[int]], None]], None]


def cache_folder() -> Path:
    """`$PM_CLS_CACHE`, else `pm_cls` in the user's cache folder."""
    if chosen := os.environ.get("PM_CLS_CACHE"):
        return Path(chosen)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pm_cls" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pm_cls"


def workers() -> int:
    """Threads that read files side by side: the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def content_digests(paths: Sequence[Path], anew: bool = False) -> dict[Path, str]:
    """SHA-256 (hex) of the content of every file.

    A file whose size, times and inode are those of an earlier call is not read again.

    Args:
        anew: read all of them.

    Raises:
        OSError: a file cannot be read.
    """
    facts = {path: _facts(path) for path in paths}
    with _index() as index:
        known = {} if anew else dict(_remembered(index, facts))
        missing = [path for path in facts if path not in known]
        progress = tqdm(total=len(missing), desc="reading files", disable=None, leave=False)
        with progress, ThreadPoolExecutor(workers()) as pool:
            for start in range(0, len(missing), BLOCK):
                block = missing[start : start + BLOCK]
                before = time.time()
                found = dict(zip(block, pool.map(_digest, block), strict=True))
                _remember(index, {p: (facts[p], d) for p, d in found.items()}, before)
                known |= found
                progress.update(len(block))
    return known


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(path: Path) -> tuple[str, float]:
    """What changes with the content, and the time of the last change."""
    stat = path.stat()
    facts = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_dev, stat.st_ino)
    return " ".join(map(str, facts)), max(stat.st_mtime, stat.st_ctime)


@contextmanager
def _index() -> Iterator[sqlite3.Connection | None]:
    """The digests known so far; None where the cache cannot be used: then nothing is remembered."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        index = sqlite3.connect(cache_folder() / INDEX, timeout=60)
        index.execute("CREATE TABLE IF NOT EXISTS files (path PRIMARY KEY, facts, digest)")
    except (OSError, sqlite3.Error):
        yield None
        return
    with closing(index):
        yield index


def _remembered(
    index: sqlite3.Connection | None, facts: dict[Path, tuple[str, float]]
) -> Iterator[tuple[Path, str]]:
    if index is None:
        return
    for path, (now, _) in facts.items():
        query = "SELECT digest FROM files WHERE path = ? AND facts = ?"
        try:
            row = index.execute(query, (os.fsencode(path.absolute()), now)).fetchone()
        except sqlite3.Error:
            return
        if row:
            yield path, row[0]


def _remember(
    index: sqlite3.Connection | None, found: dict[Path, tuple[tuple[str, float], str]], now: float
) -> None:
    """Keep the digests of files that were not changed just now."""
    rows = [
        (os.fsencode(path.absolute()), facts, digest)
        for path, ((facts, changed), digest) in found.items()
        if changed < now - SETTLED
    ]
    if index is not None:
        try:
            with index:
                index.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
        except sqlite3.Error:  # as on a full disk; the next call reads the files again
            return


def cached_rows(kind: str, contents: Sequence[str], row: tuple[int, ...], fill: Fill) -> np.ndarray:
    """Map an array with a row for each content, after making what is not there.

    Args:
        kind: a folder of the cache; equal kinds and contents must mean equal rows.
        contents: SHA-256 (hex) of what each row is made from.
        row: shape of one; the dtype is uint8.
        fill: `fill(array, missing, keep)` makes the rows of the indices `missing` and calls
            `keep(indices)` when some of them are done. What it raises is passed on; rows that were
            kept are not asked for again.

    Returns:
        A read-only memory map, uint8 [len(contents), *row].

    Raises:
        UsageError: the cache folder cannot be used.
    """
    folder = cache_folder() / kind
    key = hashlib.sha256("".join(contents).encode()).hexdigest()
    shape = (len(contents), *row)
    path = folder / f"{key}.npy"
    try:
        if _mapped(path, shape) is None:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(path.with_suffix(".lock")):
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


@contextmanager
def _alone(file: Path, timeout: float = -1) -> Iterator[None]:
    """Wait until no other process makes this array.

    Raises:
        filelock.Timeout: one still does after `timeout` seconds.
    """
    with filelock.FileLock(file, timeout=timeout):
        try:
            yield
        finally:
            if os.name != "nt":
                file.unlink(missing_ok=True)


def _make(path: Path, contents: Sequence[str], shape: tuple[int, ...], fill: Fill) -> None:
    """Make KEY.npy as KEY.part, with a byte for each row that is done in KEY.done.

    KEY.rows has the contents of the rows, so that other arrays can take them from either.
    """
    partial, marks = path.with_suffix(".part"), path.with_suffix(".done")
    array = _mapped(partial, shape, "r+")
    if array is None or not marks.is_file() or marks.stat().st_size != len(contents):
        marks.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        marks.write_bytes(bytes(len(contents)))
    path.with_suffix(".rows").write_bytes(bytes.fromhex("".join(contents)))
    unfinished = _Unfinished(array, np.memmap(marks, np.uint8, "r+"))
    del array
    _copy(path, contents, unfinished)
    if len(missing := unfinished.missing()):
        fill(unfinished.array, missing, unfinished.keep)
    unfinished.array.flush()
    del unfinished  # Windows renames no file that is mapped
    partial.replace(path)
    marks.unlink()


class _Unfinished(NamedTuple):
    array: np.memmap
    done: np.memmap

    def missing(self) -> np.ndarray:
        return np.flatnonzero(self.done == 0)

    def keep(self, rows: Sequence[int]) -> None:
        self.array.flush()  # first the rows, then the word that they are there
        self.done[rows] = 1
        self.done.flush()


def _copy(path: Path, contents: Sequence[str], unfinished: _Unfinished) -> None:
    """Take rows from other arrays of the folder that were made from the same contents."""
    for file in sorted(path.parent.glob("*.rows")):
        wanted = {bytes.fromhex(contents[row]): row for row in unfinished.missing()}
        if not wanted:
            return
        if file.stem == path.stem:
            continue
        listed = file.read_bytes()
        there = [listed[i : i + DIGEST_BYTES] for i in range(0, len(listed), DIGEST_BYTES)]
        shape = (len(there), *unfinished.array.shape[1:])
        whole = _mapped(file.with_suffix(".npy"), shape)
        if whole is not None:
            _copy_rows(whole, {d: i for i, d in enumerate(there)}, wanted, unfinished)
            continue
        try:
            with _alone(file.with_suffix(".lock"), timeout=0):
                _take_over(file, there, shape, wanted, unfinished)
        except filelock.Timeout:  # another process is at it
            continue


def _take_over(
    file: Path,
    there: Sequence[bytes],
    shape: tuple[int, ...],
    wanted: dict[bytes, int],
    unfinished: _Unfinished,
) -> None:
    """Copy what is done of an array that was never finished, and remove it."""
    partial, marks = file.with_suffix(".part"), file.with_suffix(".done")
    array = _mapped(partial, shape)
    if array is not None and marks.is_file() and marks.stat().st_size == len(there):
        done = marks.read_bytes()
        _copy_rows(array, {d: i for i, d in enumerate(there) if done[i]}, wanted, unfinished)
        del array
    for each in (partial, marks, file):
        each.unlink(missing_ok=True)


def _copy_rows(
    source: np.ndarray, there: dict[bytes, int], wanted: dict[bytes, int], unfinished: _Unfinished
) -> None:
    pairs = [(row, there[digest]) for digest, row in wanted.items() if digest in there]
    for start in range(0, len(pairs), BLOCK):
        to, origin = (list(each) for each in zip(*pairs[start : start + BLOCK], strict=True))
        unfinished.array[to] = source[origin]
        unfinished.keep(to)
