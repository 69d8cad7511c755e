"""Each result of a source beside the mean of our runs, and how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from pm_cls.presentation.drawing import STATED, VALIDATION, Axes
from pm_cls.presentation.text import Text
from pm_cls.report.published.claims import judge_row
from pm_cls.report.published.studies import Stated, Study, thesis
from pm_cls.report.published.values import VERDICTS
from pm_cls.report.runs import Record
from pm_cls.scores import stats
from pm_cls.scores.stats import Summary

ACCURACY = Text("validation accuracy, %", "验证集准确率（%）")
MARKS = {
    "run": Text("our runs", "各次运行"),
    "mean": Text("mean", "平均"),
    "interval": Text("95% of new runs", "新运行的 95% 区间"),
}


@dataclass(frozen=True)
class Row:
    """A result of a source beside our runs.

    `accuracy` and `loss` are over `runs`, None without any; `is_comparable` tells whether they may
    be held against the source; `n_seeds` is how many runs there should be at least.
    """

    study: Study
    stated: Stated
    runs: list[Record]
    accuracy: Summary | None
    loss: Summary | None
    is_comparable: bool
    n_seeds: int

    @property
    def n_runs(self) -> int:
        return len(self.runs)

    @property
    def seeds(self) -> str:
        return f"{len(self.runs)} of {max(len(self.runs), self.n_seeds)}"

    @property
    def n_images(self) -> int | None:
        return self.runs[0].scores[self.stated.epochs].n if self.runs else None

    @property
    def dataset(self) -> str:
        return " and ".join(sorted({run.dataset for run in self.runs})) or self.stated.dataset

    @property
    def data_name(self) -> str:
        """Of the data that the source scores."""
        return self.study.data_names[self.stated.dataset]

    @property
    def accuracies(self) -> list[float]:
        return [run.scores[self.stated.epochs].accuracy for run in self.runs]

    @property
    def accuracy_difference(self) -> float | None:
        return self._difference(self.accuracy, self.stated.accuracy)

    @property
    def loss_difference(self) -> float | None:
        return self._difference(self.loss, self.stated.loss)

    @property
    def verdict(self) -> Text | None:
        """By the rule `value` of claims.yaml; None where nothing is stated."""
        scores = [run.scores[self.stated.epochs] for run in self.runs if self.is_comparable]
        found = judge_row(self.stated, scores)
        return None if found is None else VERDICTS[found]

    def _difference(self, ours: Summary | None, stated: float | None) -> float | None:
        if ours is None or stated is None or not self.is_comparable:
            return None
        return ours.mean - stated


def rows_of(study: Study, found: Sequence[Record], n_seeds: int = 0) -> list[Row]:
    """All rows of a study, whether or not there is a run."""
    rows = []
    for row in study.rows:
        ours = [r for r in found if r.experiment == row.experiment and row.epochs in r.scores]
        scores = [run.scores[row.epochs] for run in ours]
        accuracy = stats.summarise([score.accuracy for score in scores]) if ours else None
        loss = stats.summarise([score.loss for score in scores]) if ours else None
        is_comparable = bool(ours) and all(map(study.is_comparable, ours))
        rows.append(Row(study, row, ours, accuracy, loss, is_comparable, n_seeds))
    return rows


def last_rows(found: Sequence[Record]) -> list[Row]:
    """Of each experiment of the thesis the row after the most epochs, where it has a run."""
    rows = rows_of(thesis(), found)
    return list({row.stated.experiment: row for row in rows if row.runs}.values())


def percent_ends(summary: Summary) -> list[float]:
    """The prediction interval of a new run in percent, within 0 and 100; empty of one run."""
    return [min(max(100 * end, 0.0), 100.0) for end in summary.new_interval or ()]


def span(row: Row) -> tuple[float, float]:
    """From the least to the largest percentage that is drawn for a row with runs."""
    assert row.accuracy is not None
    drawn = [100 * value for value in row.accuracies]
    drawn += [100 * row.stated.accuracy] if row.stated.accuracy is not None else []
    drawn += percent_ends(row.accuracy)
    return min(drawn), max(drawn)


def draw_summary(axes: Axes, place: int, summary: Summary, accuracies: Sequence[float]) -> None:
    """Runs, their mean and the prediction interval of a new one, at a height."""
    if ends := percent_ends(summary):
        axes.plot(ends, [place] * 2, color=VALIDATION, linewidth=2, label="interval")
    axes.plot([100 * one for one in accuracies], [place] * len(accuracies), "o", color=VALIDATION,
              markersize=4, alpha=0.6, label="run")  # fmt: skip
    axes.plot(100 * summary.mean, place, "|", color=VALIDATION, markersize=13,
              markeredgewidth=2, label="mean")  # fmt: skip


def draw_interval(axes: Axes, place: int, row: Row) -> None:
    """As `draw_summary`, with the source where it may be held against them."""
    assert row.accuracy is not None
    draw_summary(axes, place, row.accuracy, row.accuracies)
    if row.is_comparable and row.stated.accuracy is not None:
        axes.plot(100 * row.stated.accuracy, place, "D", color=STATED, fillstyle="none",
                  label="stated")  # fmt: skip
