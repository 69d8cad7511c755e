"""What answers of yes or no turned out to be worth, by one way to make them of logits."""

from dataclasses import dataclass

import numpy as np

from pm_cls.scores.calibration import Calibration, brier, expected_error
from pm_cls.scores.metrics import Confusion, Share, counted


@dataclass(frozen=True)
class Worth:
    """Of the answers to n images.

    Attributes:
        by: how logits became answers.
        table: of labels and answers.
        calibration_error, brier: of the probabilities.
        sure: the answers that are not "not sure".
        sure_right: of these.
    """

    by: Calibration
    table: Confusion
    calibration_error: float
    brier: float
    sure: Share
    sure_right: Share


def worth(logits: np.ndarray, labels: np.ndarray, by: Calibration) -> Worth:
    """Of logits float [n] of label 1 and labels int64 [n]."""
    one, answers, sure = by.probabilities(logits), by.answers(logits), by.is_sure(logits)
    n_sure = int(sure.sum())
    return Worth(
        by=by,
        table=counted(answers, labels, 2),
        calibration_error=expected_error(one, labels),
        brier=brier(one, labels),
        sure=Share(n_sure, len(sure)),
        sure_right=Share(int((answers == labels)[sure].sum()), n_sure),
    )
