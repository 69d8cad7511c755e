"""Signals that stop a process in order, and processes that end with the one that started them.

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
from collections.abc import Sequence

from pm_cls.runtime.errors import EXIT_STOPPED

PR_SET_PDEATHSIG = 1  # of prctl(2)
GRACE = 20.0  # seconds from the signal to the end in any case


def stop_signals() -> list[signal.Signals]:
    """SIGTERM, Ctrl-C, and the end of the terminal where it is not ignored, as under nohup."""
    signals = [signal.SIGTERM, signal.SIGINT]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signals.append(hangup)
    return signals


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
