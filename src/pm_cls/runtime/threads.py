"""One thread, and what Paddle's libraries say themselves about it.

What the environment asks for is read by each library once, at its first use, and some settings
outrank others. So the libraries are told by calls of their own, and asked.
"""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

THREADS = 1  # one thread and another number differ in the last bits; runs go side by side instead
MKL_CODE_PATH = "MKL_DEBUG_CPU_TYPE"
MKL_DOMAINS = range(1, 5)  # BLAS and others
OPENMP = re.compile(r"lib(g|i|)omp[\w.-]*\.(so|dylib|dll)\b")
# Settings of libraries that can change the last bits of a result, by how their names begin.
SETTINGS = (
    "FLAGS_",
    "KMP_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "DNNL_",
    "CUBLAS_",
    "NVIDIA_TF32",
    "NUMBA_",
)


def one_thread() -> None:
    """Have Paddle compute on one thread, whatever was asked for before, here and elsewhere.

    OpenMP keeps a number for each thread of the caller, so this is called where it computes.
    """
    from paddle.base import core

    core.set_num_threads(THREADS)  # OpenBLAS, where Paddle is built with it
    for openmp in _openmp():
        openmp.omp_set_num_threads(THREADS)
    if (mkl := _mkl()) is not None:
        mkl.MKL_Set_Num_Threads_Local(0)  # outranks the others; 0 takes it back
        mkl.MKL_Set_Num_Threads(THREADS)
        for domain in MKL_DOMAINS:  # outrank the number of all
            mkl.MKL_Domain_Set_Num_Threads(THREADS, domain)


def threads_in_effect() -> int:
    """The most threads that a library of Paddle takes for work of the calling thread."""
    found = [openmp.omp_get_max_threads() for openmp in _openmp()]
    if (mkl := _mkl()) is not None:
        found.append(mkl.MKL_Get_Max_Threads())
        found += map(mkl.MKL_Domain_Get_Max_Threads, MKL_DOMAINS)
    return max(found, default=THREADS)


def mkl_code_path() -> str | None:
    """Which code MKL computes with: 0 for any processor, 5 AVX2, 7 AVX-512; None without MKL.

    MKL chooses at its first use, for which MKL_DEBUG_CPU_TYPE can be set, and stays with it.
    """
    mkl = _mkl()
    if mkl is None:
        return None
    detect = getattr(mkl, "mkl_serv_cpu_detect", None)  # what its own functions ask
    return str(detect()) if detect is not None else os.environ.get(MKL_CODE_PATH)


def settings_in_effect() -> dict[str, str]:
    """The settings in the environment that can change the last bits of a result."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith(SETTINGS)}


@cache
def _mkl() -> ctypes.CDLL | None:
    """The MKL of Paddle's wheel, which Paddle itself loads at its first multiplication."""
    for file in sorted(_libraries().glob("*mklml*")):
        try:
            return ctypes.CDLL(str(file))
        except OSError:  # of another build
            continue
    return None


def _openmp() -> Iterator[ctypes.CDLL]:
    """The OpenMP libraries in this process; asked anew, as imports bring more."""
    if sys.platform == "linux":
        lines = (line.split(maxsplit=5) for line in _maps().splitlines())
        mapped = {line[5] for line in lines if len(line) == 6}
    else:
        mapped = {str(file) for file in _libraries().glob("*omp*")}
    for name in sorted(mapped):
        if OPENMP.search(Path(name).name):
            yield _loaded(name)


@cache
def _loaded(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(name)


def _maps() -> str:
    try:
        return Path("/proc/self/maps").read_text(errors="replace")
    except OSError:
        return ""


def _libraries() -> Path:
    import paddle

    return Path(paddle.__file__).parent / "libs"
