"""Classify photographs with a trained network. For research and teaching: no medical device.

python -m pm_cls.predict --run runs/lenet7_relu/seed0 photo.jpg folder/ --out predictions.csv

A line for each photograph: image, logit, probability of pathological myopia, prediction (1 from a
probability of 0.5 on, else 0). Of a network of k classes: all logits, the most probable class and
its probability. Where the run knows names of classes, the last column has the predicted one's. A
run that held training images out, or that was fitted by cross-validation, knows
what its answers are worth: the probability is calibrated, the prediction made at the stored
threshold, and two columns say whether it is sure and whether the photograph is unlike those that it
was trained on.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.runtime import device as devices
from pm_cls.runtime.command import Expanded, add_device, new_parser, run_command
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import csv_text, write_text, writing
from pm_cls.runtime.paths import typed_path
from pm_cls.runtime.verbs import callable_as

if TYPE_CHECKING:
    from pm_cls.models.classifier import Photographs, Prediction


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("predict", __doc__)
    parser.add_argument(
        "photographs", nargs="+", type=Path, action=Expanded, help="files, or folders of them"
    )
    parser.add_argument(
        "--run", type=Path, action=Expanded, required=True, help="folder of a finished run"
    )
    parser.add_argument("--epoch", type=int, help="a reported epoch (default: the last)")
    parser.add_argument("--out", type=typed_path, help="CSV file to write (default: the terminal)")
    parser.add_argument(
        "--bom",
        action="store_true",
        help="begin the file with a byte order mark, by which Excel knows names in other scripts",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.out is not None and args.out.is_dir():
        raise UsageError(f"--out {args.out}: is a folder; name a file")
    found = predict(args.run, args.photographs, args.epoch, args.device)
    logits = found[0].logit if isinstance(found[0].logit, tuple) else (found[0].logit,)
    last: list[str] = []
    columns = ["logit"] if len(logits) == 1 else [f"logit_{i}" for i in range(len(logits))]
    if found[0].is_sure is not None:
        last += ["sure", "unlike"]
    if found[0].class_name is not None:
        last.append("class")
    table = csv_text(["image", *columns, "probability", "prediction", *last], map(_row, found))
    if args.out is None:
        print(table, end="")
        return
    with writing(f"--out {args.out}"):
        write_text(args.out, ("\ufeff" if args.bom else "") + table)
    print(f"written: {args.out}")


def predict(
    run: str | Path, photographs: "Photographs", epoch: int | None = None, device: str = "auto"
) -> "list[Prediction]":
    """Classify photographs with the network of a run; see `pm_cls.models.classifier.Run.predict`.

    Raises:
        UsageError: no such run, or one of a network that does not take photographs.
        DataError: no photographs, or bad ones (all are listed).
    """
    devices.prepare(device)
    from pm_cls.models.classifier import Run

    return Run.read(Path(run), epoch).predict(photographs)


def _row(one: "Prediction") -> list[object]:
    logits = one.logit if isinstance(one.logit, tuple) else (one.logit,)
    row = [one.name, *(f"{v:.9g}" for v in logits), f"{one.probability:.9g}", one.label]
    if one.is_sure is not None:
        row += [int(one.is_sure), "" if one.is_unlike is None else int(one.is_unlike)]
    return row if one.class_name is None else [*row, one.class_name]


callable_as(predict)

if __name__ == "__main__":
    sys.exit(run_command(main))
