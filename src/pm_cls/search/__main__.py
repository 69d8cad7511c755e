"""Look for settings: trials of ranges, judged on training images that are held out.

    python -m pm_cls.search --ranges configs/search/lenet7.yaml --trials 30

The YAML has the sections of a config and `ranges`: by dotted key a list of values, or `low` and
`high` (and `log: true` or `step`). Each trial is a run of its own; what it scores on the
validation images is recorded and decides nothing. The same command goes on where it was stopped,
and several machines that share the runs and a --storage share the trials.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pm_cls.runtime.command import add_device, new_parser, run_command
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.paths import typed_path
from pm_cls.search import Search, search


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("search", __doc__)
    parser.add_argument(
        "--ranges", type=typed_path, required=True, metavar="FILE", help="a config with `ranges`"
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="in all, those made before counted"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as of pm-cls train"
    )
    parser.add_argument(
        "--runs-dir", type=typed_path, default=Path("runs-search"), help="default: runs-search"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="of Optuna (default: an SQLite file in the folder of runs), as postgresql://…",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.trials < 1:
        raise UsageError("--trials: a number from 1 on is needed")
    search(
        Search.read(args.ranges, args.set), args.runs_dir, args.trials, args.storage, args.device
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
