"""The rules of statements.yaml.

A rule is a function of the facts with its parameters by keyword. It gives comparisons, whose p
values are corrected together with all others of the document (Holm), or a verdict that needs none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from pm_cls.presentation.text import SEMICOLON, Text, listed, percent
from pm_cls.records.networks import Network
from pm_cls.records.predictions import Predictions
from pm_cls.report.published.values import NotTested, Point, Verdict, shared
from pm_cls.report.runs import Record
from pm_cls.scores import metrics, stats
from pm_cls.scores.ensembles import averaged, voted

Union = Literal["average", "vote", "snapshots"]
UNITED = {"average": averaged, "vote": voted}
WAYS = {
    "average": Text("Mean of the seeds", "各种子取平均"),
    "vote": Text("Votes of the seeds", "各种子投票"),
    "snapshots": Text("Mean of a run's reported epochs", "一次运行的各报告轮次取平均"),
}
COSTS = {
    "parameters": Text("parameters", "个参数"),
    "multiplications": Text("multiplications an image", "次乘法（每张图像）"),
}


@dataclass(frozen=True)
class Facts:
    """Official runs by experiment, and what their networks cost."""

    runs: Mapping[str, Sequence[Record]]
    networks: Mapping[str, Network]
    seeds: int

    def at(self, *points: Point) -> list[list[Record]]:
        """Of each point the runs of the seeds that all have; NotTested: too few."""
        found = [
            {run.seed: run for run in self.runs.get(name, ()) if epoch in run.scores}
            for name, epoch in points
        ]
        names = listed(name for name, _ in points)
        words = names + Text(
            ": {n} of the {least} seeds that the rule needs.",
            "：该规则需要 {least} 个种子，目前只有 {n} 个。",
        )
        return [list(one.values()) for one in shared(found, self.seeds, words)]


@dataclass(frozen=True)
class Comparison:
    """A difference with its p value; `words` have a place {p} for it, as it was corrected.

    `p` is None where no pair differs.
    """

    words: Text
    difference: float
    p: float | None


@dataclass(frozen=True)
class Outcome:
    """What a rule found: comparisons, or a verdict with its evidence.

    `is_denial`: the statement is that there is no such difference.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    is_denial: bool = False
    evidence: Text | None = None
    verdict: Verdict = "not_yet_tested"


def better(facts: Facts, *, pairs: list[tuple[Point, Point]]) -> Outcome:
    """On each pair of points the first is more accurate."""
    words = Text(
        "{first} {a}% against {second} {b}%: {difference} points ({p}, {n} seeds).",
        "{first} {a}% 对 {second} {b}%：差值为 {difference} 个百分点（{p}，{n} 个种子）。",
    )
    return Outcome([_compared(facts, pair, _accuracy, words) for pair in pairs])


def calmer(facts: Facts, *, pairs: list[tuple[Point, Point]]) -> Outcome:
    """On each pair of points the first has the lower loss on the validation images."""
    words = Text(
        "Loss ×100 of {first} {a} against {second} {b}: {difference} ({p}, {n} seeds).",
        "{first} 的损失 ×100 为 {a}，{second} 为 {b}：差值为 {difference}（{p}，{n} 个种子）。",
    )
    return Outcome([_compared(facts, pair, _loss, words, is_less=True) for pair in pairs])


def sparser(facts: Facts, *, pairs: list[tuple[Point, Point]]) -> Outcome:
    """On each pair of points more of the first's weights are near zero, mean over its layers."""
    words = Text(
        "On average over its layers, {a}% of the weights of {first} are below a hundredth of their "
        "layer's root mean square, {b}% of {second}: {difference} points ({p}, {n} seeds).",
        "各层平均，绝对值小于该层均方根百分之一的权重所占比例：{first} {a}%，{second} {b}%，"
        "差值为 {difference} 个百分点（{p}，{n} 个种子）。",
    )
    return Outcome([_compared(facts, pair, _near_zero, words) for pair in pairs])


def _accuracy(run: Record, epoch: int) -> float:
    return run.scores[epoch].accuracy


def _loss(run: Record, epoch: int) -> float:
    return run.scores[epoch].loss


def _near_zero(run: Record, epoch: int) -> float:
    shares = [one.near_zero for one in run.layers if one.epoch == epoch]
    known = [share for share in shares if share is not None]
    if not known:
        words = Text("Not looked into: {name}.", "尚未用 inspect 查看：{name}。")
        raise NotTested(words.format(name=run.name))
    return float(np.mean(known))


def _compared(
    facts: Facts,
    pair: tuple[Point, Point],
    score: Callable[[Record, int], float],
    words: Text,
    is_less: bool = False,
) -> Comparison:
    (first, epoch), (second, other) = pair
    both = facts.at(*pair)
    a, b = ([score(run, at) for run in runs] for runs, at in zip(both, (epoch, other), strict=True))
    test = stats.paired_t(a, b)
    filled = words.format(
        first=first, second=second, a=percent(float(np.mean(a))), b=percent(float(np.mean(b))),
        difference=percent(test.difference, "+"), n=test.n, p="{p}",
    )  # fmt: skip
    return Comparison(filled, -test.difference if is_less else test.difference, test.p)


def cannot(facts: Facts, *, of: Point) -> Outcome:
    """Every run gives all images one label; denied by accuracy above the most frequent label's."""
    (runs,), epoch = facts.at(of), of[1]
    answers = [run.predictions[epoch] for run in runs]
    share = float(np.bincount(answers[0].labels).max() / len(answers[0].labels))
    accuracies = [run.scores[epoch].accuracy for run in runs]
    if all(metrics.is_constant(one.logits, one.target) for one in answers):
        words = Text(
            "All {n} runs of {name} give every image one label.",
            "{name} 的 {n} 次运行，每次都对所有图像给出同一标签。",
        )
        return Outcome(evidence=words.format(n=len(runs), name=of[0]), verdict="reproduced")
    test = stats.paired_t(accuracies, [share] * len(runs))
    words = Text(
        "{name} reaches {a}%, the most frequent label alone {b}% ({p}, {n} seeds).",
        "{name} 达到 {a}%，始终猜最常见的标签为 {b}%（{p}，{n} 个种子）。",
    ).format(
        name=of[0], a=percent(float(np.mean(accuracies))), b=percent(share), n=len(runs), p="{p}"
    )
    return Outcome([Comparison(words, test.difference, test.p)], is_denial=True)


def can(facts: Facts, *, of: Point) -> Outcome:
    """The opposite of `cannot`."""
    found = cannot(facts, of=of)
    if found.evidence is not None:
        return Outcome(evidence=found.evidence, verdict="not_reproduced")
    # Fewer right answers than by the most frequent label are no evidence against it.
    return Outcome([replace(one, difference=max(one.difference, 0)) for one in found.comparisons])


def arithmetic(facts: Facts, *, pairs: list[tuple[str, str]]) -> Outcome:
    """In each pair of products the first is less."""
    values = [tuple(map(_product, pair)) for pair in pairs]
    said = [
        Text(f"{a} = {x} against {b} = {y}", f"{a} = {x}，{b} = {y}")
        for (a, b), (x, y) in zip(pairs, values, strict=True)
    ]
    evidence = listed(said, SEMICOLON) + Text(".", "。")
    holds = all(x < y for x, y in values)
    return Outcome(evidence=evidence, verdict="reproduced" if holds else "impossible")


def _product(text: str) -> Fraction:
    found = Fraction(1)
    for factor in text.split("·"):
        found *= Fraction(factor.strip())
    return found


def cheaper(
    facts: Facts,
    *,
    first: str,
    second: str,
    cost: Literal["parameters", "multiplications"] = "parameters",
) -> Outcome:
    """The first experiment's network has less of a cost than the second's."""
    if not {first, second} <= {*facts.networks}:
        raise NotTested(
            Text(
                "networks.csv, and runs that can be held against the sources, do not have both.",
                "networks.csv 与可供比较的运行中没有这两者。",
            )
        )
    a, b = (getattr(facts.networks[name], cost) for name in (first, second))
    words = Text("{first} {a:,} {cost}, {second} {b:,}.", "{first} {a:,} {cost}，{second} {b:,}。")
    of = COSTS[cost]
    evidence = words.format(first=first, second=second, a=a, b=b, cost=of)
    return Outcome(evidence=evidence, verdict="reproduced" if a < b else "not_reproduced")


def united(facts: Facts, *, of: list[Point], by: list[Union]) -> Outcome:
    """Runs that answer together are right of more than one of them, mean over its seeds.

    A comparison for each way of uniting them, paired over the networks: `average` and `vote` unite
    a network's seeds, `snapshots` averages the reported epochs of a run up to that of its
    point. NotTested: fewer networks than a rule needs seeds.
    """
    return Outcome([_united(facts, of, way) for way in by])


def _united(facts: Facts, of: Sequence[Point], way: Union) -> Comparison:
    alone, together = [], []
    for point in of:
        try:
            (runs,) = facts.at(point)
        except NotTested:
            continue
        answers = [run.predictions[point[1]] for run in runs]
        target, labels = answers[0].target, answers[0].labels
        if way == "snapshots":
            each = [[run.predictions[e] for e in run.predictions if e <= point[1]] for run in runs]
            if len(each[0]) == 1:
                continue
            found = [averaged(_logits(snapshots), target) for snapshots in each]
        else:
            found = [UNITED[way](_logits(answers), target)]
        alone.append(float(np.mean([run.scores[point[1]].accuracy for run in runs])))
        together.append(float(np.mean([target.right(one, labels).mean() for one in found])))
    if len(alone) < facts.seeds:
        words = Text(
            "{way}: {n} of the {least} networks that the rule needs.",
            "{way}：该规则需要 {least} 个网络，目前只有 {n} 个。",
        )
        raise NotTested(words.format(way=WAYS[way], n=len(alone), least=facts.seeds))
    test = stats.paired_t(together, alone)
    words = Text(
        "{way}: {a}% against {b}% of one, {difference} points ({p}, {n} networks, {more} of them "
        "better together).",
        "{way}：{a}%，单个为 {b}%，差值为 {difference} 个百分点（{p}，{n} 个网络，"
        "其中 {more} 个集成后更好）。",
    ).format(
        way=WAYS[way], a=percent(float(np.mean(together))), b=percent(float(np.mean(alone))),
        difference=percent(test.difference, "+"), n=test.n, p="{p}",
        more=sum(a > b for a, b in zip(together, alone, strict=True)),
    )  # fmt: skip
    return Comparison(words, test.difference, test.p)


def _logits(answers: Iterable[Predictions]) -> np.ndarray:
    return np.stack([one.logits for one in answers])


RULES: dict[str, Callable[..., Outcome]] = {
    rule.__name__: rule
    for rule in (better, calmer, sparser, cannot, can, arithmetic, cheaper, united)
}
