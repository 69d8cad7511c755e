"""Pictures of what a network looks at. They draw what a record keeps and compute none of it.

`pm_cls.inspect` draws them too.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np

from pm_cls.presentation.drawing import PALETTE, Axes, ConstrainedLayoutEngine, Figure, letters
from pm_cls.presentation.text import Language, Text, named
from pm_cls.records.responses import Responses
from pm_cls.records.saliency import OUTCOMES, Saliency, Shown, outcomes, spread

# By the name in the record, in the order of the figure.
ABLATIONS = {
    "as it is": Text("as it is", "原样"),
    "grey": Text("no colour: grey", "去掉颜色：灰度"),
    "even colour": Text("one mean colour for all photographs", "所有照片统一为同一平均颜色"),
    "no outline": Text("the same circle of each", "每张只留同一个圆形区域"),
    "no bright place": Text("brightest place covered", "遮住最亮处"),
    "no opposite place": Text("control: opposite place covered", "对照：遮住与之相对的位置"),
    "blurred": Text("no detail: blurred within its outline", "去掉细节：轮廓内模糊"),
    "flat": Text("only its mean colour in its outline", "只留平均颜色与轮廓"),
    "outline": Text("only its outline, all in one colour", "只留轮廓，颜色统一"),
}
MAPS_A_LAYER = 16  # feature maps drawn of each layer, the first ones
MOST_ERRORS, ERRORS_A_ROW = 200, 16
A_ROW = 8  # photographs side by side
OUTCOME_NAMES = {
    "true_positive": Text("ill, called ill", "患病，判为患病"),
    "false_negative": Text("ill, called healthy", "患病，判为未患病"),
    "false_positive": Text("not ill, called ill", "未患病，判为患病"),
    "true_negative": Text("not ill, called healthy", "未患病，判为未患病"),
}
LABEL_AND_ANSWER = dict(zip(OUTCOMES, product((1, 0), repeat=2), strict=True))
GRAD_CAM = Text("mean Grad-CAM", "平均 Grad-CAM")
OCCLUSION = Text("mean fall of the answer's score", "答案得分的平均降幅")


def kernels(found: Saliency, language: Language = "en") -> Figure:
    """The first convolution's kernels in colour: grey is zero, one scale for all."""
    weights = found.kernels
    if weights.shape[1] == 1:  # of one channel: grey
        weights = np.broadcast_to(weights, (len(weights), 3, *weights.shape[2:]))
    columns = min(len(weights), 16)
    rows = -(-len(weights) // columns)
    figure = Figure(figsize=(0.6 * columns + 0.4, 0.6 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    scaled = 0.5 + weights.transpose(0, 2, 3, 1) / (2 * (np.abs(weights).max() or 1))
    for axes in panels:
        axes.set_axis_off()
    for axes, kernel in zip(panels, scaled, strict=False):
        axes.imshow(kernel, interpolation="nearest")
    return figure


def mean_maps(found: Saliency, classes: Sequence[str] = (), language: Language = "en") -> Figure:
    """Mean Grad-CAM above, mean occlusion below, a column an outcome.

    Args:
        classes: the names of both labels; none where they are those of the thesis.
    """
    there = [outcome for outcome in OUTCOMES if outcome in found.grad_cam]
    figure = Figure(figsize=(1.75 * len(there) + 0.9, 4.2), layout="constrained")
    panels = figure.subplots(2, len(there), squeeze=False)
    rows = (
        (GRAD_CAM, found.grad_cam, found.counts, "magma"),
        (OCCLUSION, found.occlusion, found.occluded, "RdBu_r"),
    )
    for line, (title, maps, counts, colours) in zip(panels, rows, strict=True):
        highest = max(float(np.abs(maps[outcome]).max()) for outcome in there) or 1.0
        lowest = 0.0 if colours == "magma" else -highest
        for axes, outcome in zip(line, there, strict=True):
            drawn = axes.imshow(maps[outcome], cmap=colours, vmin=lowest, vmax=highest)
            words = letters(outcome_name(outcome, classes).of(language))
            axes.set_title(f"{words}\nn = {counts[outcome]}", fontsize=8)
            axes.set_axis_off()
        figure.colorbar(drawn, ax=line, shrink=0.8).set_label(title.of(language), fontsize=8)
    return figure


def ablation_names(looked: Iterable[Saliency]) -> list[str]:
    """Those of any network, in the order of ABLATIONS, others after them."""
    there = dict.fromkeys(name for found in looked for name in found.ablations)
    return [
        *(name for name in ABLATIONS if name in there),
        *(name for name in there if name not in ABLATIONS),
    ]


def ablations(looked: Mapping[str, Saliency], language: Language = "en") -> Figure:
    """Accuracy with one thing taken away: a group of bars a change, a bar a network."""
    names = ablation_names(looked.values())
    height = 0.62 / len(looked)  # the rest is for the words above the bars
    figure = Figure(
        figsize=(6.2, (0.3 + 0.14 * len(looked)) * len(names) + 1), layout="constrained"
    )
    axes = figure.subplots()
    for index, (network, found) in enumerate(looked.items()):
        at = [p + (index - (len(looked) - 1) / 2) * height for p in range(len(names))]
        there = [(p, 100 * found.ablations[n].accuracy) for p, n in zip(at, names, strict=True)
                 if n in found.ablations]  # fmt: skip
        axes.barh([p for p, _ in there], [value for _, value in there], height, label=network,
                  color=PALETTE[index % len(PALETTE)])  # fmt: skip
        for place, value in there:
            axes.text(value + 0.5, place, f"{value:.1f}", va="center", fontsize=7)
    counts = {scores.n for found in looked.values() for scores in found.ablations.values()}
    n = "–".join(map(str, sorted({min(counts), max(counts)})))
    for row, name in enumerate(names):
        axes.text(0, row - 0.34, named(ABLATIONS, name).of(language), va="bottom")
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlim(0, 106)
    axes.set_xlabel(
        Text(f"accuracy on {n} photographs, %", f"{n} 张照片上的准确率（%）").of(language)
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


def judged(shown: Shown, outcome: str, language: Language = "en") -> Figure:
    """Photographs of an outcome, of which there is one, with Grad-CAM and occlusion over them."""
    chosen = of_outcome(shown, outcome)
    blocks = -(-len(chosen) // A_ROW)
    close = ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.02, hspace=0, wspace=0)
    figure = Figure(figsize=(1.3 * A_ROW, 4.2 * blocks + 0.4), layout=close)
    panels = figure.subplots(3 * blocks, A_ROW, squeeze=False)
    for row, column in product(range(3 * blocks), range(A_ROW)):
        panels[row, column].set_axis_off()
    side = shown.images.shape[-1]
    for place, index in enumerate(chosen):
        block, column = divmod(place, A_ROW)
        for row in range(3):
            _photograph(panels[3 * block + row, column], shown, int(index))
        first, second, third = panels[3 * block : 3 * block + 3, column]
        first.set_title(_caption(shown, int(index)), fontsize=6)
        over = {"extent": (-0.5, side - 0.5, side - 0.5, -0.5), "alpha": 0.5}
        second.imshow(shown.grad_cam[index], cmap="magma", **over)
        largest = float(np.abs(shown.occlusion[index]).max()) or 1.0
        fall = spread(shown.occlusion[index], side)
        third.imshow(fall, cmap="RdBu_r", vmin=-largest, vmax=largest, **over)
    return figure


def of_outcome(shown: Shown, outcome: str) -> np.ndarray:
    """Indices, int [k], of the shown photographs of an outcome."""
    return np.flatnonzero(
        outcomes(shown.probabilities >= shown.threshold, shown.labels) == OUTCOMES.index(outcome)
    )


def _photograph(axes: Axes, shown: Shown, index: int) -> None:
    axes.imshow(shown.images[index].transpose(1, 2, 0))
    axes.set_axis_off()


def outcome_name(outcome: str, classes: Sequence[str]) -> Text:
    """What the label was and what the answer; `classes` as of `mean_maps`."""
    if not classes:
        return OUTCOME_NAMES[outcome]
    label, answer = (classes[which] for which in LABEL_AND_ANSWER[outcome])
    return Text(f"{label}, called {answer}", f"{label}，判为{answer}")


def _caption(shown: Shown, index: int) -> str:
    return f"{letters(shown.names[index])}\np = {shown.probabilities[index]:.3f}"


def examples(found: Responses, classes: Sequence[Text], language: Language = "en") -> Figure:
    """An example of each class, and below it what each kernel of the first convolution gives.

    Three maps of the second are drawn as one picture, red, green and blue, before and after the
    activation.
    """
    first, *others = found.layers[:2]
    rows = [(Text("picture", "图片"), found.examples / 255)]
    for kernel in range(min(first.outputs.shape[1], A_ROW)):
        words = Text("conv1, {n}", "conv1，{n}").format(n=kernel + 1)
        rows.append((words, _scaled(first.outputs[:, [kernel] * 3])))
    for layer in others:
        if layer.outputs.shape[1] == 3:
            rows.append((Text("conv2", "conv2"), _scaled(layer.outputs)))
            activated = Text("conv2, activated", "conv2，激活后")
            rows.append((activated, _scaled(layer.activations)))
    size = (0.8 * len(found.examples) + 1.2, 0.8 * len(rows) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(rows), len(found.examples), squeeze=False)
    for line, (name, images) in zip(panels, rows, strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name.of(language), rotation=0, ha="right", va="center", fontsize=7)
    for axes, one in zip(panels[0], classes, strict=True):
        axes.set_title(letters(one.of(language)), fontsize=7)
    return figure


def errors(
    images: np.ndarray, labels: np.ndarray, answers: np.ndarray, language: Language = "en"
) -> Figure:
    """Images, uint8 [n, 1 or 3, h, w], above each its label and the answer given."""
    rows = -(-len(images) // ERRORS_A_ROW)
    figure = Figure(figsize=(0.75 * ERRORS_A_ROW, 0.9 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, ERRORS_A_ROW, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, image, label, answer in zip(panels, images, labels, answers, strict=False):
        shown = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        axes.imshow(shown, interpolation="nearest")
        axes.set_title(f"{label}: {answer}", fontsize=7)
    return figure


def responses(found: Responses, classes: Sequence[Text], language: Language = "en") -> Figure:
    """The kernels of the first convolution, and the mean response of each to each class."""
    layer = found.layers[0]
    kernels, means = layer.kernels.mean(axis=1), layer.means
    figure = Figure(
        figsize=(0.75 * len(classes) + 2.2, 0.36 * len(means) + 1), layout="constrained"
    )
    left, right = figure.subplots(1, 2, width_ratios=[1, len(classes)])
    left.set_axis_off()
    edge = np.abs(kernels).max()
    for place, kernel in enumerate(kernels):
        inner = left.inset_axes((0.1, 1 - (place + 0.95) / len(kernels), 0.8, 0.9 / len(kernels)))
        inner.imshow(kernel, cmap="RdBu_r", vmin=-edge, vmax=edge)
        inner.set_axis_off()
    largest = means.max(axis=1, keepdims=True)
    right.imshow(means / np.where(largest > 0, largest, 1), cmap="Blues", vmin=0, vmax=1,
                 aspect="auto")  # fmt: skip
    for (kernel, label), value in np.ndenumerate(means):
        dark = value > 0.6 * largest[kernel, 0]
        right.text(label, kernel, f"{value:.3f}", ha="center", va="center", fontsize=6,
                   color="white" if dark else "black")  # fmt: skip
    names = [letters(one.of(language)) for one in classes]
    right.set_xticks(range(len(names)), names, fontsize=7)
    right.set_yticks(range(len(means)), [str(i + 1) for i in range(len(means))], fontsize=7)
    return figure


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Maps [n, 3, h, w] from their least to their largest value as 0 to 1."""
    span = float(np.ptp(maps)) or 1.0
    return (maps - maps.min()) / span
