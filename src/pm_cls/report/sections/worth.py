"""What answers of yes or no are worth: at one half, and as the run stored that it knows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pm_cls.presentation.text import Text, fraction, percent, percent_interval
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores.calibration import AS_IT_IS
from pm_cls.scores.metrics import Share
from pm_cls.scores.target import Binary
from pm_cls.scores.worth import Worth, worth

HOW = {
    False: Text("at one half", "阈值取 0.5"),
    True: Text("as stored", "用保存的参数"),
}


@dataclass(frozen=True)
class Line:
    """The answers of a run at its last epoch to the validation images, by one way to answer.

    Attributes:
        is_stored: by what is stored with the run; else at one half, without a temperature.
    """

    run: Record
    is_stored: bool
    worth: Worth

    @property
    def run_words(self) -> str:
        return f"{self.run.experiment} {self.run.seed}"

    @property
    def how(self) -> Text:
        return HOW[self.is_stored]

    @property
    def sure(self) -> Share | None:
        """None where nothing is stored that says it."""
        return self.worth.sure if self.is_stored else None

    @property
    def sure_right(self) -> Share | None:
        return self.worth.sure_right if self.is_stored else None

    @property
    def not_sure(self) -> float | None:
        """The share of the answers."""
        return 1 - self.sure.count / self.sure.n if self.sure else None


CSV = columns.plain(
    "experiment=run.experiment seed=run.seed is_stored threshold=worth.by.threshold "
    "n=worth.table.right.n correct=worth.table.right.count "
    "ill=worth.table.sensitivity.n ill_found=worth.table.sensitivity.count "
    "healthy=worth.table.specificity.n healthy_found=worth.table.specificity.count "
    "calibration_error=worth.calibration_error brier=worth.brier "
    "sure=sure.count sure_correct=sure_right.count"
)
PAGE = [
    words("answers", "判定方式", "how"),
    number("threshold", "阈值", "worth.by.threshold", fraction),
    number("accuracy %", "准确率 %", "worth.table.right.fraction", percent),
    number("sensitivity %", "灵敏度 %", "worth.table.sensitivity.fraction", percent),
    Column("95%", "worth.table.sensitivity.wilson", percent_interval),
    number("specificity %", "特异度 %", "worth.table.specificity.fraction", percent),
    Column("95%", "worth.table.specificity.wilson", percent_interval),
    number("calibration error", "校准误差", "worth.calibration_error", fraction),
    Column("Brier", "worth.brier", fraction),
    number("not sure %", "不确定 %", "not_sure", percent),
    number("accuracy of the others %", "其余准确率 %", "sure_right.fraction", percent),
]


def make(material: Material) -> Content:
    found = list(_found([run for ours in material.experiments.values() for run in ours]))
    knowing = [one for one in found if one.run.calibration is not None]
    return Content(
        told={} if knowing else None,
        files={"worth.csv": columns.csv(CSV, found)},
        tables={"worth": partial(columns.html, PAGE, knowing, group="run_words")},
    )


def _found(runs: Sequence[Record]) -> Iterator[Line]:
    for run in runs:
        if run.last.target == Binary():
            for by in (AS_IT_IS, run.calibration):
                if by is not None:
                    found = worth(run.last.logits[:, 0], run.last.labels, by)
                    yield Line(run, by is not AS_IT_IS, found)


SECTION = Section("worth", Text("Worth of answers", "结果可信度"), make)
