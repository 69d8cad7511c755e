"""Learning curves: accuracy and losses by epoch, a line a run."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pm_cls.presentation.drawing import STATED, TRAINING, VALIDATION, Axes, Figure, legend, plain
from pm_cls.presentation.text import Language, Text
from pm_cls.report.published import studies
from pm_cls.report.published.studies import thesis
from pm_cls.report.runs import Record, seeds_words
from pm_cls.report.section import Content, Material, Section, marks
from pm_cls.report.sections.rows import ACCURACY

LOSS = Text("mean cross-entropy", "平均交叉熵")
OF_VALIDATION, OF_TRAINING = Text("validation set", "验证集"), Text("training set", "训练集")


def make(material: Material) -> Content:
    # What was fitted at once, as a regression, has one epoch and no curve.
    all_there = material.experiments.items()
    there = {name: ours for name, ours in all_there if any(len(run.epochs) > 1 for run in ours)}
    if not there:
        return Content(told=None)
    title = Text("Learning curves", "学习曲线") + marks(material.shown)
    epochs = sorted({row.epochs for row in thesis().rows}) if material.thesis else []
    return Content(
        told={"names": list(there), "epochs": epochs},
        figures={"learning_curves": partial(learning_curves, there, title)},
        page_figures={name: partial(learning_curve, ours) for name, ours in there.items()},
    )


def learning_curves(
    there: Mapping[str, Sequence[Record]], title: Text, language: Language = "en"
) -> Figure:
    """Accuracy above, loss below, a column an experiment."""
    figure = Figure(figsize=(2.6 * len(there) + 1, 5.6), layout="constrained")
    figure.suptitle(title.of(language))
    panels = figure.subplots(2, len(there), squeeze=False, sharex="col")
    by_data: dict[str, list[int]] = {}
    for column, (name, ours) in enumerate(there.items()):
        _draw(panels[0, column], panels[1, column], ours, language)
        seeds = seeds_words(list(ours)).of(language)
        panels[0, column].set_title(f"{name}\n{seeds}", fontsize=10)
        by_data.setdefault(ours[0].dataset, []).append(column)
    for columns in by_data.values():
        accuracies, losses = ([row[column] for column in columns] for row in panels)
        _share_scale(accuracies, top=100)
        _share_scale(losses, bottom=0)
    panels[0, 0].set_ylabel(ACCURACY.of(language))
    panels[1, 0].set_ylabel(LOSS.of(language))
    legend(figure, panels.flat, columns=3)
    return figure


def learning_curve(ours: Sequence[Record], language: Language = "en") -> Figure:
    """One column of `learning_curves`, for a narrow page."""
    figure = Figure(figsize=(3.2, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _draw(above, below, ours, language)
    above.set_ylabel(ACCURACY.of(language))
    below.set_ylabel(LOSS.of(language))
    above.set_ylim(None, 100)
    below.set_ylim(0, None)
    legend(figure, [above, below], columns=2)
    return figure


def _draw(accuracy: Axes, loss: Axes, ours: Sequence[Record], language: Language) -> None:
    validation: dict[str, Any] = {"color": VALIDATION, "marker": "."}
    validation["label"] = OF_VALIDATION.of(language)
    for run in ours:
        epochs = [line.epoch for line in run.epochs]
        accuracy.plot(epochs, [100 * line.accuracy for line in run.epochs], **validation)
        loss.plot(epochs, [line.validation_loss for line in run.epochs], **validation)
        losses = [line.train_loss for line in run.epochs]
        loss.plot(epochs, losses, color=TRAINING, linestyle="--", label=OF_TRAINING.of(language))
    study = studies.of(ours[0].experiment)
    if study and all(map(study.is_comparable, ours)):
        rows = [row for row in study.rows if row.experiment == ours[0].experiment]
        percents = [(r.epochs, 100 * r.accuracy) for r in rows if r.accuracy is not None]
        losses_of_it = [(row.epochs, row.loss) for row in rows if row.loss is not None]
        for axes, points in ((accuracy, percents), (loss, losses_of_it)):
            if points:
                axes.plot(*zip(*points, strict=True), "D", fillstyle="none", color=STATED,
                          label=study.called.of(language))  # fmt: skip
    loss.set_xlabel(Text("epoch", "训练轮数").of(language))
    for axes in (accuracy, loss):
        plain(axes)


def _share_scale(
    panels: Sequence[Axes], bottom: float | None = None, top: float | None = None
) -> None:
    """One vertical scale for panels that are to be compared, wide enough for all of them."""
    lowest = min(axes.get_ylim()[0] for axes in panels)
    highest = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(lowest if bottom is None else bottom, highest if top is None else top)


SECTION = Section("curves", Text("Learning curves", "学习曲线"), make)
