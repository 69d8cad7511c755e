"""Images that are unlike the training images are told from those that are like them."""

import numpy as np
import pytest

from pm_cls.scores.familiarity import SHARE, fit

RNG = np.random.default_rng(0)
SCALES = np.concatenate([np.ones(10), np.full(10, 100.0), np.zeros(4)])


def like(n):
    return RNG.normal(size=(n, 24)) * SCALES + 3


def test_like_ones_are_rarely_unlike_and_others_always():
    found = fit(like(400))
    assert found.is_unlike(like(2000)).mean() < 0.06
    assert found.is_unlike(like(50) + 8 * SCALES).all()
    assert (found.distance(like(5)) > 0).all()


def test_the_training_images_keep_the_limit():
    given = like(300)
    found = fit(given)
    distances = np.array(
        [np.sort(np.linalg.norm((given - one) / found.spread, axis=1)) for one in given]
    )
    nearest = distances[:, 1:6].mean(axis=1) / np.sqrt(24)
    assert found.limit == pytest.approx(np.quantile(nearest, SHARE), rel=1e-4)


def test_a_feature_that_never_changes_counts_when_it_does():
    found = fit(like(200))
    other = like(3)
    other[:, -1] += 50
    assert np.isfinite(found.distance(other)).all() and found.is_unlike(other).all()
