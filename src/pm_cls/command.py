"""What the verbs share on the command line: the parser, some options, the exit codes."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from pm_cls.device import CHOICES
from pm_cls.errors import EXIT_STOPPED, PmClsError, RunError, UsageError


def new_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The parser of a verb; its module's docstring, with the example in it, is the description."""
    return argparse.ArgumentParser(
        prog=f"pm-cls {verb}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        type=Path,
        metavar="FILE.csv",
        help="photographs from elsewhere and their labels: columns file (as found from the folder) "
        "and label (1 pathological, 0 not)",
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

    SIGTERM and Ctrl-C end it in order (each `finally` is gone through); a second one at once.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
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
    except MemoryError as error:  # Paddle's has many lines
        print(
            "pm_cls: error: out of memory; smaller are `data.image_size`, `train.batch_size` and "
            f"`model.pool_to` ({' '.join(str(error).split())[:200]})",
            file=sys.stderr,
        )
        return RunError.exit_code
    except KeyboardInterrupt:
        print("pm_cls: stopped", file=sys.stderr)
        return EXIT_STOPPED
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt
