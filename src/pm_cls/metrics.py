"""Scores of logits: pure functions on arrays. Counts first, divided once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax, softmax


@dataclass(frozen=True)
class Scores:
    """Of n images: `accuracy` a fraction, `loss` in nats, `auc` a fraction or None (undefined)."""

    correct: int
    n: int
    accuracy: float
    loss: float
    auc: float | None


@dataclass(frozen=True)
class Confusion:
    """Counts of n binary answers; positive is label 1."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int

    @property
    def sensitivity(self) -> float | None:
        """The share of the positive that is found; None where there is none."""
        return _share(self.true_positive, self.false_negative)

    @property
    def specificity(self) -> float | None:
        """The share of the negative that is not called positive; None where there is none."""
        return _share(self.true_negative, self.false_positive)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Class probabilities float64 [n, classes] of logits [n, 1] (of label 1) or [n, classes]."""
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        positive = expit(logits)
        return np.concatenate([1 - positive, positive], axis=1)
    return softmax(logits, axis=1)


def predicted_labels(logits: np.ndarray) -> np.ndarray:
    """Labels int64 [n]: 1 where the probability is at least 0.5, or the class of most of it."""
    if logits.shape[1] == 1:
        return (logits[:, 0] >= 0).astype(np.int64)
    return logits.argmax(axis=1)


def correct_count(logits: np.ndarray, labels: np.ndarray) -> int:
    """How many of the n images are given their label."""
    return int((predicted_labels(logits) == labels).sum())


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy in nats, in float64."""
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def auc(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """Area under the ROC curve; None where it is undefined: one class only, or several logits."""
    if logits.shape[1] != 1 or len(np.unique(labels)) < 2:
        return None
    from sklearn.metrics import roc_auc_score  # takes a second, which prediction does not need

    return float(roc_auc_score(labels, logits[:, 0]))


def confusion(logits: np.ndarray, labels: np.ndarray) -> Confusion | None:
    """Count the answers of logits [n, 1]; None where there are more than two classes."""
    if logits.shape[1] != 1:
        return None
    counts = np.bincount(2 * labels + predicted_labels(logits), minlength=4)
    true_negative, false_positive, false_negative, true_positive = map(int, counts)
    return Confusion(true_positive, false_negative, false_positive, true_negative)


def roc(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve of logits [n, 1], both classes present: 1 - specificity, sensitivity."""
    from sklearn.metrics import roc_curve

    false_positives, true_positives, _ = roc_curve(labels, logits[:, 0])
    return false_positives, true_positives


def reliability(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of logits [n, 1], in each tenth of the probabilities: their mean, and the share of label 1.

    Tenths without an image are left out.
    """
    from sklearn.calibration import calibration_curve

    share, mean = calibration_curve(labels, probabilities(logits)[:, 1], n_bins=10)
    return mean, share


def scores(logits: np.ndarray, labels: np.ndarray) -> Scores:
    """All scores of logits float [n, outputs] against labels int [n]."""
    correct = correct_count(logits, labels)
    return Scores(
        correct=correct,
        n=len(labels),
        accuracy=correct / len(labels),
        loss=cross_entropy(logits, labels),
        auc=auc(logits, labels),
    )


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None
