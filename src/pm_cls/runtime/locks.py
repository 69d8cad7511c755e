"""Lock files that are gone when nobody holds them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock


@contextmanager
def alone(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a lock file, which is taken away at the end; a kill frees it too.

    Raises:
        filelock.Timeout: another process still holds it after `timeout` seconds.
    """
    lock = filelock.FileLock(path)
    lock.acquire(timeout=timeout)
    while not _is_at(lock, path):  # taken away between our opening and locking it
        lock.release()
        lock.acquire(timeout=timeout)
    try:
        yield
    finally:
        if os.name != "nt":  # removes no file that is open
            path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def shared_folder(folder: Path) -> Iterator[None]:
    """Make a folder that several processes may write into, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / ".lock"):
        yield


def _is_at(lock: filelock.BaseFileLock, path: Path) -> bool:
    """Whether the file that is held still has its name: else another process can lock a new one."""
    descriptor = lock._context.lock_file_fd
    with suppress(FileNotFoundError):
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), path.stat())
    return False
