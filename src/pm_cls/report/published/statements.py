"""A verdict for each statement of the source documents, by the rules of statements.yaml.

A rule is a function of the facts with its parameters by keyword. It gives comparisons, whose p
values are corrected together with all others of the document (Holm), or a verdict that needs none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pm_cls.config.options import checked, chosen
from pm_cls.records.networks import Network
from pm_cls.report.published import differing, load
from pm_cls.report.published.studies import thesis
from pm_cls.report.published.values import Verdict
from pm_cls.report.runs import Record
from pm_cls.report.text import Text, listed, p_value, percent
from pm_cls.scores import metrics, stats

Point = tuple[str, int]  # an experiment and an epoch
SEPARATOR = Text(" ", "")


@dataclass(frozen=True)
class Technique:
    """One change of the base; `keys` are all settings in which a run of it differs."""

    keys: list[str]
    en: str
    zh: str

    @property
    def name(self) -> Text:
        return Text(self.en, self.zh)


@dataclass(frozen=True)
class _Thresholds:
    alpha: float
    seeds: int


@dataclass(frozen=True)
class _Words:
    en: str
    zh: str


@dataclass(frozen=True)
class _Entry:
    """A statement of statements.yaml: with a rule, or with why it is not tested."""

    id: str
    document: str
    section: str
    en: str
    zh: str
    rule: str = ""
    parameters: dict[str, object] = field(default_factory=dict)
    untested: _Words | None = None


@dataclass(frozen=True)
class Stated:
    """statements.yaml."""

    thresholds: _Thresholds
    documents: dict[str, _Words]
    statements: list[_Entry]
    base: str
    epoch: int
    techniques: dict[str, Technique]

    def of_techniques(self, found: Sequence[Record]) -> list[Record]:
        """The runs of the techniques, by their names."""
        return [run for run in found if run.experiment in self.techniques]

    def is_comparable(self, run: Record) -> bool:
        """Whether a run may be held against the base: official data, and no other change."""
        if run.experiment == self.base:
            return thesis().is_comparable(run)
        if run.experiment not in self.techniques or not run.is_official:
            return False
        changed = differing(run.config, thesis().reference(self.base))
        return changed == sorted(self.techniques[run.experiment].keys)


def stated() -> Stated:
    return load(Stated, "statements.yaml")


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
        common = sorted(set.intersection(*map(set, found)))
        if len(common) < self.seeds:
            names = ", ".join(name for name, _ in points)
            words = Text(
                "{names}: {n} runs; the rule needs {least}.",
                "{names}：只有 {n} 次运行；该规则需要 {least} 次。",
            )
            raise NotTested(words.format(names=names, n=len(common), least=self.seeds))
        return [[one[seed] for seed in common] for one in found]


class NotTested(Exception):
    """There are too few runs for a rule; its argument is the evidence, a Text."""


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


@dataclass(frozen=True)
class Statement:
    """A statement of a document and what our runs say of it."""

    id: str
    document: str
    section: str
    statement: Text
    rule: str
    evidence: Text
    verdict: Verdict


def judge(runs: Mapping[str, Sequence[Record]], networks: Sequence[Network]) -> list[Statement]:
    """Judge all statements, in the order of the file.

    Args:
        runs: by experiment; those that are not official or of other settings are left out.
    """
    all_of_it = stated()
    ours = {
        name: [run for run in found if run.is_official and _has_its_settings(all_of_it, run)]
        for name, found in runs.items()
    }
    costs = {one.experiment: one for one in networks}
    facts = Facts(ours, costs, all_of_it.thresholds.seeds)
    outcomes = {one.id: _outcome(facts, one) for one in all_of_it.statements}
    found = []
    for document in all_of_it.documents:
        entries = [one for one in all_of_it.statements if one.document == document]
        ps = [c.p for e in entries for c in outcomes[e.id].comparisons if c.p is not None]
        corrected = iter(stats.holm(ps))
        for entry in entries:
            outcome = outcomes[entry.id]
            holm = [None if c.p is None else next(corrected) for c in outcome.comparisons]
            evidence, verdict = _judged(outcome, holm, all_of_it.thresholds.alpha)
            words = Text(entry.en, entry.zh)
            found.append(
                Statement(entry.id, document, entry.section, words, entry.rule, evidence, verdict)
            )
    return found


def _has_its_settings(all_of_it: Stated, run: Record) -> bool:
    is_known = run.experiment == all_of_it.base or run.experiment in all_of_it.techniques
    return not is_known or all_of_it.is_comparable(run)


def _outcome(facts: Facts, entry: _Entry) -> Outcome:
    if entry.untested is not None:
        return Outcome(evidence=Text(entry.untested.en, entry.untested.zh))
    rule = chosen(RULES, f"{entry.id}.rule", entry.rule)
    given = checked(rule, f"{entry.id}.parameters", entry.rule, entry.parameters)
    try:
        return rule(facts, **given)
    except NotTested as error:
        return Outcome(evidence=error.args[0])


def _judged(outcome: Outcome, holm: Sequence[float | None], alpha: float) -> tuple[Text, Verdict]:
    if outcome.evidence is not None:
        return outcome.evidence, outcome.verdict
    said = [
        one.words.format(p=Text("no difference", "无差异") if p is None else p_value(p))
        for one, p in zip(outcome.comparisons, holm, strict=True)
    ]
    evidence = listed(said, SEPARATOR)
    signs = [
        0.0 if p is None or p >= alpha else np.sign(one.difference)
        for one, p in zip(outcome.comparisons, holm, strict=True)
    ]
    for_it: Verdict = "not_reproduced" if outcome.is_denial else "reproduced"
    against: Verdict = "reproduced" if outcome.is_denial else "not_reproduced"
    if min(signs) > 0:
        return evidence, for_it
    if min(signs) < 0 and not outcome.is_denial:
        return evidence, against
    return evidence, "not_supported"


def better(facts: Facts, *, pairs: list[tuple[Point, Point]]) -> Outcome:
    """On each pair of points the first is more accurate."""
    words = Text(
        "{first} {a}% against {second} {b}%: {difference} points ({p}, {n} seeds).",
        "{first} {a}% 对 {second} {b}%：相差 {difference} 个百分点（{p}，{n} 个种子）。",
    )
    return Outcome([_compared(facts, pair, "accuracy", words) for pair in pairs])


def calmer(facts: Facts, *, pairs: list[tuple[Point, Point]]) -> Outcome:
    """On each pair of points the first has the lower loss on the validation images."""
    words = Text(
        "Loss ×100 of {first} {a} against {second} {b}: {difference} ({p}, {n} seeds).",
        "{first} 的损失 ×100 为 {a}，{second} 为 {b}：相差 {difference}（{p}，{n} 个种子）。",
    )
    return Outcome([_compared(facts, pair, "loss", words) for pair in pairs])


def _compared(facts: Facts, pair: tuple[Point, Point], score: str, words: Text) -> Comparison:
    (first, epoch), (second, other) = pair
    both = facts.at(*pair)
    a, b = (
        [getattr(run.scores[at], score) for run in runs]
        for runs, at in zip(both, (epoch, other), strict=True)
    )
    test = stats.paired_t(a, b)
    filled = words.format(
        first=first, second=second, a=percent(float(np.mean(a))), b=percent(float(np.mean(b))),
        difference=f"{100 * test.difference:+.2f}", n=test.n, p="{p}",
    )  # fmt: skip
    return Comparison(filled, -test.difference if score == "loss" else test.difference, test.p)


def cannot(facts: Facts, *, of: Point) -> Outcome:
    """Every run gives all images one label; denied by accuracy above the most frequent label's."""
    (runs,), epoch = facts.at(of), of[1]
    answers = [run.predictions[epoch] for run in runs]
    share = float(np.bincount(answers[0].labels).max() / len(answers[0].labels))
    accuracies = [run.scores[epoch].accuracy for run in runs]
    if all(metrics.is_constant(one.logits, one.target) for one in answers):
        words = Text(
            "All {n} runs of {name} give every image one label.",
            "{name} 的全部 {n} 次运行对所有图像给出同一标签。",
        )
        return Outcome(evidence=words.format(n=len(runs), name=of[0]), verdict="reproduced")
    test = stats.paired_t(accuracies, [share] * len(runs))
    words = Text(
        "{name} reaches {a}%, the most frequent label alone {b}% ({p}, {n} seeds).",
        "{name} 达到 {a}%，仅猜最多的标签为 {b}%（{p}，{n} 个种子）。",
    ).format(
        name=of[0], a=percent(float(np.mean(accuracies))), b=percent(share), n=len(runs), p="{p}"
    )
    return Outcome([Comparison(words, test.difference, test.p)], is_denial=True)


def can(facts: Facts, *, of: Point) -> Outcome:
    """The opposite of `cannot`."""
    found = cannot(facts, of=of)
    if found.evidence is not None:
        return Outcome(evidence=found.evidence, verdict="not_reproduced")
    return Outcome(found.comparisons)


def arithmetic(facts: Facts, *, pairs: list[tuple[str, str]]) -> Outcome:
    """In each pair of products the first is less."""
    values = [tuple(map(_product, pair)) for pair in pairs]
    said = [
        Text(f"{a} = {x} against {b} = {y}", f"{a} = {x}，{b} = {y}")
        for (a, b), (x, y) in zip(pairs, values, strict=True)
    ]
    evidence = listed(said, Text("; ", "；")) + Text(".", "。")
    holds = all(x < y for x, y in values)
    return Outcome(evidence=evidence, verdict="reproduced" if holds else "impossible")


def _product(text: str) -> Fraction:
    found = Fraction(1)
    for factor in text.split("·"):
        found *= Fraction(factor.strip())
    return found


def cheaper(facts: Facts, *, first: str, second: str) -> Outcome:
    """The first experiment's network has fewer parameters than the second's."""
    if not {first, second} <= {*facts.networks}:
        raise NotTested(Text("networks.csv does not have both.", "networks.csv 中没有这两者。"))
    a, b = (facts.networks[name].parameters for name in (first, second))
    words = Text(
        "{first} {a:,} parameters, {second} {b:,}.",
        "{first} 有 {a:,} 个参数，{second} 有 {b:,} 个。",
    )
    evidence = words.format(first=first, second=second, a=a, b=b)
    return Outcome(evidence=evidence, verdict="reproduced" if a < b else "not_reproduced")


RULES: dict[str, Callable[..., Outcome]] = {
    rule.__name__: rule for rule in (better, calmer, cannot, can, arithmetic, cheaper)
}
