"""Train one network with one seed.

    python -m pm_cls.train --config configs/lenet7_relu.yaml --seed 0

A config with its seed goes in, a record comes out: the folder of a run (see `pm_cls.records`). A
run that was stopped or killed goes on with the same command and ends in the same bits.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pm_cls.config import load_config
from pm_cls.data import is_synthetic
from pm_cls.runtime.command import add_device, new_parser, run_command
from pm_cls.runtime.paths import typed_path
from pm_cls.runtime.silence import silence
from pm_cls.train import train


class _Keys(argparse.Action):
    """As --help: needs no other option."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(nargs=0, **keywords)

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        with silence():
            from pm_cls.train.keys import described

        print(described())
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("train", __doc__)
    parser.add_argument(
        "--config",
        type=typed_path,
        required=True,
        metavar="FILE",
        help="a YAML file, as those in configs/",
    )
    parser.add_argument(
        "--keys", action=_Keys, help="print every key of a config with its values, and end"
    )
    parser.add_argument("--experiment", metavar="NAME", help="which, where the file holds many")
    parser.add_argument("--seed", type=int, help="a seed in place of the config's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value for a key of the config, as optimizer.learning_rate=0.01; text is "
        "taken as it stands; repeatable",
    )
    add_device(parser)
    parser.add_argument(
        "--runs-dir",
        type=typed_path,
        help="where the folder of the run is made (default: runs; runs-synthetic for SYNTHETIC "
        "photographs)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew instead of going on or being finished"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse data in which a photograph stands more than once, instead of noting it",
    )
    args = parser.parse_args(arguments)
    overrides = args.set + ([] if args.seed is None else [f"seed={args.seed}"])
    config = load_config(args.config, overrides, args.experiment)
    runs_dir = args.runs_dir or Path("runs-synthetic" if is_synthetic(config.data) else "runs")
    train(config, runs_dir, args.device, restart=args.restart, strict=args.strict)


if __name__ == "__main__":
    sys.exit(run_command(main))
