"""Pictures of what a network looks at. They draw what `looks` keeps and compute none of it."""

from collections.abc import Mapping
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pm_cls.inspection.looks import OUTCOMES, Looks, Shown, outcomes
from pm_cls.inspection.probes import PROBES
from pm_cls.language import Language, Text

MAPS_A_LAYER = 16  # feature maps drawn of each layer, the first ones
A_ROW = 8  # photographs side by side
COLOURS = ("#2a7fc1", "#7b6fd0", "#d98c2b", "#2f9e77")
OUTCOME_NAMES = dict(
    zip(
        OUTCOMES,
        (
            Text("ill, called ill", "患病，判为患病"),
            Text("ill, called healthy", "患病，判为未患病"),
            Text("not ill, called ill", "未患病，判为患病"),
            Text("not ill, called healthy", "未患病，判为未患病"),
        ),
        strict=True,
    )
)
GRAD_CAM = Text("mean Grad-CAM", "平均 Grad-CAM")
OCCLUSION = Text("mean fall of the logit", "logit 的平均降幅")


def kernels(looks: Looks, language: Language = "en") -> Figure:
    """The first convolution's kernels in colour: grey is zero, one scale for all."""
    weights = looks.kernels
    columns = min(len(weights), 16)
    rows = -(-len(weights) // columns)
    figure = Figure(figsize=(0.6 * columns + 0.4, 0.6 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    scaled = 0.5 + weights.transpose(0, 2, 3, 1) / (2 * np.abs(weights).max())
    for axes in panels:
        axes.set_axis_off()
    for axes, kernel in zip(panels, scaled, strict=False):
        axes.imshow(kernel, interpolation="nearest")
    return figure


def mean_maps(looks: Looks, language: Language = "en") -> Figure:
    """Mean Grad-CAM above, mean occlusion below, a column an outcome."""
    there = [outcome for outcome in OUTCOMES if outcome in looks.grad_cam]
    figure = Figure(figsize=(1.75 * len(there) + 0.9, 4.2), layout="constrained")
    panels = figure.subplots(2, len(there), squeeze=False)
    rows = (
        (GRAD_CAM, looks.grad_cam, looks.counts, "magma"),
        (OCCLUSION, looks.occlusion, looks.occluded, "RdBu_r"),
    )
    for line, (title, maps, counts, colours) in zip(panels, rows, strict=True):
        highest = max(float(np.abs(maps[outcome]).max()) for outcome in there) or 1.0
        lowest = 0.0 if colours == "magma" else -highest
        for axes, outcome in zip(line, there, strict=True):
            drawn = axes.imshow(maps[outcome], cmap=colours, vmin=lowest, vmax=highest)
            axes.set_title(f"{OUTCOME_NAMES[outcome].of(language)}\nn = {counts[outcome]}",
                           fontsize=8)  # fmt: skip
            axes.set_axis_off()
        figure.colorbar(drawn, ax=line, shrink=0.8).set_label(title.of(language), fontsize=8)
    return figure


def probes(looked: Mapping[str, Looks], language: Language = "en") -> Figure:
    """Accuracy with one thing taken away: a group of bars a change, a bar a network."""
    names = [name for name in PROBES if any(name in looks.probes for looks in looked.values())]
    height = 0.62 / len(looked)  # the rest is for the words above the bars
    figure = Figure(
        figsize=(6.2, (0.3 + 0.14 * len(looked)) * len(names) + 1), layout="constrained"
    )
    axes = figure.subplots()
    for index, (network, looks) in enumerate(looked.items()):
        at = np.arange(len(names)) + (index - (len(looked) - 1) / 2) * height
        percent = [100 * looks.probes[name].accuracy for name in names]
        axes.barh(at, percent, height, label=network, color=COLOURS[index % len(COLOURS)])
        for place, value in zip(at, percent, strict=True):
            axes.text(value + 0.5, place, f"{value:.1f}", va="center", fontsize=7)
    some = next(iter(looked.values())).probes[names[0]].n
    for place, name in enumerate(names):
        axes.text(0, place - 0.34, PROBES[name][0].of(language), va="bottom")
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlim(0, 106)
    axes.set_xlabel(
        Text(f"accuracy on {some} photographs, %", f"{some} 张照片上的准确率，%").of(language)
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(looked), frameon=False)
    return figure


def feature_maps(shown: Shown, number: int, language: Language = "en") -> Figure:
    """A photograph, and below it the first activations after each convolution.

    Args:
        number: which of `shown.mapped`.
    """
    index = int(shown.mapped[number])
    layers = [maps[number][:MAPS_A_LAYER] for maps in shown.feature_maps]
    figure = Figure(
        figsize=(0.62 * MAPS_A_LAYER + 0.6, 0.72 * len(layers) + 2.2), layout="constrained"
    )
    above, below = figure.subfigures(2, 1, height_ratios=[2, 0.72 * len(layers)])
    photograph = above.subplots()
    _photograph(photograph, shown, index)
    photograph.set_title(_caption(shown, index), fontsize=8)
    panels = below.subplots(len(layers), MAPS_A_LAYER, squeeze=False)
    for number_of_layer, (line, maps) in enumerate(zip(panels, layers, strict=True), start=1):
        for axes in line:
            axes.set_axis_off()
        for axes, one in zip(line, maps, strict=False):
            axes.imshow(one, cmap="gray")
        line[0].set_title(f"conv{number_of_layer}", fontsize=7, loc="left")
    return figure


def judged(shown: Shown, outcome: str, language: Language = "en") -> Figure | None:
    """Photographs of an outcome with Grad-CAM and occlusion over them; None where there is none."""
    found = of_outcome(shown, outcome)
    if not len(found):
        return None
    blocks = -(-len(found) // A_ROW)
    close = ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.02, hspace=0, wspace=0)
    figure = Figure(figsize=(1.3 * A_ROW, 4.2 * blocks + 0.4), layout=close)
    figure.suptitle(OUTCOME_NAMES[outcome].of(language), fontsize=10)
    panels = figure.subplots(3 * blocks, A_ROW, squeeze=False)
    for row, column in product(range(3 * blocks), range(A_ROW)):
        panels[row, column].set_axis_off()
    side = shown.images.shape[-1]
    for place, index in enumerate(found):
        block, column = divmod(place, A_ROW)
        for row in range(3):
            _photograph(panels[3 * block + row, column], shown, int(index))
        first, second, third = panels[3 * block : 3 * block + 3, column]
        first.set_title(_caption(shown, int(index)), fontsize=6)
        over = {"extent": (-0.5, side - 0.5, side - 0.5, -0.5), "alpha": 0.5}
        second.imshow(shown.grad_cam[index], cmap="magma", **over)
        largest = float(np.abs(shown.occlusion[index]).max()) or 1.0
        third.imshow(shown.occlusion[index], cmap="RdBu_r", vmin=-largest, vmax=largest, **over)
    return figure


def of_outcome(shown: Shown, outcome: str) -> np.ndarray:
    """Indices, int [k], of the shown photographs of an outcome."""
    return np.flatnonzero(
        outcomes(shown.probabilities - 0.5, shown.labels) == OUTCOMES.index(outcome)
    )


def _photograph(axes: Axes, shown: Shown, index: int) -> None:
    axes.imshow(shown.images[index].transpose(1, 2, 0))
    axes.set_axis_off()


def _caption(shown: Shown, index: int) -> str:
    return f"{shown.names[index]}\np = {shown.probabilities[index]:.3f}"
