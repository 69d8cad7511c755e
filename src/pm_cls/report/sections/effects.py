"""What each technique changes: one change of the base at a time, paired over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pm_cls.presentation.drawing import STATED, VALIDATION, Figure, plain
from pm_cls.presentation.text import (
    Language,
    Text,
    p_words,
    percent,
    percent_interval,
    percent_more,
)
from pm_cls.report import columns
from pm_cls.report.columns import number, words
from pm_cls.report.published import statements
from pm_cls.report.runs import grouped
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores import stats

SHOWN = 20  # points to either side of none
POINTS = Text("points of accuracy against the base", "准确率与基准之差（百分点）")
AGAINST = Text("{name} (against {other})", "{name}（对比{other}）")


@dataclass(frozen=True)
class Effect:
    """A technique against its base after the same epochs, over the seeds that both have.

    Attributes:
        loss: the mean difference of the validation loss.
        p: corrected for the number of techniques (Holm); None where no pair differs.
    """

    experiment: str
    name: Text
    accuracy: float
    test: stats.PairedT
    loss: float
    p: float | None

    @property
    def p_words(self) -> Text | str:
        return p_words(self.p)


CSV = columns.plain(
    "experiment n_seeds=test.n accuracy points=test.difference low=test.interval.0 "
    "high=test.interval.1 p=test.p p_holm=p loss"
)
PAGE = [
    words("change", "改动", "name"),
    number("accuracy %", "准确率 %", "accuracy", percent),
    number("points", "差值（百分点）", "test.difference", percent_more),
    number("95% t-interval", "95% t 区间", "test.interval", partial(percent_interval, sign="+")),
    number("p, corrected", "校正后 p", "p_words"),
    number("loss ×100", "损失 ×100", "loss", percent_more),
    number("seeds", "种子数", "test.n"),
]


def make(material: Material) -> Content:
    found = effects(material)
    base = statements.stated().base
    return Content(
        told={"base": base, "n": len(found)} if found else None,
        files={"effects.csv": columns.csv(CSV, found)},
        figures={"effects": partial(draw, found)} if found else {},
        tables={"effects": partial(columns.html, PAGE, found)},
    )


def effects(material: Material) -> list[Effect]:
    """All techniques with as many common seeds as a rule needs, the greatest gain first."""
    stated = statements.stated()
    runs = [
        run for run in material.runs if stated.is_comparable(run) and stated.epoch in run.scores
    ]
    by_name = {
        name: {run.seed: run.scores[stated.epoch] for run in ours}
        for name, ours in grouped(runs, lambda run: run.experiment).items()
    }
    found = []
    for name, of_it in by_name.items():
        if name == stated.base:
            continue
        technique = stated.techniques[name]
        of_base = by_name.get(technique.against or stated.base, {})
        pairs = [(of_it[seed], of_base[seed]) for seed in sorted(of_it.keys() & of_base.keys())]
        if len(pairs) >= stated.thresholds.seeds:
            a, b = ([score.accuracy for score in side] for side in zip(*pairs, strict=True))
            test = stats.paired_t(a, b)
            loss = sum(one.loss - other.loss for one, other in pairs) / len(pairs)
            title = technique.name
            if technique.against:
                other = stated.techniques[technique.against].name
                title = AGAINST.format(name=title, other=other)
            found.append(Effect(name, title, sum(a) / len(a), test, loss, test.p))
    corrected = iter(stats.holm([one.p for one in found if one.p is not None]))
    found = [one if one.p is None else replace(one, p=next(corrected)) for one in found]
    return sorted(found, key=lambda one: -one.test.difference)


def draw(found: Sequence[Effect], language: Language = "en") -> Figure:
    """A line a technique, the greatest gain at the top; one whose corrected p is small is marked.

    Of a mean that lies further off than `SHOWN` the number is written at the edge.
    """
    figure = Figure(figsize=(7.2, 0.24 * len(found) + 1.1), layout="constrained")
    axes, alpha = figure.subplots(), statements.stated().thresholds.alpha
    for place, one in enumerate(reversed(found)):
        low, high = (100 * end for end in one.test.interval)
        colour = STATED if one.p is not None and one.p < alpha else VALIDATION
        axes.plot([low, high], [place, place], color=colour, linewidth=1.5)
        mean = 100 * one.test.difference
        if abs(mean) <= SHOWN:
            axes.plot(mean, place, "o", color=colour, markersize=5)
            continue
        words, edge = (f"◂ {mean:+.1f}", "left") if mean < 0 else (f"{mean:+.1f} ▸", "right")
        axes.text(np.sign(mean) * SHOWN, place + 0.1, words, color=colour, ha=edge, va="bottom",
                  fontsize=8)  # fmt: skip
    axes.axvline(0, color="grey", linewidth=1)
    ends = [0.0, *(100 * end for one in found for end in one.test.interval)]
    axes.set_xlim(max(min(ends) - 1, -SHOWN), min(max(ends) + 1, SHOWN))
    axes.set_yticks(range(len(found)), [one.name.of(language) for one in reversed(found)])
    axes.set_ylim(-0.7, len(found) - 0.3)
    axes.set_xlabel(POINTS.of(language))
    plain(axes, "x")
    return figure


SECTION = Section("effects", Text("Techniques", "训练技巧"), make)
