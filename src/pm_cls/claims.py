"""A verdict for each statement of the thesis, by the rules of claims.yaml, from our runs.

`thesis` and claims.yaml say what is stated; `judge` holds it against the records.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import yaml

from pm_cls import metrics, runs, stats, thesis
from pm_cls.results import Run, is_comparable

Verdict = Literal["reproduced", "not_reproduced", "not_supported", "impossible", "not_yet_tested"]
N_IMAGES = {"ichallenge_pm": 400, "mnist": 10_000}  # of the validation sets that the thesis scores


@dataclass(frozen=True)
class Claim:
    """A statement of the thesis and what our runs say of it; `chinese` is the same statement."""

    id: str
    statement: str
    chinese: str
    section: str
    rule: str
    evidence: str
    verdict: Verdict


@cache
def _content() -> dict[str, Any]:
    text = resources.files("pm_cls").joinpath("claims.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def judge(found: Sequence[Run]) -> list[Claim]:
    """Judge all statements from the runs that may be held against the thesis; others are left out.

    The order is that of the rows of `thesis`, then of claims.yaml.
    """
    experiments = {row.experiment for row in thesis.rows()}
    ours = [run for run in found if run.experiment in experiments and is_comparable(run)]
    claims = [_value(row, ours) for row in thesis.rows()]
    for entry in _content()["claims"]:
        evidence, verdict = RULES[entry["rule"]](entry, ours)
        words = (entry["id"], entry["en"], entry["zh"], entry["section"], entry["rule"])
        claims.append(Claim(*words, evidence, verdict))
    return claims


def _value(row: thesis.ThesisRow, ours: Sequence[Run]) -> Claim:
    epochs = f"{row.epochs} epochs"
    accuracy, loss = f"{100 * row.accuracy:.2f}%", f"{100 * row.loss:.2f}%"
    statement = f"{row.network} with {row.activation}, {epochs}: {accuracy}, loss {loss}"
    chinese = f"{row.network}，{row.activation}，{row.epochs} 轮：准确率 {accuracy}，损失 {loss}"
    evidence, verdict = _judge_value(row, ours)
    return Claim(f"row{row.row}", statement, chinese, row.source, "value", evidence, verdict)


def _judge_value(row: thesis.ThesisRow, ours: Sequence[Run]) -> tuple[str, Verdict]:
    n = N_IMAGES[row.dataset]
    count = round(row.accuracy * n)
    if round(100 * count / n, 2) != round(100 * row.accuracy, 2):
        near = f"{100 * count / n:.2f}%"
        return (
            f"{100 * row.accuracy:.2f}% of {n} is {row.accuracy * n:.1f} photographs; {count} are "
            f"{near}. As a mean of several runs it would be possible.",
            "impossible",
        )
    scored = [run.scores[row.epochs] for run in _of(ours, row.experiment, row.epochs)]
    if len(scored) < _needed():
        return _too_few(len(scored))
    parts, holds = [], []
    for name, stated, values in (
        ("accuracy", row.accuracy, [score.accuracy for score in scored]),
        ("loss", row.loss, [score.loss for score in scored]),
    ):
        summary = stats.summarise(values)
        assert summary.new_interval is not None
        low, high = summary.new_interval
        if summary.sd == 0:
            holds.append(round(100 * summary.mean, 2) == round(100 * stated, 2))
            parts.append(f"{name} {100 * summary.mean:.2f}% in all {summary.n} runs")
        else:
            holds.append(low <= stated <= high)
            parts.append(
                f"{name} {100 * summary.mean:.2f}% on average, prediction interval of one new run "
                f"{100 * low:.2f} to {100 * high:.2f}% (t, n = {summary.n} runs)"
            )
    return "; ".join(parts) + ".", "reproduced" if all(holds) else "not_reproduced"


def _constant(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[str, Verdict]:
    experiment, epoch = entry["of"]
    chosen = _of(ours, experiment, epoch)
    if len(chosen) < _needed():
        return _too_few(len(chosen))
    constant, away, spread = 0, 0.0, 0.0
    for run in chosen:
        _, labels, logits = runs.read_predictions(runs.predictions_file(run.folder, epoch))
        constant += len(np.unique(metrics.predicted_labels(logits))) == 1
        share = labels.mean()
        least = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        away = max(away, run.scores[epoch].loss - least)
        spread = max(spread, float(logits.std()))
    accuracies = " or ".join(sorted({f"{100 * r.scores[epoch].accuracy:.2f}%" for r in chosen}))
    evidence = (
        f"{constant} of {len(chosen)} runs give all photographs one label ({accuracies}); their "
        f"loss is at most {away:.4f} above {least:.5f}, the least of a constant answer; the SD of "
        f"the logits within a run is at most {spread:.0e}."
    )
    holds = constant == len(chosen) and away < _thresholds()["prior_loss"]
    return evidence, "reproduced" if holds else "not_reproduced"


def _better(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[str, Verdict]:
    tested = _test(entry, ours)
    if isinstance(tested, int):
        return _too_few(tested)
    test, evidence = tested
    if test.p is None or test.p >= _thresholds()["alpha"]:
        return evidence, "not_supported"
    return evidence, "reproduced" if test.difference > 0 else "not_reproduced"


def _gain(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[str, Verdict]:
    evidence, verdict = _better(entry, ours)
    tested = _test(entry, ours)
    if verdict != "reproduced" or isinstance(tested, int):
        return evidence, verdict
    low, high = tested[0].interval
    inside = low <= entry["points"] / 100 <= high
    return evidence, "reproduced" if inside else "not_reproduced"


def _test(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[stats.PairedT, str] | int:
    """The paired t test of a claim over its common seeds, in words; or how few they are."""
    (first, first_epoch), (second, second_epoch) = entry["first"], entry["second"]
    left = {run.seed: run for run in _of(ours, first, first_epoch)}
    right = {run.seed: run for run in _of(ours, second, second_epoch)}
    seeds = sorted(left.keys() & right.keys())
    if len(seeds) < _needed():
        return len(seeds)
    a = [left[seed].scores[first_epoch].accuracy for seed in seeds]
    b = [right[seed].scores[second_epoch].accuracy for seed in seeds]
    test = stats.paired_t(a, b)
    if test.p is None:
        return test, f"No difference observed in {test.n} pairs."
    low, high = test.interval
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    return test, (
        f"{100 * np.mean(a):.2f}% against {100 * np.mean(b):.2f}%: {100 * test.difference:+.2f} "
        f"points, 95% t-interval {100 * low:+.2f} to {100 * high:+.2f} ({p}, paired t over "
        f"{test.n} seeds)."
    )


def _two_figures(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[str, Verdict]:
    figures = [Decimal(text) for text in entry["figures"]]
    unit = Decimal(1).scaleb(max(int(figure.as_tuple().exponent) for figure in figures))
    rounded = {figure.quantize(unit, ROUND_HALF_UP) for figure in figures}
    first, second = entry["figures"]
    if len(rounded) > 1:
        return f"{first} and {second} cannot both be the figure of one run.", "impossible"
    return f"{first} and {second} agree as far as they are given.", "reproduced"


def _experiment(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[str, Verdict]:
    return "The experiments on causes have not been made yet.", "not_yet_tested"


def _of(ours: Sequence[Run], experiment: str, epoch: int) -> list[Run]:
    return [run for run in ours if run.experiment == experiment and epoch in run.scores]


def _too_few(found: int) -> tuple[str, Verdict]:
    return f"{found} runs; the rule needs {_needed()}.", "not_yet_tested"


def _thresholds() -> dict[str, float]:
    return _content()["thresholds"]


def _needed() -> int:
    return int(_thresholds()["seeds"])


RULES: dict[str, Callable[[dict[str, Any], Sequence[Run]], tuple[str, Verdict]]] = {
    "constant": _constant,
    "better": _better,
    "gain": _gain,
    "two_figures": _two_figures,
    "experiment": _experiment,
}
