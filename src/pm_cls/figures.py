"""Figures from records, as SVG and PNG. They draw numbers and compute none but percent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pm_cls import thesis
from pm_cls.results import Run, Table, is_comparable

VALIDATION, TRAINING, THESIS = "#1b6ca8", "#d98c2b", "#b3261e"


def write_learning_curves(table: Table, folder: Path) -> None:
    """Write learning_curves.svg and .png: accuracy above, loss below, a column an experiment.

    One line a seed; the thesis' values as diamonds where all runs are comparable with them.
    """
    there = {run.experiment for run in table.runs}
    experiments = [e for e in dict.fromkeys(row.experiment for row in thesis.rows()) if e in there]
    columns = len(experiments)
    figure = Figure(figsize=(2.6 * columns + 1, 5.6), layout="constrained")
    figure.suptitle("Learning curves" + table.marks)
    panels = figure.subplots(2, columns, squeeze=False, sharex="col")
    groups: dict[str, list[int]] = {}
    for column, experiment in enumerate(experiments):
        ours = [run for run in table.runs if run.experiment == experiment]
        _draw_experiment(panels[0, column], panels[1, column], experiment, ours)
        groups.setdefault(ours[0].dataset, []).append(column)
    for columns_of_one_data_set in groups.values():
        accuracies, losses = ([row[column] for column in columns_of_one_data_set] for row in panels)
        _share_scale(accuracies, top=100)
        _share_scale(losses, bottom=0)
    panels[0, 0].set_ylabel("validation accuracy, %")
    panels[1, 0].set_ylabel("mean cross-entropy")
    handles: dict[str, Any] = {}
    for axes in panels.flat:
        lines, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=3, frameon=False
    )
    save(figure, folder / "learning_curves")


def _draw_experiment(accuracy: Axes, loss: Axes, experiment: str, ours: Sequence[Run]) -> None:
    for run in ours:
        epochs = [line["epoch"] for line in run.epochs]
        percent = [100 * e["validation_correct"] / e["validation_n"] for e in run.epochs]
        accuracy.plot(epochs, percent, color=VALIDATION, marker=".", label="validation set")
        validation = [line["validation_loss"] for line in run.epochs]
        loss.plot(epochs, validation, color=VALIDATION, marker=".", label="validation set")
        training = [line["train_loss"] for line in run.epochs]
        loss.plot(epochs, training, color=TRAINING, linestyle="--", label="training set")
    if all(is_comparable(run) for run in ours):
        rows = [row for row in thesis.rows() if row.experiment == experiment]
        style: dict[str, Any] = {
            "color": THESIS,
            "marker": "D",
            "linestyle": "none",
            "fillstyle": "none",
        }
        at = [row.epochs for row in rows]
        accuracy.plot(at, [100 * row.accuracy for row in rows], label="thesis", **style)
        loss.plot(at, [row.loss for row in rows], label="thesis", **style)
    seeds = "seed" if len(ours) == 1 else "seeds"
    accuracy.set_title(f"{experiment}\n{len(ours)} {seeds}", fontsize=10)
    loss.set_xlabel("epoch")
    for axes in (accuracy, loss):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)


def _share_scale(
    panels: Sequence[Axes], bottom: float | None = None, top: float | None = None
) -> None:
    """One vertical scale for panels that are to be compared, wide enough for all of them."""
    lowest = min(axes.get_ylim()[0] for axes in panels)
    highest = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(lowest if bottom is None else bottom, highest if top is None else top)


def save(figure: Figure, stem: Path) -> None:
    """Write `stem`.svg and `stem`.png; equal figures give equal files."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "pm_cls"}):
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), dpi=150)
