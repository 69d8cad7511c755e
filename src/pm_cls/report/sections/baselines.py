"""What simple answers reach on the data of the runs, and which networks they come near."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pm_cls.presentation.drawing import PAGE_INK, TRAINING, Figure, legend, plain
from pm_cls.presentation.text import Language, Text, fraction, named, percent, percent_interval
from pm_cls.records.baselines import Baseline
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.sections.rows import ACCURACY, MARKS, draw_summary, last_rows
from pm_cls.scores import stats
from pm_cls.scores.stats import Summary

# By the name in the record.
NAMES = {
    "constant answer": Text("constant answer", "恒定输出"),
    "mean colour": Text("mean colour", "平均颜色"),
    "4x4 thumbnail": Text("4×4 thumbnail", "4×4 缩略图"),
    "8x8 thumbnail": Text("8×8 thumbnail", "8×8 缩略图"),
    "outline of the field of view": Text("outline of the field of view", "视野轮廓"),
}
WARNING = Text(
    "{name}: {mean}%{spread}; the baseline “{baseline}” ({numbers} numbers a photograph) reaches "
    "{reached}%.",
    "{name}：{mean}%{spread}；基线“{baseline}”（每张照片 {numbers} 个数）达到 {reached}%。",
)
SPREAD = Text(" (95% interval of one run: from {least}%)", "（一次运行的 95% 区间下限为 {least}%）")


@dataclass(frozen=True)
class Network:
    """The runs of an experiment at its last epoch; that of the thesis where it is one of its."""

    name: str
    runs: Sequence[Record]
    epoch: int

    @property
    def accuracies(self) -> list[float]:
        return [run.scores[self.epoch].accuracy for run in self.runs]

    @property
    def summary(self) -> Summary:
        return stats.summarise(self.accuracies)

    @property
    def least(self) -> float:
        """The lower end of what one run may give.

        From the prediction interval over the runs, or the Wilson interval of the only one.
        """
        summary, only = self.summary, self.runs[0].scores[self.epoch]
        interval = summary.new_interval or only.wilson
        return interval[0]

    def is_on(self, digests: set[str | None]) -> bool:
        return any(run.data.digest in digests for run in self.runs)


PAGE = [
    Column(Text("baseline", "基线"), "name", partial(named, NAMES), is_words=True),
    words("data", "数据", "dataset"),
    number("numbers a photograph", "每张照片的数值个数", "numbers"),
    number("accuracy %", "准确率 %", "scores.accuracy", percent),
    number("95% Wilson", "95% Wilson 区间", "scores.wilson", percent_interval),
    Column("n", "scores.n"),
    number("loss", "损失", "scores.loss", "{:.4f}".format),
    Column("AUC", "scores.auc", fraction),
]


def make(material: Material) -> Content:
    home = {run.data.digest for run in material.shown}
    found = [line for line in material.baselines if line.digest in home]
    if not found:
        return Content(told=[] if material.has_study else None)
    last = networks(material)
    return Content(
        told=list(warnings(last, found)),
        figures={"baselines": partial(draw, found, last)},
        tables={"baselines": partial(columns.html, PAGE, found)},
    )


def networks(material: Material) -> list[Network]:
    """Each experiment that is shown, the thesis' by their names there."""
    found = {
        row.stated.experiment: Network(
            f"{row.stated.network} {row.stated.activation}", row.runs, row.stated.epochs
        )
        for row in last_rows(material.thesis)
    }
    for name, ours in material.experiments.items():
        if common := set.intersection(*(set(run.scores) for run in ours)):
            found.setdefault(name, Network(name, ours, max(common)))
    return list(found.values())


def warnings(last: Sequence[Network], found: Sequence[Baseline]) -> Iterator[Text]:
    """A sentence on each network that a baseline comes near: that one run of it may fall to."""
    for one in last:
        near = [b for b in found if one.is_on({b.digest}) and b.scores.accuracy >= one.least]
        if not near:
            continue
        best = max(near, key=lambda line: line.scores.accuracy)
        mean, least = percent(one.summary.mean), percent(one.least)
        yield WARNING.format(
            name=one.name, mean=mean, baseline=named(NAMES, best.name), numbers=best.numbers,
            reached=percent(best.scores.accuracy),
            spread=SPREAD.format(least=least) if least != mean else "",
        )  # fmt: skip


def draw(found: Sequence[Baseline], last: Sequence[Network], language: Language = "en") -> Figure:
    """Baselines with their Wilson intervals above the networks with theirs over runs.

    All of the photographs of the first network that has baselines.
    """
    known = {line.digest for line in found}
    digests = (run.data.digest for one in last for run in one.runs)
    shown_on = next((one for one in digests if one in known), found[0].digest)
    found = [line for line in found if line.digest == shown_on]
    last = [one for one in last if one.is_on({shown_on})]
    figure = Figure(figsize=(5.4, 0.36 * (len(found) + len(last)) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, line in enumerate(found):
        ends = [100 * end for end in line.scores.wilson]
        axes.plot(ends, [place, place], color=TRAINING, linewidth=2, label="baseline interval")
        axes.plot(100 * line.scores.accuracy, place, "s", color=TRAINING, label="baseline")
    for place, one in enumerate(last, start=len(found)):
        draw_summary(axes, place, one.summary, one.accuracies)
    names = [named(NAMES, line.name).of(language) for line in found] + [one.name for one in last]
    axes.axhline(len(found) - 0.5, color=PAGE_INK, linewidth=0.7, alpha=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(ACCURACY.of(language))
    axes.set_xlim(None, 100)
    plain(axes, "x")
    shown = {
        "baseline": Text("baseline", "基线"),
        "baseline interval": Text("95% Wilson", "95% Wilson 区间"),
        **{mark: MARKS[mark] for mark in ("run", "interval")},
    }
    legend(figure, [axes], len(shown), shown, language)
    return figure


SECTION = Section("baselines", Text("Baselines", "基线"), make)
