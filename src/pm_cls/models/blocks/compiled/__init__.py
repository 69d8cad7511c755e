"""Loops that Numba compiles once and keeps: where a pass over memory less is worth one's own code.

`kernels()` gives them; everything that uses them has a way of Paddle's own beside it, for GPUs,
other shapes, and where there is no Numba.
"""

import ctypes
import hashlib
import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock
import numpy as np
import paddle

from pm_cls.runtime.errors import PmClsError
from pm_cls.runtime.files import read_json_as, write_json
from pm_cls.runtime.home import cache_folder

LIST = "files.json"  # name of each compiled file -> SHA-256; written last


@cache
def kernels(source: str) -> Any:
    """The module of compiled functions of that name here; None without a usable Numba."""
    try:
        import numba
    except ImportError:  # not installed, or not for this NumPy
        return None
    if numba.config.DISABLE_JIT:
        return None
    before = numba.config.CACHE_DIR
    try:
        with tempfile.TemporaryDirectory() as aside:
            numba.config.CACHE_DIR = aside
            return _kept(source, numba) or _module(source)
    finally:
        numba.config.CACHE_DIR = before


def _kept(source: str, numba: ModuleType) -> ModuleType | None:
    """From the cache, where they are compiled into first; None where it cannot be written."""
    try:
        folder = cache_folder() / f"compiled-{_digest_of_origin(source)}"
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_suffix(".lock")):
            if not _is_whole(folder):
                shutil.rmtree(folder)
                folder.mkdir()
                _say_that_it_takes_time()
            numba.config.CACHE_DIR = str(folder)
            module = _module(source)
            if not (folder / LIST).exists():
                write_json(folder / LIST, _digests(folder))
            return module
    except (OSError, PmClsError):
        return None


@cache
def _say_that_it_takes_time() -> None:
    print("note: compiling loops for this processor, once; some seconds", file=sys.stderr)


def _module(source: str) -> ModuleType:
    """Importing it compiles, or takes what Numba finds in the folder that it is told."""
    return importlib.import_module(f"pm_cls.models.blocks.compiled.{source}")


def _digest_of_origin(source: str) -> str:
    """Of everything that the machine code follows from; another one has a folder of its own."""
    from llvmlite import binding

    file = Path(__file__).with_name(f"{source}.py")
    as_numba_knows_it = [str(file), str(file.stat().st_mtime_ns)]
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    versions = [platform.python_version(), metadata.version("numba"), metadata.version("llvmlite")]
    features = binding.get_host_cpu_features().flatten()
    origin = [*as_numba_knows_it, *versions, binding.get_host_cpu_name(), features, *settings]
    return hashlib.sha256(file.read_bytes() + "\n".join(origin).encode()).hexdigest()[:16]


def _is_whole(folder: Path) -> bool:
    """Whether nothing was changed since: machine code is run as it stands."""
    try:
        return read_json_as(dict[str, str], folder / LIST) == _digests(folder)
    except (OSError, ValueError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != LIST)
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


_asked_for = {"all": False}


@contextmanager
def all_gradients() -> Iterator[None]:
    """Promise that what is computed within is gone back through by `Tensor.backward` alone.

    Gradients of some inputs only, as `paddle.grad` gives them, are more than Paddle lets a function
    of one's own give.
    """
    before, _asked_for["all"] = _asked_for["all"], True
    try:
        yield
    finally:
        _asked_for["all"] = before


def is_usable(*tensors: paddle.Tensor) -> bool:
    """Whether compiled loops may take these: float32 on the CPU, and no or all gradients."""
    return (_asked_for["all"] or not paddle.is_grad_enabled()) and _can_be_read(*tensors)


def _can_be_read(*tensors: paddle.Tensor) -> bool:
    return paddle.in_dynamic_mode() and all(
        tensor.place.is_cpu_place() and tensor.dtype == paddle.float32 for tensor in tensors
    )


def values_of(tensor: paddle.Tensor) -> np.ndarray:
    """The float32 values of a contiguous tensor on the CPU, shared; valid while the tensor is."""
    pointer = ctypes.cast(tensor.data_ptr(), ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(pointer, tuple(tensor.shape))


def are_finite(*tensors: paddle.Tensor) -> bool:
    """Whether no value is NaN or infinite."""
    loops = kernels("convolutions") if _can_be_read(*tensors) else None
    if loops is None:
        return all(bool(paddle.isfinite(tensor).all()) for tensor in tensors)
    return all(loops.are_finite(values_of(tensor.contiguous()).ravel()) for tensor in tensors)
