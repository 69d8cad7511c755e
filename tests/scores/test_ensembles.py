"""Answers of several networks made one."""

import numpy as np
import pytest

from pm_cls.scores.ensembles import averaged, fitted, voted
from pm_cls.scores.target import Binary, Classes, Several

RNG = np.random.default_rng(0)
TARGETS = [Binary(), Classes(4), Several(3)]


def members(target, count=3, n=40):
    return RNG.normal(0, 2, (count, n, target.outputs)).astype(np.float32)


@pytest.mark.parametrize("target", TARGETS)
def test_the_average_has_the_mean_probability(target):
    given = members(target)
    mean = np.mean([target.probabilities(one) for one in given], axis=0)
    found = averaged(given, target)
    assert found.dtype == np.float32
    np.testing.assert_allclose(target.probabilities(found), mean, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_the_vote_goes_to_the_label_that_most_predict(target):
    given = members(target)
    predicted = np.stack([target.predicted(one) for one in given])
    found = target.predicted(voted(given, target))
    if isinstance(target, Classes):
        counts = np.stack([(predicted == k).sum(axis=0) for k in range(4)])
        assert (counts.max(axis=0) == counts[found, np.arange(40)]).all()
    else:
        np.testing.assert_array_equal(found, predicted.sum(axis=0) >= 2)
    assert np.isfinite(voted(np.repeat(given[:1], 5, axis=0), target)).all()


def test_members_that_are_certain_stay_as_certain_as_they_are():
    """A probability of 1 to the last bit must not become a logit without end."""
    given = np.array([[[900.0], [-900.0], [40.0]]] * 2, np.float32)
    np.testing.assert_allclose(averaged(given, Binary())[:, 0], [900, -900, 40])
    np.testing.assert_allclose(averaged(given, Several(1))[:, 0], [900, -900, 40])
    apart = np.array([[[900.0]], [[38.0]]], np.float32)
    assert averaged(apart, Binary())[0, 0] == pytest.approx(38 + np.log(2))
    wide = np.array([[[900.0, -900.0, 0.0]]] * 2, np.float32)
    np.testing.assert_allclose(averaged(wide, Classes(3))[0], [0, -1800, -900])


@pytest.mark.parametrize("target", TARGETS)
def test_stacking_counts_on_who_knows(target):
    """One member knows the label, two guess."""
    n = 300
    if isinstance(target, Classes):
        labels = RNG.integers(0, 4, n)
        knowing = 3 * np.eye(4)[labels]
    else:
        labels = RNG.integers(0, 2, (n, target.outputs))
        knowing = 3.0 * (2 * labels - 1)
        labels = labels[:, 0] if isinstance(target, Binary) else labels
    given = members(target, n=n)
    given[1] = knowing + RNG.normal(0, 1, knowing.shape)
    stacking = fitted(given[:, :200], labels[:200], target)
    assert (stacking.weights[1] > 2 * np.abs(stacking.weights[[0, 2]]).max(axis=0)).all()
    rest, of_rest = given[:, 200:], labels[200:]
    loss = target.cross_entropy(stacking(rest), of_rest)
    assert loss < target.cross_entropy(averaged(rest, target), of_rest)


def test_stacking_of_few_images_is_near_the_mean():
    given = members(Binary(), n=2)
    stacking = fitted(given, np.array([0, 1]), Binary())
    assert np.isfinite(stacking.weights).all() and np.abs(stacking.weights).max() < 10
