"""Each result of the thesis beside the mean of our runs, and how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from pm_cls.report.drawing import THESIS, VALIDATION, Axes
from pm_cls.report.published import thesis
from pm_cls.report.runs import Record
from pm_cls.report.text import Text
from pm_cls.scores import stats
from pm_cls.scores.stats import Summary

ACCURACY = Text("validation accuracy, %", "验证准确率，%")
MARKS = {
    "run": Text("our runs", "各次运行"),
    "mean": Text("mean", "平均"),
    "interval": Text("95% of new runs", "新运行的 95% 区间"),
    "thesis": Text("thesis", "论文"),
}


@dataclass(frozen=True)
class Row:
    """A result of the thesis beside our runs.

    `accuracy` and `loss` are over `runs`, None without any; `is_comparable` tells whether they may
    be held against the thesis; `n_seeds` is how many runs there should be.
    """

    thesis: thesis.Row
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
        return f"{len(self.runs)} of {self.n_seeds}"

    @property
    def n_images(self) -> int | None:
        return self.runs[0].scores[self.thesis.epochs].n if self.runs else None

    @property
    def dataset(self) -> str:
        return " and ".join(sorted({run.dataset for run in self.runs})) or self.thesis.dataset

    @property
    def accuracies(self) -> list[float]:
        return [run.scores[self.thesis.epochs].accuracy for run in self.runs]

    @property
    def accuracy_difference(self) -> float | None:
        return self._difference(self.accuracy, self.thesis.accuracy)

    @property
    def loss_difference(self) -> float | None:
        return self._difference(self.loss, self.thesis.loss)

    def _difference(self, ours: Summary | None, stated: float) -> float | None:
        return ours.mean - stated if ours is not None and self.is_comparable else None


def rows_of(found: Sequence[Record], n_seeds: int = 0) -> list[Row]:
    """All rows of the thesis, whether or not there is a run."""
    rows = []
    for row in thesis.rows():
        ours = [r for r in found if r.experiment == row.experiment and row.epochs in r.scores]
        scores = [run.scores[row.epochs] for run in ours]
        accuracy = stats.summarise([score.accuracy for score in scores]) if ours else None
        loss = stats.summarise([score.loss for score in scores]) if ours else None
        is_comparable = bool(ours) and all(map(thesis.is_comparable, ours))
        rows.append(Row(row, ours, accuracy, loss, is_comparable, n_seeds))
    return rows


def last_rows(found: Sequence[Record]) -> list[Row]:
    """Of each experiment the row after the most epochs, where it has a run."""
    return list({row.thesis.experiment: row for row in rows_of(found) if row.runs}.values())


def percent_ends(summary: Summary) -> list[float]:
    """The prediction interval of a new run in percent, cut at 100; empty of one run."""
    return [min(100 * end, 100.0) for end in summary.new_interval or ()]


def span(row: Row) -> tuple[float, float]:
    """From the least to the largest percentage that is drawn for a row with runs."""
    assert row.accuracy is not None
    drawn = [100 * value for value in (*row.accuracies, row.thesis.accuracy)]
    drawn += percent_ends(row.accuracy)
    return min(drawn), max(drawn)


def draw_summary(axes: Axes, place: int, summary: Summary, accuracies: Sequence[float]) -> None:
    """Runs, their mean and the prediction interval of a new one, at a height."""
    ends = percent_ends(summary)
    axes.plot(ends, [place] * len(ends), color=VALIDATION, linewidth=2, label="interval")
    axes.plot([100 * one for one in accuracies], [place] * len(accuracies), "o", color=VALIDATION,
              markersize=4, alpha=0.6, label="run")  # fmt: skip
    axes.plot(100 * summary.mean, place, "|", color=VALIDATION, markersize=13,
              markeredgewidth=2, label="mean")  # fmt: skip


def draw_interval(axes: Axes, place: int, row: Row) -> None:
    """As `draw_summary`, with the thesis where it may be held against them."""
    assert row.accuracy is not None
    draw_summary(axes, place, row.accuracy, row.accuracies)
    if row.is_comparable:
        axes.plot(100 * row.thesis.accuracy, place, "D", color=THESIS, fillstyle="none",
                  label="thesis")  # fmt: skip
