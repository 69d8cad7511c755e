"""Figures from records. They draw numbers and compute none but percent."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from pm_cls import thesis
from pm_cls.analysis import Analysis, Reliability, experiments, last_rows
from pm_cls.baselines import NAMES
from pm_cls.causes import LEFT_BELOW, ORDER, Experiment, inspected
from pm_cls.drawing import PAGE_INK
from pm_cls.language import Language, Text
from pm_cls.results import Run, Table, TableRow, is_comparable

# Told apart on white and on black.
VALIDATION, TRAINING, THESIS = "#2a7fc1", "#d98c2b", "#d0443a"
PALETTE = ("#2a7fc1", "#7b6fd0", "#d98c2b", "#8a8a8a", "#2f9e77", "#b85bb0")
WIDE_GAP = 15  # points between two groups of rows

ACCURACY = Text("validation accuracy, %", "验证准确率，%")
LOSS = Text("mean cross-entropy", "平均交叉熵")
LayerQuantity = Literal["gradient_norm", "saturated"]
LAYER_QUANTITIES: dict[LayerQuantity, Text] = {
    "gradient_norm": Text("log10 of the gradient's norm", "梯度范数的 log10"),
    "saturated": Text("share of saturated activations", "饱和的激活所占比例"),
}


def learning_curves(table: Table, language: Language = "en") -> Figure:
    """Accuracy above, loss below, a column an experiment: all that the table has."""
    there = experiments(table)
    figure = Figure(figsize=(2.6 * len(there) + 1, 5.6), layout="constrained")
    figure.suptitle(Text("Learning curves", "学习曲线").of(language) + table.marks.of(language))
    panels = figure.subplots(2, len(there), squeeze=False, sharex="col")
    groups: dict[str, list[int]] = {}
    for column, experiment in enumerate(there):
        ours = [run for run in table.runs if run.experiment == experiment]
        _draw_curves(panels[0, column], panels[1, column], ours, language)
        panels[0, column].set_title(f"{experiment}\n{_seeds(ours, language)}", fontsize=10)
        groups.setdefault(ours[0].dataset, []).append(column)
    for columns_of_one_data_set in groups.values():
        accuracies, losses = ([row[column] for column in columns_of_one_data_set] for row in panels)
        _share_scale(accuracies, top=100)
        _share_scale(losses, bottom=0)
    panels[0, 0].set_ylabel(ACCURACY.of(language))
    panels[1, 0].set_ylabel(LOSS.of(language))
    _legend(figure, panels.flat, columns=3)
    return figure


def learning_curve(table: Table, experiment: str, language: Language = "en") -> Figure:
    """One column of `learning_curves`, for a narrow page."""
    ours = [run for run in table.runs if run.experiment == experiment]
    figure = Figure(figsize=(3.2, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_curves(above, below, ours, language)
    above.set_ylabel(ACCURACY.of(language))
    below.set_ylabel(LOSS.of(language))
    above.set_ylim(None, 100)
    below.set_ylim(0, None)
    _legend(figure, [above, below], columns=2)
    return figure


def intervals(table: Table, language: Language = "en") -> Figure:
    """The accuracy of each row: runs, mean, prediction interval of a new run, and the thesis.

    At least one row must have a run. Where the rows lie in two places far apart, each place has a
    panel with a scale of its own.
    """
    rows = [row for row in table.rows if row.n_runs]
    spans = sorted(_span(row, table) for row in rows)
    gap, cut = max(
        ((after[0] - before[1], i) for i, (before, after) in enumerate(pairwise(spans), start=1)),
        default=(0.0, 0),
    )
    parts = [spans[:cut], spans[cut:]] if gap > WIDE_GAP else [spans]
    figure = Figure(figsize=(5.6, 0.36 * len(rows) + 1.9), layout="constrained")
    panels = figure.subplots(
        1, len(parts), sharey=True, squeeze=False, width_ratios=[1, 5] if len(parts) > 1 else [1]
    )[0]
    for axes, part in zip(panels, parts, strict=True):
        for place, row in enumerate(rows):
            _draw_interval(axes, place, row, table)
        _plain(axes, "x")
        low, high = min(low for low, _ in part), max(high for _, high in part)
        margin = max(0.05 * (high - low), 0.5)
        axes.set_xlim(low - margin, high + margin)
    names = [f"{row.thesis.network} {row.thesis.activation}, {row.thesis.epochs}" for row in rows]
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].invert_yaxis()
    panels[-1].set_xlabel(ACCURACY.of(language))
    _name_marks(
        panels[-1],
        {
            "run": Text("our runs", "各次运行"),
            "mean": Text("mean", "平均"),
            "interval": Text("95% prediction interval of a new run", "一次新运行的 95% 预测区间"),
            "thesis": Text("thesis", "论文"),
        },
        language,
    )
    return figure


def roc_curves(analysis: Analysis, language: Language = "en") -> Figure:
    """A line each run at its last reported epoch, coloured by experiment."""
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=PAGE_INK, linewidth=0.7, alpha=0.5)
    for colour, (experiment, curves) in zip(PALETTE, analysis.roc.items(), strict=False):
        for curve in curves:
            axes.plot(*curve, color=colour, linewidth=1, alpha=0.8, label=experiment)
    axes.set_aspect("equal")
    axes.set_xlabel(Text("1 − specificity", "1 − 特异度").of(language))
    axes.set_ylabel(Text("sensitivity", "灵敏度").of(language))
    _plain(axes, "both")
    _legend(figure, [axes], columns=2)
    return figure


def reliability(found: Reliability, language: Language = "en") -> Figure:
    """Stated probability against observed share, and how often each was stated."""
    figure = Figure(figsize=(2.9, 3.6), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=PAGE_INK, linewidth=0.7, alpha=0.5)
    axes.plot(found.stated, found.observed, color=VALIDATION, marker="o", markersize=4)
    axes.set_ylabel(Text("share that is ill", "实际患病比例").of(language))
    axes.set_ylim(0, 1)
    below.bar(found.edges[:-1], found.counts, 0.1, align="edge", color=VALIDATION)
    below.set_xlabel(Text("stated probability", "网络给出的概率").of(language))
    below.set_ylabel(Text("answers", "数量").of(language))
    _plain(axes, "both")
    _plain(below, "y")
    return figure


def baselines(table: Table, analysis: Analysis, language: Language = "en") -> Figure:
    """Baselines with their Wilson intervals above the networks with theirs over runs."""
    lines = analysis.baselines
    digest = lines[0].digest
    same = {r.experiment for r in table.runs if r.data.get("digest") == digest}
    last = [row for row in last_rows(table) if row.thesis.experiment in same]
    figure = Figure(figsize=(5.4, 0.4 * (len(lines) + len(last)) + 1.3), layout="constrained")
    axes = figure.subplots()
    names = []
    for place, line in enumerate(lines):
        ends = [100 * end for end in line.wilson]
        axes.plot(ends, [place, place], color=TRAINING, linewidth=2, label="baseline interval")
        axes.plot(100 * line.scores.accuracy, place, "s", color=TRAINING, label="baseline")
        names.append(NAMES[line.name].of(language))
    for place, row in enumerate(last, start=len(lines)):
        _draw_interval(axes, place, row, table, with_thesis=False)
        names.append(f"{row.thesis.network} {row.thesis.activation}")
    axes.axhline(len(lines) - 0.5, color=PAGE_INK, linewidth=0.7, alpha=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(ACCURACY.of(language))
    axes.set_xlim(None, 100)
    _plain(axes, "x")
    _name_marks(
        axes,
        {
            "baseline": Text("baseline", "基线"),
            "baseline interval": Text("95% Wilson interval", "95% Wilson 区间"),
            "run": Text("runs of a network", "网络的各次运行"),
            "interval": Text("95% prediction interval", "95% 预测区间"),
        },
        language,
    )
    return figure


def leaving_the_prior(experiments: Sequence[Experiment], language: Language = "en") -> Figure:
    """Training loss against updates: a panel an activation, a colour a size, a line a run."""
    chosen = [one for one in experiments if one.group == "size"]
    activations = list(dict.fromkeys(one.activation for one in chosen))
    sizes = sorted({one.image_size for one in chosen})
    figure = Figure(figsize=(2.4 * len(activations) + 0.8, 3.6), layout="constrained")
    panels = figure.subplots(1, len(activations), sharey=True, squeeze=False)[0]
    for axes, activation in zip(panels, activations, strict=True):
        for one in (e for e in chosen if e.activation == activation):
            label = f"{one.image_size} " + Text("pixels", "像素").of(language)
            colour = PALETTE[sizes.index(one.image_size) % len(PALETTE)]
            for run in one.runs:
                updates = [one.updates * line["epoch"] for line in run.epochs]
                losses = [line["train_loss"] for line in run.epochs]
                axes.plot(updates, losses, color=colour, linewidth=1.2, label=label)
        axes.axhline(LEFT_BELOW, color=PAGE_INK, linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.set_title(activation, fontsize=10)
        axes.set_xlabel(Text("updates", "更新次数").of(language))
        _plain(axes, "both")
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel(Text("training loss", "训练损失").of(language))
    _legend(figure, panels, columns=4)
    return figure


def layer_maps(
    experiments: Sequence[Experiment], quantity: LayerQuantity, language: Language = "en"
) -> Figure:
    """Layer against update, a panel a run: image sizes from above, activations from the left."""
    found = inspected(experiments)
    sizes = sorted({size for size, _ in found})
    activations = [a for a in ORDER if any(a == activation for _, activation in found)]
    figure = Figure(
        figsize=(2.7 * len(activations) + 1, 1.9 * len(sizes) + 0.6), layout="constrained"
    )
    panels = figure.subplots(len(sizes), len(activations), squeeze=False)
    low, high = 0.0, 1.0
    if quantity == "gradient_norm":
        norms = np.log10([max(line.gradient_norm, 1e-30) for run in found.values()
                          for line in run.layers])  # fmt: skip
        low, high = float(norms.min()), float(norms.max())
    for row, size in enumerate(sizes):
        for axes, activation in zip(panels[row], activations, strict=True):
            if (run := found.get((size, activation))) is None:
                axes.set_visible(False)
                continue
            mesh = _draw_layer_map(axes, run, quantity, low, high)
            axes.set_title(f"{activation}, {size} " + Text("pixels", "像素").of(language),
                           fontsize=9)  # fmt: skip
    for axes in panels[-1]:
        axes.set_xlabel(Text("updates", "更新次数").of(language))
    bar = figure.colorbar(mesh, ax=panels, shrink=0.6)
    bar.set_label(LAYER_QUANTITIES[quantity].of(language))
    return figure


def _draw_layer_map(
    axes: Axes, run: Run, quantity: LayerQuantity, low: float, high: float
) -> QuadMesh:
    updates = sorted({line.update for line in run.layers})
    layers = list(dict.fromkeys(line.layer for line in run.layers))
    values = np.full((len(layers), len(updates)), np.nan)
    for line in run.layers:
        value = getattr(line, quantity)
        if value is not None:
            shown = np.log10(max(value, 1e-30)) if quantity == "gradient_norm" else value
            values[layers.index(line.layer), updates.index(line.update)] = shown
    mesh = axes.pcolormesh(values, vmin=low, vmax=high, cmap="viridis")
    axes.set_xticks(np.arange(len(updates)) + 0.5, map(str, updates), rotation=90, fontsize=7)
    axes.set_yticks(np.arange(len(layers)) + 0.5, layers, fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return mesh


def _draw_curves(accuracy: Axes, loss: Axes, ours: Sequence[Run], language: Language) -> None:
    validation = Text("validation set", "验证集").of(language)
    training = Text("training set", "训练集").of(language)
    of_thesis = Text("thesis", "论文").of(language)
    for run in ours:
        epochs = [line["epoch"] for line in run.epochs]
        percent = [100 * e["validation_correct"] / e["validation_n"] for e in run.epochs]
        accuracy.plot(epochs, percent, color=VALIDATION, marker=".", label=validation)
        losses = [line["validation_loss"] for line in run.epochs]
        loss.plot(epochs, losses, color=VALIDATION, marker=".", label=validation)
        losses = [line["train_loss"] for line in run.epochs]
        loss.plot(epochs, losses, color=TRAINING, linestyle="--", label=training)
    if all(is_comparable(run) for run in ours):
        rows = [row for row in thesis.rows() if row.experiment == ours[0].experiment]
        style: dict[str, Any] = {"color": THESIS, "marker": "D", "linestyle": "none"}
        at = [row.epochs for row in rows]
        percent = [100 * row.accuracy for row in rows]
        accuracy.plot(at, percent, label=of_thesis, fillstyle="none", **style)
        losses = [row.loss for row in rows]
        loss.plot(at, losses, label=of_thesis, fillstyle="none", **style)
    loss.set_xlabel(Text("epoch", "训练轮数").of(language))
    for axes in (accuracy, loss):
        _plain(axes, "both")


def _span(row: TableRow, table: Table) -> tuple[float, float]:
    """From the least to the largest percentage that is drawn for a row."""
    drawn = [*_accuracies(row, table), 100 * row.thesis.accuracy]
    if row.of_accuracy is not None and row.of_accuracy.new_interval is not None:
        drawn += [100 * row.of_accuracy.new_interval[0]]
        drawn += [min(100 * row.of_accuracy.new_interval[1], 100)]
    return min(drawn), max(drawn)


def _accuracies(row: TableRow, table: Table) -> list[float]:
    epochs = row.thesis.epochs
    return [
        100 * run.scores[epochs].accuracy
        for run in table.runs
        if run.experiment == row.thesis.experiment and epochs in run.scores
    ]


def _draw_interval(
    axes: Axes, place: int, row: TableRow, table: Table, with_thesis: bool = True
) -> None:
    assert row.of_accuracy is not None
    if row.of_accuracy.new_interval is not None:
        low, high = row.of_accuracy.new_interval
        ends = [100 * low, min(100 * high, 100)]
        axes.plot(ends, [place, place], color=VALIDATION, linewidth=2, label="interval")
    ours = _accuracies(row, table)
    axes.plot(ours, [place] * len(ours), "o", color=VALIDATION, markersize=4, alpha=0.6,
              label="run")  # fmt: skip
    axes.plot(100 * row.of_accuracy.mean, place, "|", color=VALIDATION, markersize=13,
              markeredgewidth=2, label="mean")  # fmt: skip
    if with_thesis and row.accuracy_difference is not None:
        axes.plot(100 * row.thesis.accuracy, place, "D", color=THESIS, fillstyle="none",
                  label="thesis")  # fmt: skip


def _name_marks(axes: Axes, names: dict[str, Text], language: Language) -> None:
    """A legend below: each mark by the label it was drawn with."""
    lines, labels = axes.get_legend_handles_labels()
    found = dict(zip(labels, lines, strict=True))
    shown = {names[label].of(language): line for label, line in found.items() if label in names}
    assert axes.figure is not None
    axes.figure.legend(
        list(shown.values()), list(shown), loc="outside lower left", ncols=1, frameon=False
    )


def _legend(figure: Figure, panels: Iterable[Axes], columns: int) -> None:
    handles: dict[str, Any] = {}
    for axes in panels:
        lines, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=columns,
        frameon=False,
    )  # fmt: skip


def _plain(axes: Axes, grid: Any) -> None:
    axes.grid(alpha=0.3, axis=grid)
    axes.spines[["top", "right"]].set_visible(False)


def _seeds(ours: Sequence[Run], language: Language) -> str:
    count = len(ours)
    return Text("1 seed" if count == 1 else f"{count} seeds", f"{count} 个种子").of(language)


def _share_scale(
    panels: Sequence[Axes], bottom: float | None = None, top: float | None = None
) -> None:
    """One vertical scale for panels that are to be compared, wide enough for all of them."""
    lowest = min(axes.get_ylim()[0] for axes in panels)
    highest = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(lowest if bottom is None else bottom, highest if top is None else top)
