"""What answers of yes or no are worth: at one half, and as the run stored that it knows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.report.text import Text, fraction, percent, percent_interval
from pm_cls.scores import stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration, brier, expected_error
from pm_cls.scores.target import Binary

HOW = {
    False: Text("at one half", "阈值取 0.5"),
    True: Text("as stored", "用保存的参数"),
}


@dataclass(frozen=True)
class Worth:
    """The answers of a run at its last epoch to the validation images, by one way to answer.

    Attributes:
        is_stored: by what is stored with the run; else at one half, without a temperature.
        right, sensitivity, specificity, sure: of so many so many.
        sure_right: of the answers that are sure; all three None where nothing is stored.
    """

    run: Record
    is_stored: bool
    threshold: float
    right: tuple[int, int]
    sensitivity: tuple[int, int]
    specificity: tuple[int, int]
    calibration_error: float
    brier: float
    sure: tuple[int, int] | None
    sure_right: tuple[int, int] | None

    @property
    def run_words(self) -> str:
        return f"{self.run.experiment} {self.run.seed}"

    @property
    def how(self) -> Text:
        return HOW[self.is_stored]

    @property
    def not_sure(self) -> float | None:
        """The share of the answers."""
        return None if self.sure is None else 1 - self.sure[0] / self.sure[1]


def _share(of: tuple[int, int] | None) -> str:
    return percent(of[0] / of[1] if of and of[1] else None)


def _interval(of: tuple[int, int]) -> Text:
    return percent_interval(stats.wilson(*of) if of[1] else None)


CSV = columns.plain(
    "experiment=run.experiment seed=run.seed is_stored threshold n=right.1 correct=right.0 "
    "ill=sensitivity.1 ill_found=sensitivity.0 healthy=specificity.1 healthy_found=specificity.0 "
    "calibration_error brier sure=sure.0 sure_correct=sure_right.0"
)
PAGE = [
    words("answers", "判定方式", "how"),
    number("threshold", "阈值", "threshold", fraction),
    number("accuracy %", "准确率 %", "right", _share),
    number("sensitivity %", "灵敏度 %", "sensitivity", _share),
    Column("95%", "sensitivity", _interval),
    number("specificity %", "特异度 %", "specificity", _share),
    Column("95%", "specificity", _interval),
    number("calibration error", "校准误差", "calibration_error", fraction),
    Column("Brier", "brier", fraction),
    number("not sure %", "不确定 %", "not_sure", percent),
    number("accuracy of the others %", "其余准确率 %", "sure_right", _share),
]


def make(material: Material) -> Content:
    found = list(_found([run for ours in material.experiments.values() for run in ours]))
    knowing = [one for one in found if one.run.calibration is not None]
    return Content(
        told={} if knowing else None,
        files={"worth.csv": columns.csv(CSV, found)},
        tables={"worth": partial(columns.html, PAGE, knowing, group="run_words")},
    )


def _found(runs: Sequence[Record]) -> Iterator[Worth]:
    for run in runs:
        if run.last.target == Binary():
            yield worth(run, None)
            if run.calibration is not None:
                yield worth(run, run.calibration)


def worth(run: Record, stored: Calibration | None) -> Worth:
    """Of a run that answers yes or no; at one half where nothing is stored."""
    by, labels, logits = stored or AS_IT_IS, run.last.labels, run.last.logits[:, 0]
    one = by.probabilities(logits)
    right, sure = by.answers(logits) == labels, by.is_sure(logits)
    return Worth(
        run=run,
        is_stored=stored is not None,
        threshold=by.threshold,
        right=_counts(right),
        sensitivity=_counts(right[labels == 1]),
        specificity=_counts(right[labels == 0]),
        calibration_error=expected_error(one, labels),
        brier=brier(one, labels),
        sure=_counts(sure) if stored else None,
        sure_right=_counts(right[sure]) if stored else None,
    )


def _counts(those: np.ndarray) -> tuple[int, int]:
    return int(those.sum()), len(those)


SECTION = Section("worth", Text("Worth of answers", "结果可信度"), make)
