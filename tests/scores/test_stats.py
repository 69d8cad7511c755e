"""Intervals and paired tests against values worked out elsewhere."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pm_cls.scores import stats


def test_summary_of_five_runs():
    summary = stats.summarise([0.93, 0.94, 0.95, 0.92, 0.96])
    t, sd = 2.7764451052, math.sqrt(0.00025)  # t of 4 degrees of freedom, from a printed table
    assert summary.mean == pytest.approx(0.94)
    assert summary.sd == pytest.approx(sd)
    assert summary.mean_interval == pytest.approx((0.94 - t * sd / 5**0.5, 0.94 + t * sd / 5**0.5))
    half = t * sd * math.sqrt(1.2)
    assert summary.new_interval == pytest.approx((0.94 - half, 0.94 + half))


def test_one_run_has_no_interval_and_equal_runs_none_but_their_value():
    assert stats.summarise([0.9]) == stats.Summary(1, 0.9, None, None, None)
    equal = stats.summarise([0.5275] * 5)
    assert (equal.sd, equal.new_interval) == (0.0, (0.5275, 0.5275))
    with pytest.raises(ValueError, match="no values"):
        stats.summarise([])


def test_wilson_of_the_thesis_best_and_worst():
    assert stats.wilson(378, 400) == pytest.approx((0.918, 0.963), abs=5e-4)
    assert stats.wilson(366, 400) == pytest.approx((0.884, 0.939), abs=5e-4)


def test_paired_t_finds_a_difference_and_says_where_there_is_none():
    found = stats.paired_t([3.0, 4.0, 5.0], [1.0, 1.0, 1.0])  # differences 2, 3, 4
    assert found.difference == 3
    assert found.p == pytest.approx(0.0351, abs=1e-4)  # t = 5.196, 2 degrees of freedom
    assert stats.paired_t([1, 2, 3], [1, 2, 3]).p is None
    assert stats.paired_t([2, 3, 4], [1, 2, 3]).p == 0
    assert stats.paired_t([0.9, 0.95, 0.925], [0.8, 0.85, 0.825]).p == 0  # but for the last bit
    with pytest.raises(ValueError, match="two pairs"):
        stats.paired_t([1], [2])


def test_exact_mcnemar():
    first = np.array([True] * 8 + [False] * 2 + [True] * 5)
    second = np.array([False] * 8 + [True] * 2 + [True] * 5)
    found = stats.mcnemar(first, second)
    assert (found.only_first, found.only_second) == (8, 2)
    assert found.p == pytest.approx(0.109375)  # 2 (1 + 10 + 45) / 1024
    assert stats.mcnemar(first, first).p is None


def test_auc_interval_in_parts(monkeypatch):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 300)
    scores = rng.normal(size=300) + labels
    at_once = stats.auc_interval(scores, labels)
    monkeypatch.setattr(stats, "AT_ONCE", 3_000)
    in_parts = stats.auc_interval(scores, labels)
    assert in_parts == pytest.approx(at_once, abs=0.02) and in_parts != at_once


def test_auc_interval():
    rng = np.random.default_rng(1)
    labels = np.array([1] * 60 + [0] * 40)
    scores = rng.normal(size=100) + labels
    low, high = stats.auc_interval(scores, labels)
    auc = roc_auc_score(labels, scores)
    # Hanley and McNeil's standard error, by hand from their formula.
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    error = math.sqrt((auc * (1 - auc) + 59 * (q1 - auc**2) + 39 * (q2 - auc**2)) / 2400)
    assert low == pytest.approx(auc - 1.96 * error, abs=0.02)
    assert high == pytest.approx(auc + 1.96 * error, abs=0.02)
    assert stats.auc_interval(scores, labels) == (low, high)  # the same twice
    assert stats.auc_interval(np.zeros(100), labels) == (0.5, 0.5)
    assert stats.auc_interval(scores[:61], labels[:61]) is None
