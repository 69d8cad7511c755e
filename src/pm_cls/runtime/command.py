"""What the verbs share on the command line: the parser, some options, the exit codes."""

import argparse
import glob
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from pm_cls.runtime import streams
from pm_cls.runtime.device import CHOICES
from pm_cls.runtime.errors import EXIT_STOPPED, PmClsError, RunError, UsageError
from pm_cls.runtime.paths import typed_path
from pm_cls.runtime.processes import stop_signals


def new_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The parser of a verb; its module's docstring, with the example in it, is the description."""
    parser = argparse.ArgumentParser(
        prog=f"pm-cls {verb}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=version())
    return parser


def version() -> str:
    """The name of the package and its version."""
    return f"pm-cls {sys.modules['pm_cls'].__version__}"


class Expanded(argparse.Action):
    """Paths of an option or argument: `~` is the home folder, and patterns are expanded.

    A shell hands on what is quoted, or what it finds nothing for, and that of Windows all. What is
    there by its own name is taken by it.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name = option_string or str(self.metavar or self.dest)
        several = isinstance(values, list)
        found = [path for one in (values if several else [values]) for path in expanded(one, name)]
        if not several and len(found) > 1:
            listed = ", ".join(map(str, found[:5])) + (", …" if len(found) > 5 else "")
            raise UsageError(f"{name} {values}: one is needed, {len(found)} match: {listed}")
        if several and option_string:  # which may be given again
            found = list(dict.fromkeys([*(getattr(namespace, self.dest) or []), *found]))
        setattr(namespace, self.dest, found if several else found[0])


def expanded(path: str, option: str) -> list[Path]:
    """The paths that a pattern stands for, sorted; the path itself where it is none.

    Raises:
        UsageError: nothing matches the pattern, or it is empty.
    """
    text = str(typed_path(path))
    if not glob.has_magic(text) or os.path.lexists(text):
        return [Path(text)]
    if found := sorted(glob.glob(text, recursive=True)):  # noqa: PTH207 (any path)
        return list(map(Path, found))
    raise UsageError(f"{option} {path}: nothing matches this pattern")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """The `--run` of the verbs that take many."""
    parser.add_argument(
        "--run",
        action=Expanded,
        required=True,
        nargs="+",
        help="folders of finished runs",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """The `--device` of every verb that computes."""
    parser.add_argument(
        "--device", choices=CHOICES, default="auto", help="default: a GPU if there is one"
    )


def add_labels(parser: argparse.ArgumentParser) -> None:
    """The options of the verbs that score on photographs from elsewhere."""
    parser.add_argument(
        "--labels",
        type=typed_path,
        metavar="FILE.csv",
        help="photographs from elsewhere and their labels: columns file (as found from the folder) "
        "and label (1 pathological, 0 not; where the classes have names, these)",
    )
    parser.add_argument("--name", help="what to call those photographs (default: their folder)")


def check_labels(args: argparse.Namespace, option: str, folder: object) -> None:
    """Raise UsageError where one of the folder, given by `option`, and the labels is missing."""
    if (folder is None) != (args.labels is None):
        raise UsageError(f"{option} and --labels are needed together")
    if args.name is not None and args.labels is None:
        raise UsageError("--name goes with --labels")


def run_command(main: Callable[[Sequence[str] | None], None]) -> int:
    """Call a verb's `main` on the command line and turn foreseen failures into exit codes.

    SIGTERM, Ctrl-C and the end of the terminal (but under nohup) end it in order: each `finally`
    is gone through; a second one ends it at once.
    """
    for number in stop_signals():
        signal.signal(number, _stop)
    logging.getLogger("pm_cls").propagate = False  # Paddle 2.6 makes the root's lines its own
    code = _code_of(main)
    try:
        streams.check_output()
    except PmClsError as error:
        return code or _told(error)
    return code


def _code_of(main: Callable[[Sequence[str] | None], None]) -> int:
    try:
        streams.guard()
        _check_working_folder()
        main(None)
    except SystemExit as end:  # of the parser, which has said why
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except PmClsError as error:
        return _told(error)
    except MemoryError as error:  # Paddle's has many lines
        words = " ".join(str(error).split())[:200]
        return _told(
            RunError(
                "out of memory; smaller are `data.image_size`, `train.batch_size` and "
                f"`model.pool_to` ({words})"
            )
        )
    except OSError as error:
        if error.filename is None:  # no matter of a path
            raise
        return _told(UsageError(f"{error.filename}: cannot be used ({error.strerror})"))
    except KeyboardInterrupt:
        print("pm_cls: stopped", file=sys.stderr)
        return EXIT_STOPPED
    return 0


def _told(error: PmClsError) -> int:
    print(f"pm_cls: error: {error}", file=sys.stderr)
    return error.exit_code


def _check_working_folder() -> None:
    if {"-h", "--help", "-V", "--version"} & set(sys.argv):
        return
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working folder is not there any more ({error.strerror}); `cd` to one that is"
        )


def _stop(number: int, frame: FrameType | None) -> None:
    for each in stop_signals():
        signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt
