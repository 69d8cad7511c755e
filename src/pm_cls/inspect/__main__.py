"""Look into finished runs: how training would move each layer, and what the network looks at.

Where it tells classes, that is what each kernel answers to, and a picture of wrong answers.

    python -m pm_cls.inspect --run runs/lenet7_relu/seed0

What comes out is kept beside each run in inspection/, with pictures of it, and the report draws it
without Paddle. `report --photographs` shows the photographs too.
"""

import sys
from collections.abc import Sequence

from pm_cls.inspect import inspect
from pm_cls.runtime.command import add_device, add_runs, new_parser, run_command
from pm_cls.runtime.paths import typed_path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("inspect", __doc__)
    add_runs(parser)
    parser.add_argument(
        "--data",
        type=typed_path,
        metavar="FOLDER",
        help="where the data lie, if not where the run was trained",
    )
    parser.add_argument(
        "--gradients-only",
        action="store_true",
        help="only how each layer would be moved, not what the network looks at",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    inspect(args.run, args.data, device=args.device, gradients_only=args.gradients_only)


if __name__ == "__main__":
    sys.exit(run_command(main))
