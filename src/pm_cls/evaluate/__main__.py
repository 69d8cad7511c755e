"""Score the stored weights of finished runs, on the validation images or on other photographs.

    python -m pm_cls.evaluate --run runs/lenet7_relu/seed0
    python -m pm_cls.evaluate --run runs/*/seed* --data FOLDER --labels FILE.csv
    python -m pm_cls.evaluate --run runs/lenet9_relu/seed* --ensemble average
    python -m pm_cls.evaluate --run runs/lenet9_relu/seed0 --stress 3

With labels, what comes out is kept beside each run as evaluations/NAME.json and .csv, and the
report shows it.
"""

import argparse
import sys
from collections.abc import Sequence

from pm_cls.data.photographs.stress import STRENGTHS
from pm_cls.evaluate import evaluated
from pm_cls.evaluate.together import Together
from pm_cls.records import result
from pm_cls.runtime import device as devices
from pm_cls.runtime.command import (
    add_device,
    add_labels,
    add_runs,
    check_labels,
    new_parser,
    run_command,
)
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.ensembles import KINDS


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("evaluate", __doc__)
    add_runs(parser)
    parser.add_argument(
        "--data",
        type=typed_path,
        metavar="FOLDER",
        help="where the data lie, if not where the run was trained; with --labels: other ones",
    )
    add_labels(parser)
    parser.add_argument(
        "--ensemble",
        choices=KINDS,
        help="score the runs as one: mean of their probabilities, votes, or weighed by a "
        "regression on the training images that all have held out",
    )
    parser.add_argument(
        "--snapshots",
        action="store_true",
        help="with --ensemble: every reported epoch of a run is a member",
    )
    parser.add_argument(
        "--flips",
        action="store_true",
        help="with --ensemble: the mean over each image and its mirror image",
    )
    parser.add_argument(
        "--stress",
        nargs="*",
        type=int,
        choices=STRENGTHS,
        metavar="STRENGTH",
        help="on the validation photographs under changes of camera and operator, in these "
        "strengths (1 to 5; without a number in all); kept beside each run as stress.csv and "
        "stress.png",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    check_labels(args, "--data", args.data if args.labels else None)
    if args.ensemble is None and (args.snapshots or args.flips):
        raise UsageError("--snapshots and --flips go with --ensemble")
    if args.stress is not None:
        _stress(args)
        return
    together = Together(args.ensemble, args.snapshots, args.flips) if args.ensemble else None
    found = evaluated(
        args.run, args.data, args.labels, name=args.name, device=args.device, together=together
    )
    for one in found:
        for note in one.notes:
            print(note)
        area = "undefined" if one.scores.auc is None else f"{one.scores.auc:.4f}"
        who = f"{one.folder}  epoch {one.epoch:3d}"
        if together is not None:
            who = f"{together.kind} of {one.members} answers"
        print(
            f"{who}  {one.data}  accuracy "
            f"{100 * one.scores.accuracy:.2f}% ({one.scores.correct} of {one.scores.n})  "
            f"loss {one.scores.loss:.4f}  AUC {area}",
            *one.worth,
            sep="\n",
            flush=True,
        )


def _stress(args: argparse.Namespace) -> None:
    if args.labels is not None or args.ensemble is not None:
        raise UsageError("--stress is of single runs on their validation photographs")
    devices.prepare(args.device)
    from pm_cls.evaluate.stress import lines, stress
    from pm_cls.models.classifier import Run

    for run in [Run.read(folder) for folder in args.run]:
        root = None if args.data is None else str(args.data)
        found = stress(run, root, sorted(set(args.stress)) or STRENGTHS)
        data = f"validation images of {result.read(run.folder).dataset}"
        print(f"{run.folder}  epoch {run.epoch}  {data}", *lines(found), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(run_command(main))
