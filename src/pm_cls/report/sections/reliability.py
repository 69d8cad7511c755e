"""Whether stated probabilities can be believed, of networks that answer yes or no."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pm_cls.presentation.drawing import PAGE_INK, VALIDATION, Figure, plain
from pm_cls.presentation.text import Language, Text
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores import metrics
from pm_cls.scores.target import Binary


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


def make(material: Material) -> Content:
    found = {n: one for n, ours in material.experiments.items() if (one := reliability(ours))}
    return Content(
        told=list(found) or None,
        figures={f"reliability_{name}": partial(draw, one) for name, one in found.items()},
    )


def reliability(ours: Sequence[Record]) -> Reliability | None:
    """Of the runs at their last epoch that have two classes, and images of both."""
    found = [run.last for run in ours if isinstance(run.last.target, Binary)]
    found = [one for one in found if len(np.unique(one.labels)) == 2]
    if not found:
        return None
    logits = np.concatenate([one.logits for one in found])
    labels = np.concatenate([one.labels for one in found])
    stated, observed = metrics.reliability(logits, labels, Binary())
    counts, edges = np.histogram(Binary().probabilities(logits)[:, 1], bins=10, range=(0, 1))
    return Reliability(stated, observed, edges, counts)


def draw(found: Reliability, language: Language = "en") -> Figure:
    """Stated probability against observed share, and how often each was stated."""
    figure = Figure(figsize=(2.9, 3.6), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=PAGE_INK, linewidth=0.7, alpha=0.5)
    axes.plot(found.stated, found.observed, color=VALIDATION, marker="o", markersize=4)
    axes.set_ylabel(Text("share with label 1", "标签为 1 的比例").of(language))
    axes.set_ylim(0, 1)
    below.bar(found.edges[:-1], found.counts, 0.1, align="edge", color=VALIDATION)
    below.set_xlabel(Text("stated probability", "网络给出的概率").of(language))
    below.set_ylabel(Text("answers", "数量").of(language))
    plain(axes)
    plain(below, "y")
    return figure


SECTION = Section("reliability", Text("Reliability", "可靠性"), make)
