"""A verdict for each statement of the source documents, by the rules of statements.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pm_cls.config.options import checked, chosen
from pm_cls.presentation.text import Text, listed, p_words
from pm_cls.records.networks import Network
from pm_cls.report.published import differing, load, studies
from pm_cls.report.published.comparisons import RULES, Facts, Outcome
from pm_cls.report.published.studies import thesis
from pm_cls.report.published.values import NotTested, Verdict
from pm_cls.report.runs import Record
from pm_cls.scores import stats

SEPARATOR = Text(" ", "")


@dataclass(frozen=True)
class Technique:
    """One change of the base; `keys` are all settings in which a run of it differs.

    Attributes:
        against: the technique that it is held against, where it is not the base.
    """

    keys: list[str]
    en: str
    zh: str
    against: str = ""

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
    sections: dict[str, str]
    statements: list[_Entry]
    base: str
    epoch: int
    others: list[str]
    techniques: dict[str, Technique]

    @property
    def names(self) -> set[str]:
        """The experiments of configs/techniques."""
        return {*self.techniques, *self.others}

    def of_techniques(self, found: Sequence[Record]) -> list[Record]:
        """The runs of configs/techniques that the statements are judged by."""
        return [run for run in found if run.experiment in self.names and self.may_judge(run)]

    def may_judge(self, run: Record) -> bool:
        """Whether a run is on official data and has the settings of its experiment, if known."""
        if run.experiment == self.base or run.experiment in self.techniques:
            return self.is_comparable(run)
        if (study := studies.of(run.experiment)) is not None:
            return study.is_comparable(run)
        # Nothing but the name is known; a folder of one's own is never official.
        return run.is_official and run.config.data.name != "folder"

    def is_comparable(self, run: Record) -> bool:
        """Whether a run may be held against the base: official data, and no other change."""
        if run.experiment == self.base:
            return thesis().is_comparable(run)
        if run.experiment not in self.techniques or not run.is_official:
            return False
        changed = differing(run.config, thesis().reference(self.base))
        is_scheduled = any(key.startswith("schedule.") for key in changed)
        if is_scheduled and run.config.train.epochs != self.epoch:
            return False  # the rate would be another one at that epoch
        return changed == sorted(self.techniques[run.experiment].keys)


def stated() -> Stated:
    return load(Stated, "statements.yaml")


@dataclass(frozen=True)
class Statement:
    """A statement of a document and what our runs say of it."""

    id: str
    document: str
    section: Text
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
        name: [run for run in found if all_of_it.may_judge(run)] for name, found in runs.items()
    }
    costs = {one.experiment: one for one in networks if ours.get(one.experiment)}
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
            place = Text(entry.section, all_of_it.sections.get(entry.section, entry.section))
            found.append(Statement(entry.id, document, place, words, entry.rule, evidence, verdict))
    return found


def _outcome(facts: Facts, entry: _Entry) -> Outcome:
    if entry.untested is not None:
        why = Text(entry.untested.en, entry.untested.zh)
        return Outcome(evidence=why, verdict="not_testable")
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
        one.words.format(p=p_words(p)) for one, p in zip(outcome.comparisons, holm, strict=True)
    ]
    evidence = listed(said, SEPARATOR)
    signs = [
        0.0 if p is None or p >= alpha else np.sign(one.difference)
        for one, p in zip(outcome.comparisons, holm, strict=True)
    ]
    for_it: Verdict = "not_reproduced" if outcome.is_denial else "reproduced"
    if min(signs) > 0:
        return evidence, for_it
    if min(signs) < 0 and not outcome.is_denial:
        return evidence, "not_reproduced"
    return evidence, "not_supported"
