"""What a rule is applied to, and whether a number that a source states could be one of our runs."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from pm_cls.presentation.text import SEMICOLON, Text, listed, percent
from pm_cls.report.published.studies import Stated
from pm_cls.scores import stats
from pm_cls.scores.metrics import Scores

Verdict = Literal[
    "reproduced", "not_reproduced", "not_supported", "impossible", "not_yet_tested", "not_testable"
]
VERDICTS: dict[Verdict, Text] = {
    "reproduced": Text("reproduced", "已复现"),
    "not_reproduced": Text("not reproduced", "未能复现"),
    "not_supported": Text("not supported", "证据不足"),
    "impossible": Text("impossible", "不可能成立"),
    "not_yet_tested": Text("not yet tested", "尚未检验"),
    "not_testable": Text("cannot be tested here", "此处无法检验"),
}
Judged = tuple[Text, Verdict]  # the evidence in words
Point = tuple[str, int]  # an experiment and an epoch
T = TypeVar("T")


class NotTested(Exception):
    """There are too few runs for a rule; its argument is the evidence, a Text."""


def shared(points: Sequence[Mapping[int, T]], least: int, words: Text) -> list[dict[int, T]]:
    """What points have by seed, of the seeds that all have.

    Raises:
        NotTested: these are fewer than `least`; the words have places {n} and {least}.
    """
    seeds = sorted(set.intersection(*map(set, points)))
    if len(seeds) < least:
        raise NotTested(words.format(n=len(seeds), least=least))
    return [{seed: one[seed] for seed in seeds} for one in points]


def impossible(of: Stated) -> Text | None:
    """Where no count of the images gives the accuracy as it is stated, why."""
    assert of.accuracy is not None
    count = round(of.accuracy * of.n_images)
    if percent(count / of.n_images) == percent(of.accuracy):
        return None
    words = Text(
        "{stated}% of {n} is {share:.1f} photographs; {count} are {near}%. As a mean of "
        "several runs it would be possible.",
        "{n} 张的 {stated}% 是 {share:.1f} 张，而 {count} 张为 {near}%。若是多次运行的"
        "平均值，则有可能。",
    )
    return words.format(
        stated=percent(of.accuracy), n=of.n_images, share=of.accuracy * of.n_images,
        count=count, near=percent(count / of.n_images),
    )  # fmt: skip


def near(of: Stated, scores: Sequence[Scores]) -> Judged:
    """Whether all that is stated lies within what one new run may give."""
    stated = [
        (Text("accuracy {held}", "准确率{held}"), of.accuracy, [s.accuracy for s in scores], 1.0),
        (Text("loss {held}", "损失{held}"), of.loss, [s.loss for s in scores], math.inf),
    ]
    held = [
        (words, *_held(one, ours, most)) for words, one, ours, most in stated if one is not None
    ]
    evidence = listed((words.format(held=what) for words, what, _ in held), SEMICOLON)
    found = [verdict for _, _, verdict in held]
    order: tuple[Verdict, ...] = ("not_reproduced", "not_supported", "reproduced")
    return evidence + Text(".", "。"), min(found, key=order.index)


def _held(stated: float, values: Sequence[float], most: float) -> tuple[Text, Verdict]:
    """A stated value against ours, from 0 to `most`, in words, and whether it holds.

    Where any value would lie in the interval, nothing is shown.
    """
    summary = stats.summarise(values)
    assert summary.new_interval is not None
    low, high = max(summary.new_interval[0], 0.0), min(summary.new_interval[1], most)
    mean = percent(summary.mean)
    if summary.sd == 0:
        words = Text("{mean}% in all {n} runs", "在全部 {n} 次运行中均为 {mean}%")
        is_same = mean == percent(stated)
        return words.format(mean=mean, n=summary.n), "reproduced" if is_same else "not_reproduced"
    words = Text(
        "{mean}% on average, prediction interval of one new run {low} to {high}% (t, n = {n} "
        "runs), {where}",
        "平均为 {mean}%，一次新运行的 95% 预测区间为 {low}% 至 {high}%（t 分布，n = {n}），{where}",
    )
    is_in, is_all = low <= stated <= high, low == 0.0 and high == most
    where = Text("which has {stated}%", "包含 {stated}%")
    if is_all:
        where = Text("which any value lies in", "任何数值都落在其中")
    elif not is_in:
        where = Text("which {stated}% lies outside of", "不含 {stated}%")
    filled = words.format(
        mean=mean, n=summary.n, low=f"{100 * low:.2f}", high=f"{100 * high:.2f}",
        where=where.format(stated=percent(stated)),
    )  # fmt: skip
    return filled, "not_supported" if is_all else "reproduced" if is_in else "not_reproduced"
