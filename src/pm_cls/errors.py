"""The failures that are foreseen: each ends in one or two lines on stderr and an exit code.

What nobody foresaw keeps its traceback and Python's exit code 1, so that it can be reported.
"""

import io
import os
import sys
from collections.abc import Callable, Sequence

EXIT_STOPPED = 143


class PmClsError(Exception):
    """A foreseen failure; `str()` of it is the message for the user."""

    exit_code: int


class UsageError(PmClsError):
    """The command line or a config asks for something that cannot be done."""

    exit_code = 2


class DataError(PmClsError):
    """The photographs, digits or labels cannot be used as they are."""

    exit_code = 3


class RunError(PmClsError):
    """Something went wrong while a run was going on."""

    exit_code = 4


def run_command(main: Callable[[Sequence[str] | None], None]) -> int:
    """Call a verb's `main` on the command line and turn foreseen failures into exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that a terminal cannot show
    try:
        main(None)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except PmClsError as error:
        print(f"pm_cls: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("pm_cls: stopped", file=sys.stderr)
        return EXIT_STOPPED
    return 0
