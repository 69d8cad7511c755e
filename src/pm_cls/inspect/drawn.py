"""Pictures beside a run: of images that were given a wrong class, and of what it looks at."""

from functools import partial
from pathlib import Path

import numpy as np

from pm_cls.data import Split
from pm_cls.data.transforms import in_order
from pm_cls.presentation import drawing, pictures
from pm_cls.records.folder import run_name
from pm_cls.records.saliency import OUTCOMES, Saliency, Shown


def errors(folder: Path, split: Split, given: np.ndarray, order: str) -> None:
    """errors.png, where there are any.

    Args:
        given: the labels that the network gave, int64 [n].
        order: of the channels of the images.
    """
    wrong = np.flatnonzero(given != split.labels)[: pictures.MOST_ERRORS]
    if len(wrong):
        shown = (in_order(split.images[wrong], order), split.labels[wrong], given[wrong])
        drawing.save_png(partial(pictures.errors, *shown), folder / "errors.png")


def looks(folder: Path, found: Saliency, shown: Shown) -> None:
    """In `inspection` of a run a PNG of each thing found, and of the photographs it is shown on."""
    draws = {
        "kernels": partial(pictures.kernels, found),
        "mean_maps": partial(pictures.mean_maps, found, shown.classes),
        "ablations": partial(pictures.ablations, {run_name(folder.parent): found}),
    }
    for number, index in enumerate(shown.mapped):
        name = f"feature_maps_{Path(shown.names[index]).stem}"
        if name in draws:  # of a photograph in another folder
            name += f"_{number + 1}"
        draws[name] = partial(pictures.feature_maps, shown, number)
    for outcome in OUTCOMES:
        if len(pictures.of_outcome(shown, outcome)):
            title = pictures.outcome_name(outcome, shown.classes)
            draws[outcome] = partial(
                drawing.titled, partial(pictures.judged, shown, outcome), title
            )
    for name, draw in draws.items():
        drawing.save_png(draw, folder / f"{name}.png")
