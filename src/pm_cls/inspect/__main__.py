"""Look into finished runs: how training would move each layer, and what the network looks at.

    python -m pm_cls.inspect --run runs/lenet7_relu/seed0

What comes out is kept beside each run in inspection/, with pictures of it, and the report draws it
without Paddle. `report --photographs` shows the photographs too.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import Dataset, Split, load_dataset
from pm_cls.presentation import drawing, pictures
from pm_cls.records import gradients, saliency
from pm_cls.records import responses as response_records
from pm_cls.records.saliency import OUTCOMES, Saliency, Shown
from pm_cls.runtime import device
from pm_cls.runtime.command import add_device, add_runs, new_parser, run_command
from pm_cls.runtime.files import writing
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Classes


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
    inspect(args.run, args.data, args.device, args.gradients_only)


def inspect(
    folders: Sequence[Path],
    root: str | Path | None = None,
    device_choice: str = "auto",
    gradients_only: bool = False,
) -> None:
    """Write inspection/ of each run.

    Its layers before training and at kept epochs; and where the network classifies photographs
    with one logit, what it looks at with the weights of the last of these epochs; where it tells
    classes, what each of its kernels answers to.

    Raises:
        UsageError: a run or its weights are missing, or the data are not those of the run.
        DataError: the data are missing or bad.
    """
    device.prepare(device_choice)
    from pm_cls.inspect.gradients import layer_states
    from pm_cls.inspect.looking import look
    from pm_cls.inspect.responses import responses
    from pm_cls.inspect.saliency import has_convolutions
    from pm_cls.models.classifier import Run

    loaded: dict[DataConfig, Dataset] = {}
    for run in map(Run.read, folders):
        data = run.data_at(root)
        if data not in loaded:
            loaded[data] = load_dataset(data)
        dataset = loaded[data]
        run.check_data(dataset, root)
        states = list(layer_states(run, dataset))
        with writing(run.folder):
            gradients.write(run.folder, states)
        print(f"written: {run.folder / gradients.FILE}", flush=True)
        if gradients_only:
            continue
        if isinstance(run.spec.target, Classes):
            given = run.spec.target.predicted(run.logits(dataset.validation.images))
            with writing(run.folder):
                _draw_errors(run.folder / saliency.FOLDER, dataset.validation, given)
        if not has_convolutions(run.network):
            print(f"{run.folder}: has no convolutions; what it looks at is left out")
            continue
        if isinstance(run.spec.target, Classes):
            answers = responses(run, dataset)
            with writing(run.folder):
                response_records.write(run.folder, answers)
            print(f"written: {run.folder / response_records.FILE}", flush=True)
            continue
        if not run.spec.of_photographs or run.spec.target.outputs != 1:
            print(
                f"{run.folder}: neither judges photographs by one logit nor tells classes; what "
                "it looks at is left out"
            )
            continue
        found, shown = look(run, dataset)
        with writing(run.folder):
            saliency.write(run.folder, found, shown)
            _draw(run.folder / saliency.FOLDER, found, shown)
        print(f"written: {run.folder / saliency.FOLDER}", flush=True)


def _draw_errors(folder: Path, split: Split, given: np.ndarray) -> None:
    """A picture of images that were given a wrong class; it stays with the run."""
    wrong = np.flatnonzero(given != split.labels)[: pictures.MOST_ERRORS]
    if len(wrong):
        shown = (split.images[wrong], split.labels[wrong], given[wrong])
        drawing.save_png(partial(pictures.errors, *shown), folder / "errors.png")


def _draw(folder: Path, found: Saliency, shown: Shown) -> None:
    draws = {
        "kernels": partial(pictures.kernels, found),
        "mean_maps": partial(pictures.mean_maps, found),
        "ablations": partial(pictures.ablations, {folder.parent.name: found}),
    }
    for number, index in enumerate(shown.mapped):
        name = Path(shown.names[index]).stem
        draws[f"feature_maps_{name}"] = partial(pictures.feature_maps, shown, number)
    for outcome in OUTCOMES:
        if len(pictures.of_outcome(shown, outcome)):
            draws[outcome] = partial(pictures.judged, shown, outcome)
    for name, draw in draws.items():
        drawing.save_png(draw, folder / f"{name}.png")


if __name__ == "__main__":
    sys.exit(run_command(main))
