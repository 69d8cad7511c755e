"""Scores against values worked out by hand."""

import math

import numpy as np
import pytest

from pm_cls.scores import metrics
from pm_cls.scores.target import Binary, Classes, Several

LOGITS = np.array([[0.0], [2.0], [-1.0], [-3.0]], np.float32)
LABELS = np.array([1, 0, 1, 0])
BINARY = Binary()


def test_probability_of_one_half_counts_as_pathological():
    assert BINARY.predicted(LOGITS).tolist() == [1, 1, 0, 0]
    assert BINARY.right(LOGITS, LABELS).sum() == 2


def test_cross_entropy_by_hand():
    by_hand = [math.log(2), math.log(1 + math.e**2), math.log(1 + math.e), math.log(1 + math.e**-3)]
    assert BINARY.cross_entropy(LOGITS, LABELS) == pytest.approx(np.mean(by_hand))


def test_cross_entropy_survives_large_logits():
    assert BINARY.cross_entropy(np.array([[1e4], [-1e4]]), np.array([0, 0])) == 5000


def test_auc_by_hand():
    # Pairs (pathological, other): 0 < 2, 0 > -3, -1 < 2, -1 > -3: two of four are in order.
    assert metrics.auc(LOGITS, LABELS, BINARY) == 0.5


def test_auc_is_undefined_where_a_question_has_one_answer_only():
    assert metrics.auc(LOGITS, np.zeros(4, int), BINARY) is None
    assert metrics.auc(np.zeros((4, 10)), LABELS, Classes(10)) is None  # no image of 2 to 9
    assert metrics.auc(np.zeros((4, 2)), np.array([[0, 1]] * 4), Several(2)) is None


def test_ten_classes():
    logits, ten = np.zeros((2, 10)), Classes(10)
    logits[0, 3] = 5
    assert ten.predicted(logits).tolist() == [3, 0]
    assert ten.probabilities(logits)[1].tolist() == [0.1] * 10
    expected = (math.log(math.exp(5) + 9) - 5 + math.log(10)) / 2
    assert ten.cross_entropy(logits, np.array([3, 7])) == pytest.approx(expected)


def test_scores_count_first():
    scores = metrics.scores(LOGITS, LABELS, BINARY)
    loss = BINARY.cross_entropy(LOGITS, LABELS)
    assert scores == metrics.Scores(correct=2, n=4, accuracy=0.5, loss=loss, auc=0.5)


def test_constant_answer_on_the_validation_set_is_the_thesis_collapse():
    """211 of 400 and a loss of 0.69163: what the thesis has in rows 1, 2, 5 and 6."""
    labels = np.array([1] * 211 + [0] * 189)
    logits = np.full((400, 1), math.log(211 / 189))
    assert BINARY.right(logits, labels).sum() == 211
    assert BINARY.cross_entropy(logits, labels) == pytest.approx(0.69163, abs=5e-6)
    assert metrics.is_constant(logits, BINARY) and not metrics.is_constant(LOGITS, BINARY)


def test_confusion_by_hand():
    found = metrics.confusion(LOGITS, LABELS, BINARY)
    assert found.counts.tolist() == [[1, 1], [1, 1]] and found.is_binary
    assert (found.sensitivity.fraction, found.specificity.fraction) == (0.5, 0.5)
    none_ill = metrics.confusion(LOGITS, np.zeros(4, int), BINARY)
    assert none_ill.counts.tolist() == [[2, 2], [0, 0]]
    assert (none_ill.sensitivity.fraction, none_ill.specificity.fraction) == (None, 0.5)


def test_roc_and_reliability_by_hand():
    false_positives, true_positives = metrics.roc(LOGITS, LABELS, BINARY)
    assert false_positives.tolist() == [0, 0.5, 0.5, 1]  # by falling logit: 0 1 1 0
    assert true_positives.tolist() == [0, 0, 1, 1]
    logits = np.log(np.array([[0.12], [0.18], [0.95]]) / np.array([[0.88], [0.82], [0.05]]))
    stated, observed = metrics.reliability(logits, np.array([0, 1, 1]), BINARY)
    assert stated == pytest.approx([0.15, 0.95])
    assert observed.tolist() == [0.5, 1]
