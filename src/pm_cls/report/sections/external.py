"""The same weights on photographs from elsewhere, beside the validation set of the run."""

from dataclasses import dataclass
from functools import partial

from pm_cls.config import SYNTHETIC
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.sections import baselines
from pm_cls.report.sections.scores import Scored, elsewhere
from pm_cls.report.text import (
    Text,
    fraction,
    fraction_interval,
    percent,
    percent_interval,
    percent_more,
)
from pm_cls.scores.metrics import Scores


@dataclass(frozen=True)
class Line:
    """A run on other data, and `home`, the same weights on its validation set."""

    there: Scored
    home: Scores

    @property
    def run(self) -> str:
        return f"{self.there.run_words}, {self.there.epoch}"

    @property
    def data(self) -> str:
        return self.there.data + (" (SYNTHETIC)" if self.there.dataset == SYNTHETIC else "")

    @property
    def drop(self) -> float:
        return self.home.accuracy - self.there.scores.accuracy

    @property
    def auc_drop(self) -> float | None:
        before, after = self.home.auc, self.there.scores.auc
        return None if before is None or after is None else before - after


PAGE = [
    words("run", "运行", "run"),
    words("data", "数据", "data"),
    Column("n", "there.scores.n"),
    number("validation %", "验证集 %", "home.accuracy", percent),
    number("there %", "该数据 %", "there.scores.accuracy", percent),
    number("95% Wilson", "95% Wilson 区间", "there.wilson", percent_interval),
    number("drop", "下降", "drop", percent_more),
    number("validation AUC", "验证集 AUC", "home.auc", fraction),
    number("AUC there", "该数据 AUC", "there.scores.auc", fraction),
    number("95%", "95% 区间", "there.auc_interval", fraction_interval),
    number("drop", "下降", "auc_drop", partial(fraction, sign="+")),
]


def make(material: Material) -> Content:
    found = [Line(one, one.run.scores[one.epoch]) for one in elsewhere(material.shown)]
    digests = {facts.data_digest for run in material.shown for facts, _ in run.evaluations.values()}
    digests -= {run.data.digest for run in material.shown}
    simple = [line for line in material.baselines if line.digest in digests]
    return Content(
        told={"found": found, "baselines": simple} if found or material.has_study else None,
        tables={
            "external": partial(columns.html, PAGE, found),
            "baselines": partial(columns.html, baselines.PAGE, simple),
        },
    )


SECTION = Section("external", Text("Other data", "其他数据"), make)
