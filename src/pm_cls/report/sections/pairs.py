"""Networks compared in pairs: over seeds, and on the same photographs within one seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from pm_cls.presentation.text import Text, p_value, p_words, percent_interval, percent_more
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.published import studies
from pm_cls.report.runs import Record, grouped
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores import stats

LEAST = 3  # pairs for a t test: the scatter of two is hardly known


@dataclass(frozen=True)
class Pair:
    """Two networks after the same epochs: paired t over seeds, exact McNemar within one seed.

    `paired_t` is None below `LEAST` common seeds; `seed` is the lowest common one.
    """

    epoch: int
    first: str
    second: str
    n_seeds: int
    paired_t: stats.PairedT | None
    seed: int
    mcnemar: stats.McNemar

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the difference; None where there is none to be seen."""
        test = self.paired_t
        return None if test is None or test.p is None else test.interval

    @property
    def t_words(self) -> Text | str:
        return "–" if self.paired_t is None else p_words(self.paired_t.p)

    @property
    def mcnemar_words(self) -> Text | str:
        found = self.mcnemar
        if found.p is None:
            return p_words(None)
        words = Text("{p} ({a} : {b}, seed {seed})", "{p}（{a} : {b}，种子 {seed}）")
        counts = {"a": found.only_first, "b": found.only_second}
        return words.format(p=p_value(found.p), seed=self.seed, **counts)


CSV = columns.plain(
    "epoch first second n_seeds difference=paired_t.difference low=paired_t.interval.0 "
    "high=paired_t.interval.1 paired_t_p=paired_t.p seed only_first=mcnemar.only_first "
    "only_second=mcnemar.only_second mcnemar_p=mcnemar.p"
)
PAGE = [
    words("first", "第一个", "first"),
    words("second", "第二个", "second"),
    number("epochs", "轮数", "epoch"),
    number("points", "差值（百分点）", "paired_t.difference", percent_more),
    number("95% t-interval", "95% t 区间", "interval", partial(percent_interval, sign="+")),
    number("paired t", "配对 t", "t_words"),
    number("pairs", "配对数", "n_seeds"),
    Column("McNemar", "mcnemar_words"),
]


def make(material: Material) -> Content:
    found = list(pairs(material.experiments))
    of_others = [
        pair
        for study in studies.others()
        for pair in pairs(grouped(material.studies[study.name], lambda run: run.experiment))
    ]
    return Content(
        told=found if len(material.experiments) > 1 or material.has_study else None,
        files={"pairs.csv": columns.csv(CSV, [*found, *of_others])},
        tables={"pairs": partial(columns.html, PAGE, found)},
    )


def pairs(experiments: Mapping[str, Sequence[Record]]) -> Iterator[Pair]:
    """Every two experiments that were scored on the same images after the same epochs."""
    epochs = {epoch for ours in experiments.values() for run in ours for epoch in run.scores}
    for epoch in sorted(epochs):
        for first, second in combinations(experiments, 2):
            others = {run.seed: run for run in experiments[second] if epoch in run.scores}
            both = [
                (run, other)
                for run in experiments[first]
                if epoch in run.scores
                and (other := others.get(run.seed)) is not None
                and _on_the_same(run, other, epoch)
            ]
            if both:
                right = [run.predictions[epoch].right() for run in both[0]]
                yield Pair(epoch, first, second, len(both), _paired_t(both, epoch),
                           both[0][0].seed, stats.mcnemar(*right))  # fmt: skip


def _on_the_same(run: Record, other: Record, epoch: int) -> bool:
    """Whether both have the same images and labels in the same order."""
    a, b = run.predictions[epoch], other.predictions[epoch]
    return a.names == b.names and np.array_equal(a.labels, b.labels)


def _paired_t(both: Sequence[tuple[Record, Record]], epoch: int) -> stats.PairedT | None:
    if len(both) < LEAST:
        return None
    first, second = zip(*both, strict=True)
    return stats.paired_t(*([r.scores[epoch].accuracy for r in side] for side in (first, second)))


SECTION = Section("pairs", Text("Comparisons", "网络比较"), make)
