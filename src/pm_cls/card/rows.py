"""Lines of the card's tables: how good the answers to some images are, and of which groups."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pm_cls.data.photographs.labelling import LABEL_OF_LETTER, USUAL_NAME
from pm_cls.data.photographs.names import photograph_key
from pm_cls.presentation.text import Text, fraction, fraction_interval, percent, percent_interval
from pm_cls.records.predictions import Predictions
from pm_cls.scores import stats
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.metrics import Share
from pm_cls.scores.target import Binary
from pm_cls.scores.worth import worth

WITH_INTERVAL = Text("{v} ({ends})", "{v}（{ends}）")
GROUPS = {
    "P": Text("P, pathological myopia", "P，病理性近视"),
    "H": Text("H, high myopia", "H，高度近视"),
    "N": Text("N, normal", "N，正常"),
}


@dataclass(frozen=True)
class Row:
    """How good the answers to some images are.

    Attributes:
        rule: the probability from which the answer is 1; None of other questions than yes or no.
        rates: how many are right; of yes or no alone, sensitivity and specificity too.
        interval: of the AUC, of yes or no alone.
    """

    data: Text
    rule: float | None
    rates: Sequence[Share]
    auc: float | None
    interval: tuple[float, float] | None

    @property
    def cells(self) -> list[Text]:
        """As a line of a table."""
        area = _number(fraction(self.auc))
        if self.interval is not None:
            area = WITH_INTERVAL.format(v=area, ends=fraction_interval(self.interval))
        first = [self.data, _number(self.rates[0].n)]
        rule = [] if self.rule is None else [_number(f"{self.rule:.2f}")]
        return [*first, *rule, *map(share_words, self.rates), area]


def _number(value: object) -> Text:
    return Text(f"{value}", f"{value}")


def share_words(share: Share) -> Text:
    """In percent, with the Wilson interval."""
    return WITH_INTERVAL.format(v=percent(share.fraction), ends=percent_interval(share.wilson))


def rows_of(data: Text, found: Predictions, ways: Sequence[Calibration]) -> Iterator[Row]:
    """A row for each way to make answers of logits; one alone where it is not yes or no."""
    scores = found.scores()
    if not isinstance(found.target, Binary):
        yield Row(data, None, [Share(scores.correct, scores.n)], scores.auc, None)
        return
    logits, labels = found.logits[:, 0], found.labels
    interval = stats.auc_interval(logits, labels)
    for by in ways:
        table = worth(logits, labels, by).table
        rates = [table.right, table.sensitivity, table.specificity]
        yield Row(data, by.threshold, rates, scores.auc, interval)


def groups_of(data: Text, found: Predictions, by: Calibration) -> Iterator[list[Text]]:
    """Data, group, n and how many are called ill, where the names tell the groups."""
    keys = [photograph_key(name) for name in found.names]
    letters = np.array([key[:1] for key in keys])
    labels = [LABEL_OF_LETTER.get(letter) for letter in letters]
    if labels != list(found.labels) or not all(re.fullmatch(USUAL_NAME, key) for key in keys):
        return  # letters that mean something else
    called = by.answers(found.logits[:, 0])
    for letter, words in GROUPS.items():
        of = letters == letter
        if of.any():
            share = Share(int(called[of].sum()), int(of.sum()))
            yield [data, words, _number(share.n), share_words(share)]
