"""How good each run's answers are: intervals over images, ROC curves, and which errors it makes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pm_cls.config import SYNTHETIC
from pm_cls.presentation.drawing import PAGE_INK, PALETTE, Figure, legend, plain
from pm_cls.presentation.text import (
    Language,
    Text,
    fraction,
    fraction_interval,
    percent,
    percent_interval,
)
from pm_cls.records.evaluations import OWN
from pm_cls.records.predictions import Predictions
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.published import studies
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores import metrics, stats
from pm_cls.scores.metrics import Confusion, Scores
from pm_cls.scores.target import Binary, Classes

MOST_CLASSES = 12  # of a confusion matrix on the page; the file has all
STEPS = np.linspace(0, 1, 201)  # of a mean ROC curve
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Scored:
    """One run at one epoch on one set of images.

    Attributes:
        data: the name of the images; `validation` for those that the run was made for.
        dataset: of which data set these are.
        auc_interval: bootstrap interval over images, of two classes.
        confusion: None for several questions at once.
        distinct: the scores without photographs that stand in the training set too, or again in
            this one; None where it has none such, or none is known.
    """

    run: Record
    epoch: int
    data: str
    dataset: str
    scores: Scores
    auc_interval: tuple[float, float] | None
    confusion: Confusion | None
    distinct: Scores | None

    @property
    def binary(self) -> Confusion | None:
        """The confusion of two classes; None of others."""
        return self.confusion if self.confusion and self.confusion.is_binary else None

    @property
    def run_words(self) -> str:
        return f"{self.run.experiment} {self.run.seed}"

    @property
    def data_words(self) -> str:
        return self.data + (" (SYNTHETIC)" if self.dataset == SYNTHETIC else "")

    @property
    def home(self) -> Scores:
        """Of the same weights on the validation set."""
        return self.run.scores[self.epoch]

    @property
    def drop(self) -> float:
        return self.home.accuracy - self.scores.accuracy

    @property
    def auc_drop(self) -> float | None:
        before, after = self.home.auc, self.scores.auc
        return None if before is None or after is None else before - after


@dataclass(frozen=True)
class Answers:
    """The answers of all runs of an experiment at the last epoch that they report.

    Attributes:
        classes: their names by label; None of two classes that are ill and healthy.
    """

    classes: list[Text] | None
    confusion: Confusion
    epoch: int
    n_runs: int

    @property
    def is_shown_whole(self) -> bool:
        return len(self.confusion.counts) <= MOST_CLASSES


CSV = columns.plain(
    "experiment=run.experiment seed=run.seed epoch data n=scores.n correct=scores.correct "
    "accuracy=scores.accuracy wilson_low=scores.wilson.0 wilson_high=scores.wilson.1 "
    "loss=scores.loss auc=scores.auc auc_low=auc_interval.0 auc_high=auc_interval.1 "
    "true_positive=binary.counts.1.1 false_negative=binary.counts.1.0 "
    "false_positive=binary.counts.0.1 true_negative=binary.counts.0.0 "
    "sensitivity=binary.sensitivity.fraction specificity=binary.specificity.fraction "
    "distinct_n=distinct.n distinct_correct=distinct.correct distinct_accuracy=distinct.accuracy "
    "distinct_loss=distinct.loss distinct_auc=distinct.auc"
)
CONFUSIONS = columns.plain(  # of a Scored, a label, the answer given to it, and how often
    "experiment=0.run.experiment seed=0.run.seed epoch=0.epoch data=0.data label=1 answer=2 count=3"
)
ERRORS = columns.plain("experiment=0 epoch=1 image=2 label=3 n_runs=4 wrong_runs=5")
PAGE = [
    words("run", "运行", "run_words"),
    number("epoch", "轮次", "epoch"),
    Column("n", "scores.n"),
    number("accuracy %", "准确率 %", "scores.accuracy", percent),
    Column("Wilson", "scores.wilson", percent_interval),
    number("sensitivity", "灵敏度", "binary.sensitivity.fraction", fraction),
    number("specificity", "特异度", "binary.specificity.fraction", fraction),
    Column("AUC", "scores.auc", fraction),
    number("AUC, 95%", "AUC 95% 区间", "auc_interval", fraction_interval),
    number("distinct n", "去重 n", "distinct.n"),
    number("distinct %", "去重准确率 %", "distinct.accuracy", percent),
]


def make(material: Material) -> Content:
    scored = [score(run, epoch) for run in material.reported for epoch in run.scores]
    shown = [one for one in scored if one.run in material.shown]
    there = elsewhere(material.runs)
    curves = {name: found for name, ours in material.experiments.items() if (found := _roc(ours))}
    by_name = material.reported_experiments
    answers = {name: a for name, ours in by_name.items() if (a := _answers(ours, scored))}
    missed = [line for ours in by_name.values() for line in _errors(ours)]
    return Content(
        told=answers if scored else None,
        files={
            "scores.csv": columns.csv(CSV, [*scored, *there]),
            "errors.csv": columns.csv(ERRORS, missed),
            "confusions.csv": columns.csv(CONFUSIONS, list(_counts([*scored, *there]))),
        },
        figures={"roc": partial(draw_roc, curves)} if curves else {},
        tables={"scores": partial(columns.html, PAGE, shown)},
    )


def score(run: Record, epoch: int) -> Scored:
    found, distinct = run.predictions[epoch], run.distinct(epoch)
    without = None
    if distinct.any() and not distinct.all():
        without = metrics.scores(found.logits[distinct], found.labels[distinct], found.target)
    return _scored(run, epoch, OWN, run.dataset, found, without)


def elsewhere(runs: Sequence[Record]) -> list[Scored]:
    """The runs on other data than those that they were made for."""
    return [
        _scored(run, facts.epoch, name, facts.dataset, found)
        for run in runs
        for name, (facts, found) in run.evaluations.items()
    ]


def _scored(
    run: Record,
    epoch: int,
    data: str,
    dataset: str,
    found: Predictions,
    without: Scores | None = None,
) -> Scored:
    scores, interval = found.scores(), None
    if scores.auc is not None and isinstance(found.target, Binary):
        interval = stats.auc_interval(found.logits[:, 0], found.labels)
    confusion = metrics.confusion(found.logits, found.labels, found.target)
    return Scored(run, epoch, data, dataset, scores, interval, confusion, without)


def _counts(scored: Sequence[Scored]) -> Iterator[tuple[Scored, int, int, int]]:
    """Of more than two classes, whose counts have no columns in scores.csv; those that occur."""
    for one in scored:
        if one.confusion is not None and not one.confusion.is_binary:
            for label, answer in np.argwhere(one.confusion.counts):
                count = int(one.confusion.counts[label, answer])
                yield one, int(label), int(answer), count


def _errors(ours: Sequence[Record]) -> Iterator[tuple[object, ...]]:
    """The images of more than two classes that runs get wrong, and how many of them do.

    At the last epoch that all report.
    """
    common = set.intersection(*(set(run.predictions) for run in ours))
    if not common:
        return
    epoch = max(common)
    last = [run.predictions[epoch] for run in ours]
    first = last[0]
    if not isinstance(first.target, Classes) or any(one.names != first.names for one in last):
        return
    wrong = np.sum([~one.right() for one in last], axis=0)
    for index in np.flatnonzero(wrong):
        name, label = first.names[index], int(first.labels[index])
        yield ours[0].experiment, epoch, name, label, len(ours), int(wrong[index])


def _answers(ours: Sequence[Record], scored: Sequence[Scored]) -> Answers | None:
    last = max(epoch for run in ours for epoch in run.scores)
    name = ours[0].experiment
    at_last = [one for one in scored if one.run.experiment == name and one.epoch == last]
    counts = [one.confusion.counts for one in at_last if one.confusion is not None]
    if not counts or len({len(one) for one in counts}) > 1:
        return None
    is_of_illness = len(counts[0]) == 2 and not ours[0].config.data.classes
    names = None if is_of_illness else studies.classes_of(ours[0])
    return Answers(names, Confusion(np.sum(counts, axis=0)), last, len(counts))


def _roc(ours: Sequence[Record]) -> list[Curve]:
    """A curve of each run at its last epoch, but for those with one answer for all images."""
    last = [run.last for run in ours]
    varied = [one for one in last if not metrics.is_constant(one.logits, one.target)]
    return [curve for one in varied if (curve := _curve(one)) is not None]


def _curve(found: Predictions) -> Curve | None:
    """Of two classes their ROC curve; of more the mean over one against the rest."""
    if not isinstance(found.target, Binary | Classes):
        return None
    rankings = found.target.rankings(found.logits, found.labels)
    if any(len(np.unique(label)) < 2 for label, _ in rankings):
        return None
    curves = [
        metrics.roc(sure[:, np.newaxis], label.astype(int), Binary()) for label, sure in rankings
    ]
    if len(curves) == 1:
        return curves[0]
    return STEPS, np.mean([np.interp(STEPS, *curve) for curve in curves], axis=0)


def draw_roc(curves: Mapping[str, Sequence[Curve]], language: Language = "en") -> Figure:
    """A line each run, coloured by experiment."""
    figure = Figure(figsize=(4.6, 4.9), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=PAGE_INK, linewidth=0.7, alpha=0.5)
    for i, (experiment, found) in enumerate(curves.items()):
        for curve in found:
            axes.plot(*curve, color=PALETTE[i % len(PALETTE)], linewidth=1, alpha=0.8,
                      label=experiment)  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlabel(Text("1 − specificity", "1 − 特异度").of(language))
    axes.set_ylabel(Text("sensitivity", "灵敏度").of(language))
    plain(axes)
    legend(figure, [axes], columns=2)
    return figure


SECTION = Section("scores", Text("ROC and errors", "ROC 与错误"), make)
