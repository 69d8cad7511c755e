"""Standard output and error, which can be closed, full, or gone with their reader or terminal.

What is written there and cannot be is lost, and the work goes on: its files are whole. What was
lost of standard output is told at the end.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO, TypeVar

from pm_cls.runtime.errors import PmClsError, RunError, UsageError

Given = TypeVar("Given")


class Output(io.TextIOWrapper):
    """A stream of this process that leads nowhere from the first failure on, the `failure`.

    A reader that has seen enough, as `head`, is none.
    """

    failure: OSError | None = None

    def write(self, text: str) -> int:
        return self._or_nowhere(lambda: super(Output, self).write(text), len(text))

    def flush(self) -> None:
        self._or_nowhere(super().flush, None)

    def _or_nowhere(self, act: Callable[[], Given], otherwise: Given) -> Given:
        try:
            return act()
        except BrokenPipeError:
            pass
        except OSError as error:
            self.failure = self.failure or error
        _lead_nowhere(self.fileno())
        return otherwise


def guard() -> None:
    """Make standard output and error an `Output`, and lead those that are closed nowhere.

    A file that is opened later would get the number of a closed stream, and with it what libraries
    in C write there.

    Raises:
        UsageError: standard output is closed.
    """
    is_closed = sys.stdout is None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            _lead_nowhere(descriptor)
    sys.stderr = _guarded(sys.stderr, 2)
    sys.stdout = _guarded(sys.stdout, 1)
    if is_closed:
        raise UsageError("standard output is closed; >/dev/null gives it a place and shows nothing")


def check_output() -> None:
    """Raise a UsageError or RunError where something was lost of standard output."""
    sys.stdout.flush()
    error = getattr(sys.stdout, "failure", None)
    if error is not None:
        kind: type[PmClsError] = UsageError if error.errno == errno.EBADF else RunError
        raise kind(
            f"standard output cannot be written ({error.strerror}); what was to be shown is "
            "lost, files are as always"
        )


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return Output(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)), "utf-8")
    if type(stream) is not io.TextIOWrapper:  # a caller's own
        return stream
    encoding, by_line, through = stream.encoding, stream.line_buffering, stream.write_through
    return Output(
        stream.detach(),
        encoding=encoding,
        errors="backslashreplace",  # names that a terminal cannot show
        line_buffering=by_line,
        write_through=through,
    )


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
