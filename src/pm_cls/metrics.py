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
