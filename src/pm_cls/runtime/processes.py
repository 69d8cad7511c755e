"""The processors, signals that stop a process in order, and processes that end with their parent.

    python -m pm_cls.runtime.processes PARENT ARGUMENTS

is `python ARGUMENTS`, told to stop when the process PARENT is gone, however that ended. Standard
input is a pipe from there that nothing is written to; its end is noticed on every system.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pm_cls.runtime.errors import EXIT_STOPPED

PR_SET_PDEATHSIG = 1  # of prctl(2)
GRACE = 20.0  # seconds from the signal to the end in any case


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def stop_signals() -> list[signal.Signals]:
    """SIGTERM, Ctrl-C, and the end of the terminal where it is not ignored, as under nohup."""
    signals = [signal.SIGTERM, signal.SIGINT]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signals.append(hangup)
    return signals


@contextmanager
def stopping_afterwards() -> Iterator[None]:
    """Have signals wait until what is within is done.

    For code that a library calls back: an exception out of it would be taken for an error of its
    own, and not for the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in stop_signals()}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda *told: came.append(told))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for told, frame in came:
            ours[signal.Signals(told)](told, frame)


def ending_with_this(arguments: Sequence[str]) -> list[str]:
    """The command of `python ARGUMENTS` that ends with this process; its standard input: a pipe."""
    return [sys.executable, "-m", "pm_cls.runtime.processes", str(os.getpid()), *arguments]


def end_with(parent: int) -> bool:
    """Have the system send SIGTERM to this process when its parent is gone.

    Returns:
        Whether it will: on Linux, unless the parent is gone already.
    """
    if sys.platform != "linux":
        return False
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    is_set = prctl is not None and prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0
    return is_set and os.getppid() == parent


def _wait_for_the_end(is_told: bool) -> None:
    """Stop this process when the pipe on its standard input ends."""
    try:
        while os.read(0, 1):
            pass
    except OSError:  # not to be read: as ended
        pass
    if not is_told:
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(EXIT_STOPPED)


def _run(arguments: Sequence[str]) -> None:
    """As `python ARGUMENTS` does: `-m MODULE`, `-c CODE` or a file, and their arguments."""
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = list(arguments)
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    told = end_with(int(sys.argv[1]))
    threading.Thread(target=_wait_for_the_end, args=(told,), daemon=True).start()
    _run(sys.argv[2:])
