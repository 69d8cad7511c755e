"""What each technique changes: one change of the base at a time, paired over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pm_cls.report import columns
from pm_cls.report.columns import number, words
from pm_cls.report.drawing import THESIS, VALIDATION, Figure, plain
from pm_cls.report.published import statements
from pm_cls.report.runs import grouped
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.text import Language, Text, p_value, percent, percent_interval, percent_more
from pm_cls.scores import stats

POINTS = Text("percentage points of accuracy against the base", "准确率与基准之差（百分点）")
NO_DIFFERENCE = Text("no difference observed", "未观察到差异")


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
        return NO_DIFFERENCE if self.p is None else p_value(self.p)


CSV = columns.plain(
    "experiment n_seeds=test.n accuracy points=test.difference low=test.interval.0 "
    "high=test.interval.1 p=test.p p_holm=p loss"
)
PAGE = [
    words("change", "改动", "name"),
    number("accuracy %", "准确率 %", "accuracy", percent),
    number("points", "百分点", "test.difference", percent_more),
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
    """All techniques with two common seeds or more, the greatest gain first."""
    stated = statements.stated()
    runs = [
        run for run in material.runs if stated.is_comparable(run) and stated.epoch in run.scores
    ]
    by_name = grouped(runs, lambda run: run.experiment)
    of_base = {run.seed: run.scores[stated.epoch] for run in by_name.pop(stated.base, [])}
    found = []
    for name, ours in by_name.items():
        of_it = {run.seed: run.scores[stated.epoch] for run in ours if run.seed in of_base}
        if len(of_it) > 1:
            pairs = [(of_it[seed], of_base[seed]) for seed in sorted(of_it)]
            a, b = ([score.accuracy for score in side] for side in zip(*pairs, strict=True))
            test = stats.paired_t(a, b)
            loss = sum(one.loss - other.loss for one, other in pairs) / len(pairs)
            title = stated.techniques[name].name
            found.append(Effect(name, title, sum(a) / len(a), test, loss, test.p))
    with_p = [one for one in found if one.p is not None]
    corrected = dict(
        zip((one.experiment for one in with_p), stats.holm([o.p or 0 for o in with_p]), strict=True)
    )
    found = [
        Effect(o.experiment, o.name, o.accuracy, o.test, o.loss, corrected.get(o.experiment))
        for o in found
    ]
    return sorted(found, key=lambda one: -one.test.difference)


def draw(found: Sequence[Effect], language: Language = "en") -> Figure:
    """A line a technique, the greatest gain at the top; what zero lies outside of is marked."""
    figure = Figure(figsize=(7.2, 0.24 * len(found) + 1.1), layout="constrained")
    axes, alpha = figure.subplots(), statements.stated().thresholds.alpha
    for place, one in enumerate(reversed(found)):
        low, high = (100 * end for end in one.test.interval)
        colour = THESIS if one.p is not None and one.p < alpha else VALIDATION
        axes.plot([low, high], [place, place], color=colour, linewidth=1.5)
        axes.plot(100 * one.test.difference, place, "o", color=colour, markersize=5)
    axes.axvline(0, color="grey", linewidth=1)
    axes.set_yticks(range(len(found)), [one.name.of(language) for one in reversed(found)])
    axes.set_ylim(-0.7, len(found) - 0.3)
    axes.set_xlabel(POINTS.of(language))
    plain(axes, "x")
    return figure


SECTION = Section("effects", Text("Techniques", "训练技巧"), make)
