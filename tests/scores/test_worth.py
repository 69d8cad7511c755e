"""What answers of yes or no turned out to be worth."""

import numpy as np
import pytest

from pm_cls.scores import stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration
from pm_cls.scores.metrics import Share
from pm_cls.scores.worth import worth

LABELS = np.array([0, 0, 0, 1, 1])


def logits(probabilities):
    one = np.array(probabilities)
    return np.log(one / (1 - one))


def test_each_rule_counts_its_own_answers():
    one = logits([0.1, 0.3, 0.6, 0.45, 0.9])
    plain = worth(one, LABELS, AS_IT_IS)
    assert plain.table.counts.tolist() == [[2, 1], [1, 1]]
    assert plain.sure == Share(5, 5) and plain.sure_right == Share(3, 5)
    lower = worth(one, LABELS, Calibration(temperature=1.0, threshold=0.4, certain=0.65, n=9))
    assert lower.table.sensitivity == Share(2, 2) and lower.table.specificity == Share(2, 3)
    assert lower.sure == Share(3, 5) and lower.sure_right == Share(3, 3)
    assert lower.brier == pytest.approx(np.mean([0.01, 0.09, 0.36, 0.3025, 0.01]))


def test_of_no_image_there_is_no_share():
    found = worth(logits([0.5, 0.6]), np.zeros(2, int), Calibration(1.0, 0.5, 0.9, 9))
    assert found.table.sensitivity.fraction is found.table.sensitivity.wilson is None
    assert found.sure == Share(0, 2) and found.sure_right.fraction is None
    assert found.table.right.wilson == stats.wilson(0, 2)
