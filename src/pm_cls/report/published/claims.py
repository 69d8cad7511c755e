"""A verdict for each statement of the thesis, by the rules of claims.yaml, from our runs.

A rule is a function of the facts with its parameters by keyword; claims.yaml gives their values.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as option
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from pm_cls.config.options import checked, chosen
from pm_cls.presentation.text import SEMICOLON, Text, listed, p_value, percent
from pm_cls.report.published import causes, load
from pm_cls.report.published.studies import Stated, thesis
from pm_cls.report.published.values import (
    Judged,
    NotTested,
    Point,
    Verdict,
    impossible,
    near,
    shared,
)
from pm_cls.report.runs import Record
from pm_cls.scores import metrics, stats
from pm_cls.scores.metrics import Scores

NOT_MADE = NotTested(
    Text(
        "The experiments on causes (configs/causes) have too few runs here.",
        "“sigmoid 为何失败”系列（configs/causes）的运行次数不足。",
    )
)


@dataclass(frozen=True)
class Thresholds:
    alpha: float
    seeds: int
    prior_loss: float


@dataclass(frozen=True)
class Facts:
    """Runs that may be held against the thesis, and the experiments on causes."""

    runs: Sequence[Record]
    on_causes: causes.Found
    thresholds: Thresholds

    def by_seed(self, *points: Point) -> list[dict[int, Scores]]:
        """Of each point the scores by seed, of the seeds that all have; NotTested: too few."""
        found = [
            {
                r.seed: r.scores[epoch]
                for r in self.runs
                if r.experiment == name and epoch in r.scores
            }
            for name, epoch in points
        ]
        words = Text(
            "Runs that can be held against the thesis: {n}; the rule needs {least}.",
            "可与论文比较的运行：{n} 次；该规则需要 {least} 次。",
        )
        return shared(found, self.thresholds.seeds, words)

    def enough(self, found: Iterable[causes.Experiment]) -> list[causes.Experiment]:
        return [one for one in found if len(one.runs) >= self.thresholds.seeds]


@dataclass(frozen=True)
class Entry:
    """A statement of claims.yaml."""

    id: str
    section: str
    rule: str
    en: str
    zh: str
    parameters: dict[str, object] = option(default_factory=dict)


@dataclass(frozen=True)
class _Claims:
    """claims.yaml."""

    thresholds: Thresholds
    claims: list[Entry]


@dataclass(frozen=True)
class Claim:
    """A statement of the thesis and what our runs say of it."""

    id: str
    statement: Text
    section: Text
    rule: str
    evidence: Text
    verdict: Verdict


def judge(runs: Sequence[Record], on_causes: causes.Found) -> list[Claim]:
    """Judge all statements, those of the rows of `thesis` first, then those of claims.yaml.

    Args:
        runs: of the thesis' experiments; those that may not be held against it are left out.
    """
    stated = load(_Claims, "claims.yaml")
    ours = [run for run in runs if thesis().is_comparable(run)]
    facts = Facts(ours, on_causes, stated.thresholds)
    claims = []
    for entry in [*map(_of_row, thesis().rows), *stated.claims]:
        rule = chosen(RULES, f"{entry.id}.rule", entry.rule)
        given = checked(rule, f"{entry.id}.parameters", entry.rule, entry.parameters)
        verdict: Verdict
        try:
            evidence, verdict = rule(facts, **given)
        except NotTested as error:
            evidence, verdict = error.args[0], "not_yet_tested"
        statement, place = Text(entry.en, entry.zh), thesis().named(entry.section)
        claims.append(Claim(entry.id, statement, place, entry.rule, evidence, verdict))
    return claims


def _of_row(row: Stated) -> Entry:
    statement = Text(
        "{network} with {activation}, {epochs} epochs: {accuracy}%, loss {loss}%",
        "{network}，{activation}，{epochs} 轮：准确率 {accuracy}%，损失 {loss}%",
    ).format(
        network=row.network, activation=row.activation, epochs=row.epochs,
        accuracy=percent(row.accuracy), loss=percent(row.loss),
    )  # fmt: skip
    parameters: dict[str, object] = {"row": row.row}
    return Entry(f"row{row.row}", row.source, "value", statement.en, statement.zh, parameters)


def value(facts: Facts, *, row: int) -> Judged:
    """Our accuracy and loss are those of a row, within what one new run may give."""
    of = next(one for one in thesis().rows if one.row == row)
    if (why := impossible(of)) is not None:
        return why, "impossible"
    (scores,) = facts.by_seed((of.experiment, of.epochs))
    return near(of, list(scores.values()))


def judge_row(of: Stated, scores: Sequence[Scores]) -> Verdict | None:
    """The verdict of `value` on a row of any study; None where it states none of a test set."""
    if of.accuracy is None or not of.is_of_test:
        return None
    if impossible(of) is not None:
        return "impossible"
    if len(scores) < load(_Claims, "claims.yaml").thresholds.seeds:
        return "not_yet_tested"
    return near(of, scores)[1]


def constant(facts: Facts, *, of: Point) -> Judged:
    """Every run gives every photograph one and the same label, with a loss at the prior."""
    epoch, (scores,) = of[1], facts.by_seed(of)
    found = [r.predictions[epoch] for r in facts.runs if r.experiment == of[0] and r.seed in scores]
    n_constant = sum(metrics.is_constant(one.logits, one.target) for one in found)
    least = _least_loss(found[0].labels)
    accuracies = sorted({f"{percent(score.accuracy)}%" for score in scores.values()})
    away = max(0.0, *(score.loss - least for score in scores.values()))
    words = Text(
        "{constant} of {n} runs give all photographs one label ({accuracies}); their loss is at "
        "most {away:.4f} above {least:.5f}, the least of a constant answer; the SD of the logits "
        "within a run is at most {spread:.0e}.",
        "{n} 次运行中有 {constant} 次对所有照片给出同一标签（{accuracies}）；损失最多比恒定输出"
        "所能达到的最小损失 {least:.5f} 高 {away:.4f}；"
        "单次运行内 logit 的标准差最大为 {spread:.0e}。",
    ).format(
        constant=n_constant, n=len(found), away=away, least=least,
        accuracies=listed(accuracies),
        spread=max(float(one.logits.std()) for one in found),
    )  # fmt: skip
    holds = n_constant == len(found) and away < facts.thresholds.prior_loss
    return words, "reproduced" if holds else "not_reproduced"


def _least_loss(labels: np.ndarray) -> float:
    """The least cross-entropy that one answer for all can have: the entropy of the labels."""
    shares = np.bincount(labels) / len(labels)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def better(facts: Facts, *, first: Point, second: Point) -> Judged:
    """`first` is more accurate than `second`."""
    test, evidence = _test(facts, first, second)
    return evidence, _verdict(facts, test)


def gain(facts: Facts, *, first: Point, second: Point, points: float) -> Judged:
    """`first` is more accurate than `second`, by so many percentage points."""
    test, evidence = _test(facts, first, second)
    verdict, (low, high) = _verdict(facts, test), test.interval
    if verdict == "reproduced" and not low <= points / 100 <= high:
        verdict = "not_reproduced"
    return evidence, verdict


def _verdict(facts: Facts, test: stats.PairedT) -> Verdict:
    """Of whether the first is more accurate."""
    if test.p is None or test.p >= facts.thresholds.alpha:
        return "not_supported"
    return "reproduced" if test.difference > 0 else "not_reproduced"


def _test(facts: Facts, first: Point, second: Point) -> tuple[stats.PairedT, Text]:
    """The paired t test over the common seeds, and in words."""
    both = facts.by_seed(first, second)
    a, b = ([score.accuracy for score in scores.values()] for scores in both)
    test = stats.paired_t(a, b)
    if test.p is None:
        words = Text("No difference observed in {n} pairs.", "{n} 对运行之间未观察到差异。")
        return test, words.format(n=test.n)
    low, high = test.interval
    words = Text(
        "{a}% against {b}%: {difference} points, 95% t-interval {low:+.2f} to {high:+.2f} ({p}, "
        "paired t over {n} seeds).",
        "{a}% 对 {b}%：差值为 {difference} 个百分点，95% t 区间为 {low:+.2f} 至 {high:+.2f}（{p}，"
        "按种子配对的 t 检验，n = {n}）。",
    )
    return test, words.format(
        a=percent(float(np.mean(a))), b=percent(float(np.mean(b))), n=test.n, p=p_value(test.p),
        difference=f"{100 * test.difference:+.2f}", low=100 * low, high=100 * high,
    )  # fmt: skip


def two_figures(facts: Facts, *, figures: tuple[str, str]) -> Judged:
    """Two figures that are stated for one run are equal, to the digits of the coarser one."""
    numbers = [Decimal(text) for text in figures]
    unit = Decimal(1).scaleb(max(int(number.as_tuple().exponent) for number in numbers))
    words = Text("{a} and {b} agree as far as they are given.", "{a} 与 {b} 在所给精度内一致。")
    verdict: Verdict = "reproduced"
    if len({number.quantize(unit, ROUND_HALF_UP) for number in numbers}) > 1:
        english = "{a} and {b} cannot both be the figure of one run."
        words, verdict = Text(english, "同一次运行的数值不可能既是 {a} 又是 {b}。"), "impossible"
    return words.format(a=figures[0], b=figures[1]), verdict


def more_epochs(facts: Facts) -> Judged:
    """The home of the causes stays at the prior however long it is trained."""
    study = causes.study()
    by_size = facts.on_causes.by_size(study.panel)
    found = {size: one for size, one in by_size.items() if one.had(study.short + 1)}
    if study.full_size not in found:
        raise NOT_MADE
    large = found.pop(study.full_size)
    compared = sorted([large, *facts.enough(found.values())], key=lambda one: one.size)
    sizes = [
        Text("{n} pixels: {left}", "{n} 像素：{left}").format(n=one.size, left=one.left_words)
        for one in compared
    ]
    evidence = listed(sizes, SEMICOLON) + Text(".", "。")
    if large.epochs:
        return evidence, "not_reproduced"
    left_smaller = any(one.epochs for one in compared)
    return evidence, "not_supported" if left_smaller else "reproduced"


def image_size(facts: Facts) -> Judged:
    """The home of the causes learns at smaller sizes, and by no other change."""
    study = causes.study()
    by_size = facts.on_causes.by_size(study.panel)
    tried = facts.enough(facts.on_causes.short_changes())
    smaller = [one for size, one in by_size.items() if size < study.full_size]
    small = facts.enough(one for one in smaller if one.had(study.short))
    if not small or not tried:
        raise NOT_MADE
    in_time = [epoch <= study.short for one in small for epoch in one.epochs]
    helped, stayed = [one for one in tried if one.all_left], not any(in_time)
    words = Text(
        "In {short} epochs {panel} {does} at {sizes} pixels. ",
        "{short} 轮内，{panel} 在 {sizes} 像素下{does}。",
    ) + (
        Text("At {full} pixels it learns with one change: {changes}.",
             "在 {full} 像素下，仅改一处即可学会：{changes}。")
        if helped else
        Text("At {full} pixels none of {n} changes makes it learn.",
             "在 {full} 像素下，试过的 {n} 种改动均无效。")
    )  # fmt: skip
    evidence = words.format(
        short=study.short, panel=study.panel, full=study.full_size, n=len(tried),
        sizes=listed(str(one.size) for one in small),
        changes=listed((one.change_words for one in helped), SEMICOLON),
        does=Text("stays at the prior", "仍停在先验水平") if stayed
        else Text("leaves the prior", "离开了先验水平"),
    )  # fmt: skip
    if stayed and helped:
        return evidence, "not_reproduced"
    all_in_time = all(one.all_left for one in small) and all(in_time)
    return evidence, "reproduced" if all_in_time and not helped else "not_supported"


RULES: dict[str, Callable[..., Judged]] = {
    rule.__name__: rule
    for rule in (value, constant, better, gain, two_figures, more_epochs, image_size)
}
