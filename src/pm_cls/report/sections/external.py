"""The same weights on photographs from elsewhere, beside the validation set of the run."""

from functools import partial

from pm_cls.presentation.text import (
    Text,
    fraction,
    fraction_interval,
    percent,
    percent_interval,
    percent_more,
)
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.sections import baselines
from pm_cls.report.sections.scores import elsewhere

PAGE = [  # of a Scored
    Column(Text("run", "运行"), "", lambda one: f"{one.run_words}, {one.epoch}", True),
    words("data", "数据", "data_words"),
    Column("n", "scores.n"),
    number("validation %", "验证集 %", "home.accuracy", percent),
    number("there %", "该数据 %", "scores.accuracy", percent),
    number("95% Wilson", "95% Wilson 区间", "scores.wilson", percent_interval),
    number("drop", "下降", "drop", percent_more),
    number("validation AUC", "验证集 AUC", "home.auc", fraction),
    number("AUC there", "该数据 AUC", "scores.auc", fraction),
    number("95%", "95% 区间", "auc_interval", fraction_interval),
    number("drop", "下降", "auc_drop", partial(fraction, sign="+")),
]


def make(material: Material) -> Content:
    found = elsewhere(material.runs)
    digests = {facts.data_digest for run in material.runs for facts, _ in run.evaluations.values()}
    digests -= {run.data.digest for run in material.runs}
    simple = [line for line in material.baselines if line.digest in digests]
    return Content(
        told={"found": found, "baselines": simple} if found or material.has_study else None,
        tables={
            "external": partial(columns.html, PAGE, found),
            "baselines": partial(columns.html, baselines.PAGE, simple),
        },
    )


SECTION = Section("external", Text("Other data", "其他数据"), make)
