"""All networks side by side: what each costs, and what it reaches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pm_cls.presentation.drawing import PALETTE, Axes, Figure, legend, letters, plain
from pm_cls.presentation.text import Language, Text, percent, percent_interval
from pm_cls.records.networks import Network
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.published import studies
from pm_cls.report.runs import Record, grouped
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.sections.rows import ACCURACY
from pm_cls.scores import stats
from pm_cls.scores.stats import Summary

MULTIPLICATIONS = Text("multiplications of one image", "处理一张图像的乘法次数")
MARKERS = "osD^vP*X"
NAME = (0.16, 0.026)  # how wide and high a name is, of a panel
TICKS = (10, 30, 50, 70, 80, 90, 95, 98, 99, 99.5, 99.9)  # of the accuracy in percent


@dataclass(frozen=True)
class Costly:
    """An experiment at the last epoch that all its runs report.

    Attributes:
        cost: None where it is not known.
        seconds: of its quickest epoch on a CPU, evaluation included; None without one.
    """

    experiment: str
    network: Text
    dataset: str
    cost: Network | None
    epoch: int
    seconds: float | None
    accuracy: Summary
    n_runs: int

    @property
    def millions(self) -> float | None:
        return None if self.cost is None else self.cost.multiplications / 1e6


def _rounded(value: float | None) -> str:
    """To two digits or more."""
    if value is None:
        return "–"
    places = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:,.{places}f}"


CSV = columns.plain(
    "experiment network dataset parameters=cost.parameters multiplications=cost.multiplications "
    "seconds_per_epoch=seconds epoch n_runs accuracy=accuracy.mean sd=accuracy.sd "
    "low=accuracy.mean_interval.0 high=accuracy.mean_interval.1"
)
PAGE = [
    words("experiment", "实验", "experiment"),
    words("network", "网络", "network"),
    words("data", "数据", "dataset"),
    number("parameters", "参数量", "cost.parameters", lambda n: "–" if n is None else f"{n:,}"),
    number("million multiplications", "乘法次数（百万）", "millions", _rounded),
    number("seconds an epoch", "每轮秒数", "seconds", _rounded),
    number("epoch", "轮次", "epoch"),
    number("accuracy %", "准确率 %", "accuracy.mean", percent),
    number("95% of the mean", "均值 95% 区间", "accuracy.mean_interval", percent_interval),
    Column(Text("runs", "运行数"), "n_runs"),
]  # fmt: skip


def make(material: Material) -> Content:
    costs = {one.experiment: one for one in material.networks}
    found = list(_found(material.reported, costs))
    if not found:
        return Content(told=None, files={"all_networks.csv": None})
    drawn = [one for one in found if one.cost is not None]
    return Content(
        told={},
        files={"all_networks.csv": columns.csv(CSV, found)},
        figures={"networks": partial(draw, drawn)} if drawn else {},
        tables={"networks": partial(columns.html, PAGE, found)},
    )


def _found(runs: Sequence[Record], costs: dict[str, Network]) -> Iterator[Costly]:
    for name, ours in grouped(runs, lambda run: run.experiment).items():
        common = set.intersection(*(set(run.scores) for run in ours))
        if not common:
            continue
        epoch, study = max(common), studies.of(name)
        on_cpu = [run for run in ours if (run.environment.device or "").startswith("cpu")]
        yield Costly(
            experiment=name,
            network=_network(ours[0], study),
            dataset=ours[0].dataset,
            cost=costs.get(name),
            epoch=epoch,
            seconds=min((line.seconds for run in on_cpu for line in run.epochs), default=None),
            accuracy=stats.summarise([run.scores[epoch].accuracy for run in ours]),
            n_runs=len(ours),
        )


def _network(run: Record, study: studies.Study | None) -> Text:
    """As its study calls it; without one by its name in the config."""
    if study is None:
        return Text(run.config.model.name, run.config.model.name)
    return study.named(study.experiments[run.experiment].network)


def draw(found: Sequence[Costly], language: Language = "en") -> Figure:
    """Accuracy over multiplications, a mark for each data set; the interval is of the mean.

    The data with the most networks have a panel, the others share one. The scale of the accuracy is
    that of its logit, on which 99% and 99.9% are as far apart as 90% and 99%.
    """
    datasets = list(dict.fromkeys(one.dataset for one in found))
    looks = {name: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)])
             for i, name in enumerate(datasets)}  # fmt: skip
    most = max(datasets, key=lambda name: sum(one.dataset == name for one in found))
    parts = [[one for one in found if (one.dataset == most) is same] for same in (True, False)]
    parts = [part for part in parts if part]
    figure = Figure(figsize=(7.2, 4.4 * len(parts)), layout="constrained")
    panels = figure.subplots(len(parts), squeeze=False)[:, 0]
    for axes, part in zip(panels, parts, strict=True):
        _draw(axes, part, looks)
        axes.set_ylabel(ACCURACY.of(language))
    panels[-1].set_xlabel(MULTIPLICATIONS.of(language))
    legend(figure, panels, columns=4)
    return figure


def _draw(axes: Axes, found: Sequence[Costly], looks: Mapping[str, tuple[str, str]]) -> None:
    for one in found:
        (colour, marker), at = looks[one.dataset], _across(one)
        ends = [_up(end) for end in one.accuracy.mean_interval or ()]
        axes.plot([at] * len(ends), ends, color=colour, linewidth=1, alpha=0.5)
        axes.plot(at, _up(one.accuracy.mean), marker, color=colour, label=letters(one.dataset),
                  zorder=4)  # fmt: skip
    across, means = [_across(one) for one in found], [_up(one.accuracy.mean) for one in found]
    low, high = min(means) - 0.2, max(means) + 0.2  # some intervals are longer
    left, right = min(across) / 1.3, max(across) * 1.3
    decades = np.log10(right / left) / (1 - NAME[0])  # the last name has its place beside its mark
    axes.set_xscale("log")
    axes.set_xlim(left, left * 10**decades)
    axes.set_yticks([_up(tick / 100) for tick in TICKS], [f"{tick:g}" for tick in TICKS])
    axes.set_ylim(low, high)
    wide, tall = NAME[0] * decades, NAME[1] * (high - low)
    for one, height in zip(found, _heights(found, wide, tall), strict=True):
        there = (_across(one), _up(one.accuracy.mean))
        beside = max(  # of all marks that the name would stand on
            (at for at, up in zip(across, means, strict=True)
             if abs(up - height) < tall and 1 <= at / there[0] < 10 ** (wide / 2)),
            default=there[0],
        ) * 10 ** (0.02 * decades)  # fmt: skip
        axes.annotate(
            one.experiment, there, xytext=(beside, height), fontsize=6, va="center",
            bbox={"boxstyle": "square,pad=0.05", "color": "white", "alpha": 0.8, "linewidth": 0},
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "grey", "shrinkB": 2},
        )  # fmt: skip
    plain(axes)


def _across(one: Costly) -> int:
    return 0 if one.cost is None else one.cost.multiplications


def _up(accuracy: float) -> float:
    """Where an accuracy stands: its logit to the base of ten, within 0.1 and 99.9%."""
    within = min(max(accuracy, 0.001), 0.999)
    return float(np.log10(within / (1 - within)))


def _heights(found: Sequence[Costly], wide: float, high: float) -> list[float]:
    """Where each name stands: beside its mark, or below a name that stands there.

    Args:
        wide, high: of a name, in decades across, and as `_up` has it.
    """
    heights: dict[int, float] = {}
    for place in sorted(range(len(found)), key=lambda i: -found[i].accuracy.mean):
        height = _up(found[place].accuracy.mean)
        beside = sorted(
            (
                taken
                for other, taken in heights.items()
                if abs(np.log10(_across(found[other]) / _across(found[place]))) < wide
            ),
            reverse=True,
        )
        for taken in beside:
            if abs(taken - height) < high:
                height = taken - high
        heights[place] = height
    return [heights[place] for place in range(len(found))]


SECTION = Section("networks", Text("All networks", "全部网络"), make)
