"""The failures that are foreseen: each ends in one or two lines on stderr and an exit code.

What nobody foresaw keeps its traceback and Python's exit code 1, so that it can be reported.
"""

EXIT_STOPPED = 143


class PmClsError(Exception):
    """A foreseen failure; `str()` of it is the message for the user."""

    exit_code: int


class UsageError(PmClsError):
    """The command line or a config asks for something that cannot be done."""

    exit_code = 2


class Taken(UsageError):
    """A folder holds another run, or another process is at work on it."""


class DataError(PmClsError):
    """The photographs, digits or labels cannot be used as they are."""

    exit_code = 3


class RunError(PmClsError):
    """Something went wrong while a run was going on."""

    exit_code = 4


class Diverged(RunError):
    """The numbers of a run became NaN or infinite."""
