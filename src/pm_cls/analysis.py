"""Records -> the statistics beside the table: of each run, of pairs of networks, of other data.

What another seed would do is told by intervals over runs, what other photographs would do by
intervals within a run; `stats` names the methods.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from pm_cls import baselines, metrics, stats, thesis
from pm_cls.baselines import Baseline
from pm_cls.inspection.looks import Looks
from pm_cls.language import Text
from pm_cls.results import Run, Table, TableRow
from pm_cls.runs import Predictions


@dataclass(frozen=True)
class Scored:
    """One run at one epoch on one set of images.

    Attributes:
        data: the name of the images; `validation` for those that the run was made for.
        wilson: interval of the accuracy over images.
        auc_interval: bootstrap interval over images.
        confusion: counts; None where there are more than two classes.
        distinct: the scores without photographs that stand in the training set too, or again in
            this one; None where it has none such, or none is known.
    """

    run: Run
    epoch: int
    data: str
    scores: metrics.Scores
    wilson: tuple[float, float]
    auc_interval: tuple[float, float] | None
    confusion: metrics.Confusion | None
    distinct: metrics.Scores | None


@dataclass(frozen=True)
class Pair:
    """Two networks after the same epochs: paired t over seeds, exact McNemar within one seed.

    `paired_t` is None below two common seeds; `seed` is the lowest common one.
    """

    epoch: int
    first: str
    second: str
    paired_t: stats.PairedT | None
    seed: int
    mcnemar: stats.McNemar


@dataclass(frozen=True)
class Reliability:
    """Over all runs of a network, in tenths of the probability of label 1.

    Attributes:
        stated, observed: float, the mean probability and the share of label 1 in each tenth that
            has an image.
        edges, counts: float [11] and int [10], all tenths and how many answers lie in each.
    """

    stated: np.ndarray
    observed: np.ndarray
    edges: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Analysis:
    """All of it.

    Attributes:
        baselines: on the data of the runs.
        elsewhere, baselines_elsewhere: on other data.
        roc: by experiment a curve of each run at its last reported epoch.
        reliability: by experiment, at the same epochs.
        looked: by experiment what its first run looks at, where `inspect` was called.
        warnings: a sentence on each network that a baseline comes near.
    """

    scored: list[Scored]
    elsewhere: list[Scored]
    pairs: list[Pair]
    roc: dict[str, list[tuple[np.ndarray, np.ndarray]]]
    reliability: dict[str, Reliability]
    baselines: list[Baseline]
    baselines_elsewhere: list[Baseline]
    looked: dict[str, Looks]
    warnings: list[Text]


def analyse(table: Table, baselines_file: Path) -> Analysis:
    """Compute the statistics of the runs in the table.

    Args:
        baselines_file: baselines.csv; without it there are no baselines. Its lines on the data of
            the runs and on those that the runs were evaluated on are taken.
    """
    scored = [_score(run, epoch) for run in table.runs for epoch in run.scores]
    elsewhere = [
        _evaluate(run, found.epoch, name, found.predictions)
        for run in table.runs
        for name, found in run.elsewhere.items()
    ]
    simple = baselines.read(baselines_file)
    home = {run.data.get("digest") for run in table.runs}
    there = {found.digest for run in table.runs for found in run.elsewhere.values()} - home
    at_home = [one for one in simple if one.digest in home]
    last = {name: _last_predictions(table, name) for name in experiments(table)}
    return Analysis(
        scored=scored,
        elsewhere=elsewhere,
        pairs=list(_pairs(table)),
        roc={
            name: [metrics.roc(one.logits, one.labels) for one in found]
            for name, found in last.items()
            if found
        },
        reliability={name: _reliability(found) for name, found in last.items() if found},
        baselines=at_home,
        baselines_elsewhere=[one for one in simple if one.digest in there],
        looked={name: run.looks for name, run in looked_into(table).items() if run.looks},
        warnings=_warnings(table, at_home),
    )


def looked_into(table: Table) -> dict[str, Run]:
    """By experiment the first run of which it is kept what its network looks at."""
    kept = [run for run in table.runs if run.looks is not None]
    first = {run.experiment: run for run in reversed(kept)}
    return {name: first[name] for name in experiments(table) if name in first}


def _last_predictions(table: Table, experiment: str) -> list[Predictions]:
    """The last ones of each run that has one logit an image and images of both classes."""
    ours = [run for run in table.runs if run.experiment == experiment]
    last = [run.predictions[max(run.predictions)] for run in ours]
    return [one for one in last if one.logits.shape[1] == 1 and len(np.unique(one.labels)) == 2]


def _reliability(found: Sequence[Predictions]) -> Reliability:
    logits = np.concatenate([one.logits for one in found])
    labels = np.concatenate([one.labels for one in found])
    stated, observed = metrics.reliability(logits, labels)
    counts, edges = np.histogram(metrics.probabilities(logits)[:, 1], bins=10, range=(0, 1))
    return Reliability(stated, observed, edges, counts)


def distinct_images(run: Run, epoch: int) -> np.ndarray:
    """Which validation images count once all repetitions are left out.

    A photograph that is also in the training set is left out; of those that stand more than once in
    the validation set the first stays.

    Returns:
        bool [n], in the order of the predictions.
    """
    names = run.predictions[epoch].names
    kept = dict.fromkeys(names, True)
    for group in run.data.get("repeated", []):
        within = sorted(set(group) & set(names))
        leaked = len(group) > len(within)
        for name in within if leaked else within[1:]:
            kept[name] = False
    return np.array([kept[name] for name in names])


def _score(run: Run, epoch: int) -> Scored:
    distinct = distinct_images(run, epoch)
    return _evaluate(run, epoch, "validation", run.predictions[epoch], distinct)


def _evaluate(
    run: Run, epoch: int, data: str, found: Predictions, distinct: np.ndarray | None = None
) -> Scored:
    labels, logits = found.labels, found.logits
    scores = metrics.scores(logits, labels)
    without = None
    if distinct is not None and not distinct.all():
        without = metrics.scores(logits[distinct], labels[distinct])
    return Scored(
        run=run,
        epoch=epoch,
        data=data,
        scores=scores,
        wilson=stats.wilson(scores.correct, scores.n),
        auc_interval=None if scores.auc is None else stats.auc_interval(logits[:, 0], labels),
        confusion=metrics.confusion(logits, labels),
        distinct=without,
    )


def _pairs(table: Table) -> Iterator[Pair]:
    """Every pair of experiments that were scored on the same images after the same epochs."""
    found = table.runs
    by_key = {(run.experiment, run.seed): run for run in found}
    for epoch in sorted({epoch for run in found for epoch in run.scores}):
        for first, second in combinations(experiments(table), 2):
            seeds = [
                run.seed
                for run in found
                if run.experiment == first
                and epoch in run.scores
                and (other := by_key.get((second, run.seed))) is not None
                and epoch in other.scores
                and run.predictions[epoch].names == other.predictions[epoch].names
            ]
            if seeds:
                left = [by_key[first, seed] for seed in seeds]
                right = [by_key[second, seed] for seed in seeds]
                yield Pair(
                    epoch, first, second, _paired_t(left, right, epoch), seeds[0],
                    stats.mcnemar(_right(left[0], epoch), _right(right[0], epoch)),
                )  # fmt: skip


def _paired_t(first: Sequence[Run], second: Sequence[Run], epoch: int) -> stats.PairedT | None:
    if len(first) < 2:
        return None
    accuracies = [[run.scores[epoch].accuracy for run in side] for side in (first, second)]
    return stats.paired_t(*accuracies)


def _right(run: Run, epoch: int) -> np.ndarray:
    found = run.predictions[epoch]
    return metrics.predicted_labels(found.logits) == found.labels


def _warnings(table: Table, simple: Sequence[Baseline]) -> list[Text]:
    """A sentence on each network that a baseline comes near, by the last epoch of the table.

    Near is what one new run of the network may give: the prediction interval over its runs, or the
    Wilson interval of its only run.
    """
    warnings = []
    for row in last_rows(table):
        low = _noise(row)
        digests = {
            r.data.get("digest") for r in table.runs if r.experiment == row.thesis.experiment
        }
        near = [
            one
            for one in simple
            if one.digest in digests and low is not None and one.scores.accuracy >= low
        ]
        if not near:
            continue
        assert low is not None and row.accuracy is not None
        best = max(near, key=lambda one: one.scores.accuracy)
        called = baselines.NAMES[best.name]
        name = f"{row.thesis.network} {row.thesis.activation}"
        mean, least = f"{100 * row.accuracy:.2f}%", f"{100 * low:.2f}%"
        reached = f"{100 * best.scores.accuracy:.2f}%"
        spread = Text(f", and one run may well give {least}", f"，一次运行完全可能只有 {least}")
        beside = Text(
            f"; the baseline “{called.en}” ({best.numbers} numbers a photograph) reaches "
            f"{reached}.",
            f"；基线“{called.zh}”（每张照片 {best.numbers} 个数）达到 {reached}。",
        )
        ours = Text(f"{name}: {mean}", f"{name}：{mean}")
        warnings.append(ours + (spread if least != mean else Text("", "")) + beside)
    return warnings


def last_rows(table: Table) -> list[TableRow]:
    """Of each experiment the row after the most epochs, where it has a run."""
    last = {row.thesis.experiment: row for row in table.rows if row.n_runs}
    return list(last.values())


def _noise(row: TableRow) -> float | None:
    """The lowest accuracy that one run of the row may well give."""
    if row.of_accuracy is None or row.n_images is None:
        return None
    if row.of_accuracy.new_interval is None:
        return stats.wilson(round(row.of_accuracy.mean * row.n_images), row.n_images)[0]
    return row.of_accuracy.new_interval[0]


def experiments(table: Table) -> list[str]:
    """The thesis' experiments that have a run, in the order of its rows."""
    there = {run.experiment for run in table.runs}
    return [e for e in dict.fromkeys(row.experiment for row in thesis.rows()) if e in there]
