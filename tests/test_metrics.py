"""Scores against values worked out by hand."""

import math

import numpy as np
import pytest

from pm_cls import metrics

BINARY = np.array([[0.0], [2.0], [-1.0], [-3.0]], np.float32)
LABELS = np.array([1, 0, 1, 0])


def test_probability_of_one_half_counts_as_pathological():
    assert metrics.predicted_labels(BINARY).tolist() == [1, 1, 0, 0]
    assert metrics.correct_count(BINARY, LABELS) == 2


def test_cross_entropy_by_hand():
    by_hand = [math.log(2), math.log(1 + math.e**2), math.log(1 + math.e), math.log(1 + math.e**-3)]
    assert metrics.cross_entropy(BINARY, LABELS) == pytest.approx(np.mean(by_hand))


def test_cross_entropy_survives_large_logits():
    assert metrics.cross_entropy(np.array([[1e4], [-1e4]]), np.array([0, 0])) == 5000


def test_auc_by_hand():
    # Pairs (pathological, other): 0 < 2, 0 > -3, -1 < 2, -1 > -3: two of four are in order.
    assert metrics.auc(BINARY, LABELS) == 0.5


def test_auc_is_undefined_for_one_class_and_for_ten():
    assert metrics.auc(BINARY, np.zeros(4, int)) is None
    assert metrics.auc(np.zeros((4, 10)), LABELS) is None


def test_ten_classes():
    logits = np.zeros((2, 10))
    logits[0, 3] = 5
    assert metrics.predicted_labels(logits).tolist() == [3, 0]
    assert metrics.probabilities(logits)[1].tolist() == [0.1] * 10
    expected = (math.log(math.exp(5) + 9) - 5 + math.log(10)) / 2
    assert metrics.cross_entropy(logits, np.array([3, 7])) == pytest.approx(expected)


def test_scores_count_first():
    scores = metrics.scores(BINARY, LABELS)
    loss = metrics.cross_entropy(BINARY, LABELS)
    assert scores == metrics.Scores(correct=2, n=4, accuracy=0.5, loss=loss, auc=0.5)


def test_constant_answer_on_the_validation_set_is_the_thesis_collapse():
    """211 of 400 and a loss of 0.69163: what the thesis has in rows 1, 2, 5 and 6."""
    labels = np.array([1] * 211 + [0] * 189)
    logits = np.full((400, 1), math.log(211 / 189))
    assert metrics.correct_count(logits, labels) == 211
    assert metrics.cross_entropy(logits, labels) == pytest.approx(0.69163, abs=5e-6)


def test_confusion_by_hand():
    counts = metrics.confusion(BINARY, LABELS)
    assert counts == metrics.Confusion(1, 1, 1, 1)
    assert (counts.sensitivity, counts.specificity) == (0.5, 0.5)
    none_ill = metrics.confusion(BINARY, np.zeros(4, int))
    assert none_ill == metrics.Confusion(0, 0, 2, 2)
    assert (none_ill.sensitivity, none_ill.specificity) == (None, 0.5)
    assert metrics.confusion(np.zeros((4, 10)), LABELS) is None


def test_roc_and_reliability_by_hand():
    false_positives, true_positives = metrics.roc(BINARY, LABELS)
    assert false_positives.tolist() == [0, 0.5, 0.5, 1]  # by falling logit: 0 1 1 0
    assert true_positives.tolist() == [0, 0, 1, 1]
    logits = np.log(np.array([[0.12], [0.18], [0.95]]) / np.array([[0.88], [0.82], [0.05]]))
    stated, observed = metrics.reliability(logits, np.array([0, 1, 1]))
    assert stated == pytest.approx([0.15, 0.95])
    assert observed.tolist() == [0.5, 1]
