"""How networks hold under changes of camera and operator, beside photographs from elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from pm_cls.presentation.drawing import Figure
from pm_cls.presentation.text import Language, Text, fraction, listed, named, percent
from pm_cls.records.networks import Network
from pm_cls.records.stress import Stressed
from pm_cls.report import columns
from pm_cls.report.columns import number, words
from pm_cls.report.runs import Record, seeds_words
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores.calibration import right

STRENGTHS = (3, 5)  # which are told: another hospital's photographs, and bad ones
Score = Literal["auc", "accuracy"]
# What is red and what is green. Chance is 0.5, and 0.5275 the accuracy of one answer for all.
SCALES: dict[Score, tuple[float, float]] = {"auc": (0.8, 1.0), "accuracy": (0.5, 1.0)}
# By the name in the record, in the order of the figure.
CHANGES = {
    "darker": Text("darker", "变暗"),
    "lighter": Text("lighter", "变亮"),
    "gamma 0.6": Text("gamma 0.6", "伽马 0.6"),
    "gamma 1.6": Text("gamma 1.6", "伽马 1.6"),
    "less red": Text("less red", "红色减弱"),
    "more red": Text("more red", "红色增强"),
    "less green": Text("less green", "绿色减弱"),
    "more green": Text("more green", "绿色增强"),
    "less blue": Text("less blue", "蓝色减弱"),
    "more blue": Text("more blue", "蓝色增强"),
    "less contrast": Text("less contrast", "对比度降低"),
    "more contrast": Text("more contrast", "对比度提高"),
    "less saturation": Text("less saturation", "饱和度降低"),
    "more saturation": Text("more saturation", "饱和度提高"),
    "haze": Text("haze", "加雾"),
    "blur": Text("blur", "模糊"),
    "noise": Text("noise", "噪声"),
    "JPEG": Text("JPEG", "JPEG 压缩"),
    "resolution": Text("resolution", "分辨率降低"),
    "zoom out": Text("zoom out", "缩小"),
    "zoom in": Text("zoom in", "放大"),
    "shift": Text("shift", "平移"),
    "rotation": Text("rotation", "旋转"),
    "cut": Text("cut", "视野上下裁切"),
    "mirrored": Text("mirrored", "左右镜像"),
}
AS_THEY_ARE = Text("validation, as they are", "验证集，原样")
AT = Text("strength {n}", "强度 {n}")
PARAMETERS = Text("{n:,} parameters", "参数量 {n:,}")
SECONDS = Text("{n:,.0f} s of training", "训练 {n:,.0f} 秒")


@dataclass(frozen=True)
class Cell:
    """A change in a strength: means over the runs; `auc` None where it is undefined."""

    change: str
    strength: int
    auc: float | None
    accuracy: float


@dataclass(frozen=True)
class Held:
    """How a network held on some photographs.

    Attributes:
        title: the network, its runs and what it costs.
        on: which photographs.
        strength: of the changes; 0 without one, None for photographs from elsewhere.
        auc, accuracy: means over changes and runs, the latter at the stored threshold, else at
            one half.
        worst_auc, worst_accuracy: the cell where it is least; None without a change.
    """

    experiment: str
    title: Text
    on: Text | str
    strength: int | None
    n_runs: int
    auc: float | None
    accuracy: float
    worst_auc: Cell | None = None
    worst_accuracy: Cell | None = None


def _change(name: str | None) -> Text | str:
    return columns.NONE if name is None else named(CHANGES, name)


CSV = columns.plain(
    "experiment n_runs on strength auc worst_auc=worst_auc.auc worst_auc_change=worst_auc.change "
    "accuracy worst_accuracy=worst_accuracy.accuracy "
    "worst_accuracy_change=worst_accuracy.change"
)
PAGE = [
    words("photographs", "照片", "on"),
    number("mean AUC", "平均 AUC", "auc", fraction),
    number("worst AUC", "最差 AUC", "worst_auc.auc", fraction),
    columns.Column(Text("under", "改动"), "worst_auc.change", _change, True),
    number("mean accuracy %", "平均准确率 %", "accuracy", percent),
    number("worst %", "最差 %", "worst_accuracy.accuracy", percent),
    columns.Column(Text("under", "改动"), "worst_accuracy.change", _change, True),
]


def make(material: Material) -> Content:
    stressed = {
        name: with_it
        for name, ours in material.reported_experiments.items()
        if (with_it := [run for run in ours if run.stress])
    }
    by_name = {name: cells(ours) for name, ours in stressed.items()}
    costs = {one.experiment: one for one in material.networks}
    found = [
        line
        for name, ours in stressed.items()
        for line in _lines(ours, by_name[name], costs.get(name))
    ]
    known = {one.strength for ours in by_name.values() for one in ours}
    strengths = [one for one in STRENGTHS if one in known]
    return Content(
        told=strengths if found else None,
        files={"stress.csv": columns.csv(CSV, found)},
        figures={
            f"stress_{strength}_{score}": partial(draw, by_name, strength, score)
            for strength in strengths
            for score in SCALES
        },
        tables={"stress": partial(columns.html, PAGE, found, group="title")},
    )


def cells(ours: Sequence[Record]) -> list[Cell]:
    """Each change in each strength, over all runs that have it."""
    by_place: dict[tuple[str, int], list[Stressed]] = {}
    for run in ours:
        for one in run.stress:
            by_place.setdefault((one.change, one.strength), []).append(one)
    return [
        Cell(*place, _mean([one.auc for one in there]), _mean_of(o.best_known for o in there))
        for place, there in by_place.items()
    ]


def _lines(ours: Sequence[Record], found: Sequence[Cell], cost: Network | None) -> Iterator[Held]:
    name, title = ours[0].experiment, _title(ours, cost)
    for strength in (0, *STRENGTHS):
        there = [one for one in found if one.strength == strength]
        if not there:
            continue
        worst = {}
        if strength:
            with_auc = [one for one in there if one.auc is not None]
            worst = {
                "worst_auc": min(with_auc, key=lambda one: one.auc or 0.0, default=None),
                "worst_accuracy": min(there, key=lambda one: one.accuracy),
            }
        n_runs = sum(any(one.strength == strength for one in run.stress) for run in ours)
        yield Held(
            name, title, AT.format(n=strength) if strength else AS_THEY_ARE, strength, n_runs,
            _mean([one.auc for one in there]), _mean_of(one.accuracy for one in there), **worst,
        )  # fmt: skip
    for data in dict.fromkeys(data for run in ours for data in run.evaluations):
        scored = [_elsewhere(run, data) for run in ours if data in run.evaluations]
        aucs, accuracies = zip(*scored, strict=True)
        yield Held(name, title, data, None, len(scored), _mean(aucs), _mean_of(accuracies))


def _elsewhere(run: Record, data: str) -> tuple[float | None, float]:
    """AUC, and the accuracy at the stored threshold, else at one half."""
    found = run.evaluations[data][1]
    are_right = right(run.calibration, found.target, found.logits, found.labels)
    return found.scores().auc, float(are_right.mean())


def _title(ours: Sequence[Record], cost: Network | None) -> Text:
    parts: list[Text | str] = [ours[0].experiment, seeds_words(list(ours))]
    parts += [] if cost is None else [PARAMETERS.format(n=cost.parameters)]
    seconds = _mean_of(sum(line.seconds for line in run.epochs) for run in ours)
    return listed([*parts, SECONDS.format(n=seconds)], Text(", ", "，"))


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is not known."""
    return None if None in values else _mean_of(value or 0.0 for value in values)


def _mean_of(values: Iterator[float] | Sequence[float]) -> float:
    return float(np.mean(list(values)))


def draw(
    by_name: Mapping[str, Sequence[Cell]], strength: int, score: Score, language: Language = "en"
) -> Figure:
    """A row a change, a column a network that is known in this strength; colours by `SCALES`."""
    at = {name: [one for one in ours if one.strength == strength] for name, ours in by_name.items()}
    by_name = {name: ours for name, ours in at.items() if ours}
    there = {one.change for found in by_name.values() for one in found}
    changes = [*(name for name in CHANGES if name in there), *sorted(there - CHANGES.keys())]
    values = np.full((len(changes), len(by_name)), np.nan)
    for column, found in enumerate(by_name.values()):
        for one in found:
            value = getattr(one, score)
            if value is not None:
                values[changes.index(one.change), column] = value
    size = (2.0 + 0.4 * len(by_name), 0.23 * len(changes) + 1.2)  # read on a phone too
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    least, most = SCALES[score]
    axes.imshow(values, cmap="RdYlGn", vmin=least, vmax=most, aspect="auto")
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        share = (value - least) / (most - least)
        shown = f"{value:.3f}" if score == "auc" else f"{100 * value:.1f}"
        axes.text(column, row, shown, ha="center", va="center", fontsize=8,
                  color="black" if 0.15 < share < 0.9 else "white")  # fmt: skip
    axes.set_xticks(range(len(by_name)), list(by_name), fontsize=8, rotation=45, ha="left",
                    rotation_mode="anchor")  # fmt: skip
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(changes)), [named(CHANGES, n).of(language) for n in changes],
                    fontsize=8)  # fmt: skip
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


SECTION = Section("stress", Text("Other cameras", "其他相机"), make)
