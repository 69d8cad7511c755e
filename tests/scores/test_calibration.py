"""What an answer is worth: temperature, threshold, certainty and calibration error."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit

from pm_cls.scores.calibration import COVERED, Calibration, expected_error, fit, right
from pm_cls.scores.target import Binary


def drawn(n, temperature=1.0, shift=0.0, seed=0):
    """Logits whose probabilities are right when divided by the temperature."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0, 2.5, n)
    labels = (rng.random(n) < expit(right)).astype(np.int64)
    return temperature * right + shift, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_is_found(temperature):
    found = fit(*drawn(20_000, temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.05) and found.n == 20_000
    logits, labels = drawn(20_000, temperature, seed=1)
    assert expected_error(found.probabilities(logits), labels) < 0.01


def test_the_threshold_follows_a_shift():
    logits, labels = drawn(20_000, shift=2.0)
    found = fit(logits, labels)
    one = found.probabilities(logits) >= found.threshold
    plain = logits >= 0

    def youden(answers):
        return answers[labels == 1].mean() - answers[labels == 0].mean()

    assert youden(one) > youden(plain) + 0.05
    assert found.threshold > 0.6


def test_labels_that_are_parted_leave_the_threshold_near_the_middle():
    found = fit(np.array([-4.0, -3.0, 3.0, 5.0] * 5), np.array([0, 0, 1, 1] * 5))
    assert 0.3 < found.threshold < 0.7


def test_answers_that_are_all_right_are_made_no_surer():
    assert fit(np.array([-0.4, -0.3, 0.3, 0.5] * 5), np.array([0, 0, 1, 1] * 5)).temperature == 1


def test_certain_answers_cover_what_they_should():
    """Of new images the label is ruled out for at most a share 1 - COVERED."""
    missed, sure = [], []
    for seed in range(40):
        found = fit(*drawn(400, seed=seed))
        logits, labels = drawn(2000, seed=1000 + seed)
        one = found.probabilities(logits)
        own = np.where(labels == 1, one, 1 - one)
        missed.append((1 - own >= found.certain).mean())
        sure.append(found.is_sure(logits).mean())
    assert np.mean(missed) < 1 - COVERED + 0.004
    assert np.mean(missed) > 0.6 * (1 - COVERED)
    assert 0.2 < np.mean(sure) < 0.95


def test_an_answer_that_is_ruled_out_is_not_sure():
    """Between the threshold and 1 - `certain` the answer is 1, of which nothing is left."""
    found = Calibration(temperature=2.0, threshold=0.1, certain=0.75, n=100)
    one = np.array([0.02, 0.09, 0.12, 0.2, 0.3, 0.74, 0.76, 0.99])
    logits = 2.0 * np.log(one / (1 - one))
    np.testing.assert_array_equal(found.answers(logits), one >= 0.1)
    sure = [True, True, False, False, False, False, True, True]
    np.testing.assert_array_equal(found.is_sure(logits), sure)


@pytest.mark.parametrize("logits", [[0.0], [0.0006], [-1.0, 1.0]])
def test_where_answers_are_equal_none_is_sure(logits):
    """Each label got the same answers, a network from zero the same of all."""
    labels = np.array([0, 1] * 40)
    given = np.resize(logits, 80)
    given[8:] = given[8:][::-1]
    found = fit(given, labels)
    assert not found.is_sure(given).any()


def test_of_equal_thresholds_the_one_nearest_to_one_half_is_taken():
    """Counted in whole numbers: as shares, equal gains differ in the last bit."""
    one = [0.94, 0.51, 0.98, 0.08, 0.61, 0.38, 0.8, 0.17, 0.87, 0.54]
    one += [0.9, 0.48, 0.43, 0.79, 0.98, 0.37, 0.97, 0.93, 0.18, 0.61]
    labels, edges = np.array([0] * 10 + [1] * 10), sorted(set(one))
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    gains = {cut: sum((p >= cut) == label for p, label in zip(one, labels, strict=True))
             for cut in middles}  # fmt: skip
    best = [cut for cut in middles if gains[cut] == max(gains.values())]
    logits = np.log(np.array(one) / (1 - np.array(one)))
    found = fit(logits, labels)
    nearest = min(best, key=lambda cut: abs(cut - 0.5))
    taken = found.answers(logits)
    np.testing.assert_array_equal(taken, np.array(one) >= nearest)
    assert len(best) > 1


def test_of_few_images_the_one_that_is_least_itself_draws_the_line():
    logits, labels = drawn(20, seed=3)
    found = fit(logits, labels)
    one = found.probabilities(logits)
    own = np.where(labels == 1, one, 1 - one)
    assert own.min() < 0.5 and found.certain == pytest.approx(1 - own.min())


def test_certainty_is_at_least_one_half():
    logits, labels = np.array([-9.0, 9.0] * 50), np.array([0, 1] * 50)
    found = fit(logits, labels)
    assert found.certain == pytest.approx(0.5, abs=0.05) and found.is_sure(logits).all()


def test_expected_error_of_known_probabilities():
    one = np.array([0.1] * 10 + [0.9] * 10)
    labels = np.array([0] * 9 + [1] + [1] * 9 + [0])
    assert expected_error(one, labels) == pytest.approx(0, abs=1e-9)
    assert expected_error(np.full(10, 0.9), np.zeros(10, int)) == pytest.approx(0.9)
    assert expected_error(np.ones(4), np.ones(4, int)) == 0


def test_views_count_as_their_image():
    """Of sixty images one in 61 may be passed over, however many views each has."""
    logits, labels = drawn(60)
    many = fit(np.tile(logits, 10), np.tile(labels, 10), views=10)
    assert many.certain == pytest.approx(fit(logits, labels).certain) and many.n == 600
    alone = fit(np.tile(logits, 10), np.tile(labels, 10))
    assert many.certain <= alone.certain


def test_what_is_right_goes_by_the_threshold_that_is_stored():
    logits, labels = np.array([[-1.0], [0.5], [2.0]]), np.array([0, 0, 1])
    known = Calibration(1.0, 0.7, 0.5, 10)  # 0.62 is below it
    assert right(None, Binary(), logits, labels).tolist() == [True, False, True]
    assert right(known, Binary(), logits, labels).tolist() == [True, True, True]
