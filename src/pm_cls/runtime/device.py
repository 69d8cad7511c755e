"""Paddle itself: which wheel is installed, on which device it computes.

Everything that needs Paddle calls `prepare` before it imports a module that does.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.processes import stopping_afterwards
from pm_cls.runtime.silence import silence
from pm_cls.runtime.threads import MKL_CODE_PATH, THREADS, mkl_code_path, one_thread

CHOICES = ("auto", "cpu", "gpu")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)

log = logging.getLogger("pm_cls")


def installed_wheels() -> list[str]:
    """Which of `paddlepaddle` and `paddlepaddle-gpu` are installed."""
    return list(versions(("paddlepaddle", "paddlepaddle-gpu")))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """By name, of those of the packages that are installed."""
    found = {}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def prepare(device: str = "auto") -> str:
    """Import Paddle for repeatable runs and choose the device.

    Threads, numbers and mode are those of a fresh Paddle, whatever the process did with it before.

    Args:
        device: `cpu`, `gpu`, or `auto`: the GPU where Paddle can use one, else the CPU.

    Returns:
        `cpu` or `gpu`: where tensors are put from now on.

    Raises:
        UsageError: no such device, no Paddle, both of its wheels, or no GPU where one is asked for.
    """
    if device not in CHOICES:
        raise UsageError(f"device {device!r}: one of {', '.join(CHOICES)} is needed")
    wheels = installed_wheels()
    if not wheels:
        raise UsageError('Paddle is not installed; install it with: pip install -e ".[cpu]"')
    if len(wheels) > 1:
        raise UsageError(
            "paddlepaddle and paddlepaddle-gpu are both installed and overwrite each other; mend "
            "it with: pip uninstall -y paddlepaddle paddlepaddle-gpu, then pip install one of them"
        )
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    if code_path := fast_mkl_code_path():
        os.environ.setdefault(MKL_CODE_PATH, code_path)
    _keep_freed_memory()
    with silence(), stopping_afterwards(), _own_signals():
        import paddle

        paddle.disable_signal_handler()
    paddle.disable_static()
    paddle.set_default_dtype("float32")
    one_thread()
    if code_path:
        _check_code_path()

    has_gpu = paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if device == "gpu" and not has_gpu:
        found = "sees no GPU" if paddle.device.is_compiled_with_cuda() else "is built for the CPU"
        raise UsageError(
            f"--device gpu: the installed {wheels[0]} {found}; --device cpu will do, or for a GPU: "
            f'pip uninstall -y {wheels[0]}, then pip install -c constraints-oldest.txt -e ".[gpu]"'
        )
    chosen = "gpu" if has_gpu and device != "cpu" else "cpu"
    if chosen == "gpu":
        paddle.set_flags({"FLAGS_cudnn_deterministic": True})  # CPU wheels do not know the flag
        paddle.set_device("gpu")
        if not _adds_up():
            capability = ".".join(map(str, paddle.device.cuda.get_device_capability()))
            found = (
                f"{wheels[0]} {paddle.__version__} computes nothing right on this GPU of capability"
            )
            if device == "gpu":
                raise UsageError(f"--device gpu: {found} {capability}; --device cpu will do")
            log.warning(f"note: {found} {capability}; going on with the CPU")
            chosen = "cpu"
    paddle.set_device(chosen)
    return chosen


def _adds_up() -> bool:
    """Whether the device that is set can add: without code for it, Paddle 2.6 gives zeros."""
    import paddle

    try:
        one = paddle.ones([1])
        return bool((one + one).numpy()[0] == 2)
    except (RuntimeError, OSError):  # what Paddle makes of an error of CUDA
        return False


def _check_code_path() -> None:
    wanted, found = os.environ[MKL_CODE_PATH], mkl_code_path()
    if found is not None and wanted and wanted != found:
        log.warning(
            f"note: Paddle computed in this process before, so {MKL_CODE_PATH}={wanted} comes too "
            f"late: its MKL stays with {found}, which is slower and differs in the last bits. "
            "Where that matters, start pm_cls first or set the variable before"
        )


def check_precision(device: str, precision: str) -> None:
    """Raise UsageError where the prepared device cannot train in `train.precision`."""
    import paddle

    is_supported = device == "gpu" and getattr(paddle.amp, f"is_{precision}_supported", None)
    if precision != "float32" and not (is_supported and is_supported()):
        raise UsageError(
            f"`train.precision` is {precision}, which this {device.upper()} does not train in; "
            "float32 works everywhere"
        )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM over the import of Paddle, which sets its own.

    Paddle takes SIGTERM for a crash and writes a stack trace from within the signal, which can hang
    for good. One that comes during the import waits until it is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    handler = signal.getsignal(signal.SIGTERM)
    can_wait = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]) if can_wait else None
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep_freed_memory() -> None:
    """Have glibc reuse large arrays instead of returning them to the system after each step.

    A step frees and allocates the same sizes again, and pages that are new must be zeroed.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, -1)


def fast_mkl_code_path(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The value of MKL_DEBUG_CPU_TYPE with which Paddle's MKL uses what an AMD processor can do.

    The MKL 2019 in Paddle's wheels takes its slowest code on processors that are not Intel's;
    AlexNet trains about three times as fast on the right one. 7 is AVX-512, 5 is AVX2. None where
    MKL chooses well by itself, or where the processor cannot be told.
    """
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    facts = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
    if "AuthenticAMD" not in facts.get("vendor_id", ""):
        return None
    flags = set(facts.get("flags", "").split())
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
        return "7"
    return "5" if {"avx2", "fma"} <= flags else None
