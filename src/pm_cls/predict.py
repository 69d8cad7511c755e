"""Classify photographs with a trained network. For research and teaching: no medical device.

python -m pm_cls.predict --run runs/lenet7_relu/seed0 photo.jpg folder/ --out predictions.csv
python -m pm_cls.predict --run runs/lenet7_relu/seed0 folder/ --page predictions.html --explain

A line for each photograph: image, logit, probability of pathological myopia, prediction (1 from a
probability of 0.5 on, else 0). Of a network of k classes: all logits, the most probable class and
its probability. Where the run knows names of classes, the last column has the predicted one's. A
run that held training images out, or that was fitted by cross-validation, knows
what its answers are worth: the probability is calibrated, the prediction made at the stored
threshold, and two columns say whether it is sure and whether the photograph is unlike those that it
was trained on.

The page shows the same with the photographs, in a browser and without a network. A command that was
stopped or killed goes on where it was, from the file .answers beside the one to be written.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from pm_cls.answers import page, pictures, table
from pm_cls.presentation.text import LANGUAGES
from pm_cls.runtime import device as devices
from pm_cls.runtime import journal
from pm_cls.runtime.command import Expanded, add_device, new_parser, run_command
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import whole, writing
from pm_cls.runtime.paths import check_output, typed_path
from pm_cls.runtime.verbs import callable_as

if TYPE_CHECKING:
    from pm_cls.models.classifier import Photographs, Prediction, Run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("predict", __doc__)
    parser.add_argument("photographs", nargs="+", action=Expanded, help="files, or folders of them")
    parser.add_argument("--run", action=Expanded, required=True, help="folder of a finished run")
    parser.add_argument("--epoch", type=int, help="a reported epoch (default: the last)")
    parser.add_argument("--out", type=typed_path, help="CSV file to write (default: the terminal)")
    parser.add_argument(
        "--bom",
        action="store_true",
        help="begin the file with a byte order mark, by which Excel knows names in other scripts",
    )
    parser.add_argument(
        "--page", type=typed_path, metavar="FILE.html", help="page to write, besides or instead"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--explain",
        action="store_const",
        const="grad-cam",
        help="with --page: what speaks for each answer, by Grad-CAM",
    )
    ways.add_argument(
        "--occlusion",
        dest="explain",
        action="store_const",
        const="occlusion",
        help="as --explain, by covering the photograph square by square: takes 170 times as "
        "long for 224 pixels",
    )
    parser.add_argument(
        "--lang", choices=LANGUAGES, help="of the page (default: that of the browser)"
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.out is not None:
        check_output("--out", args.out, (".csv", ".txt"))
    if args.page is not None:
        check_output("--page", args.page, (".html", ".htm"))
    if args.page is None and (args.explain or args.lang):
        raise UsageError("--explain, --occlusion and --lang go with --page FILE.html")
    if args.bom and args.out is None:
        raise UsageError("--bom goes with --out FILE.csv")
    device = devices.prepare(args.device)
    from pm_cls.models.classifier import Run
    from pm_cls.models.given import photograph_files

    run = Run.read(args.run, args.epoch)
    run.check_photographs()
    names = photograph_files(args.photographs)
    way = None if args.page is None else (args.explain or "none")
    asked = journal.digest(run.files, (run.epoch, device, way), names)
    with journal.opened(args.out or args.page, asked, names) as answers:
        _answer(run, names, answers, way)
        if args.out is not None:
            with _written(f"--out {args.out}", args.out) as file:
                file.write("\ufeff" if args.bom else "")
                table.write(answers, file)
        if args.page is not None:
            about = page.about(run, args.explain)
            with _written(f"--page {args.page}", args.page) as file:
                page.write(answers, about, args.lang, file)
        if args.out is None and args.page is None:
            table.write(answers, sys.stdout)
    for path in (args.out, args.page):
        if path is not None:
            print(f"written: {path}")


def predict(
    run: str | Path, photographs: "Photographs", epoch: int | None = None, device: str = "auto"
) -> "list[Prediction]":
    """Classify photographs with the network of a run; see `pm_cls.models.classifier.Run.predict`.

    Raises:
        UsageError: no such run, or one of a network that does not take photographs.
        DataError: no photographs, or bad ones (all are listed).
        RunError: the network answers with NaN or infinity.
    """
    devices.prepare(device)
    from pm_cls.models.classifier import Run

    return Run.read(Path(run), epoch).predict(photographs)


def _answer(run: "Run", names: Sequence[str], answers: journal.Journal, way: str | None) -> None:
    """Answer what is not answered yet; `way`: None without pictures, `none` without heat maps."""
    for found, shown in run.answered(names, answers.done):
        block = [asdict(one) for one in found]
        pictured = block[: max(page.MOST_PICTURES - answers.done, 0)] if way else []
        heat: Sequence[np.ndarray | None] = [None] * len(pictured)
        if pictured and way in pictures.WAYS:
            labels = np.array([one["label"] for one in pictured])
            heat = list(pictures.heat_maps(run, shown[: len(pictured)], labels, way))
        for one, photograph, over in zip(pictured, shown, heat, strict=False):
            one["image"] = pictures.thumbnail(photograph)
            one["heat"] = None if over is None else pictures.overlaid(photograph, over)
        answers.add(block)


@contextmanager
def _written(option: str, path: Path) -> Iterator[TextIO]:
    """A text file that is there whole or not at all; names that are no UTF-8 keep their bytes."""
    with writing(option):
        path.parent.mkdir(parents=True, exist_ok=True)
    with writing(option), whole(path) as file:
        text = TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
        yield text
        text.detach()  # which also flushes


callable_as(predict)

if __name__ == "__main__":
    sys.exit(run_command(main))
