"""Scores of logits: pure functions on arrays. Counts first, divided once.

All take logits float [n, outputs], labels int64 and the `Target` that says what they mean.
"""

from dataclasses import dataclass

import numpy as np

from pm_cls.scores import stats
from pm_cls.scores.target import Binary, Several, Target


@dataclass(frozen=True)
class Scores:
    """Of n images: `accuracy` a fraction, `loss` in nats, `auc` a fraction or None (undefined)."""

    correct: int
    n: int
    accuracy: float
    loss: float
    auc: float | None

    @property
    def wilson(self) -> tuple[float, float]:
        """95% interval of the accuracy for other images of the same kind."""
        return stats.wilson(self.correct, self.n)


@dataclass(frozen=True)
class Share:
    """So many of n images."""

    count: int
    n: int

    @property
    def fraction(self) -> float | None:
        """None of no image."""
        return self.count / self.n if self.n else None

    @property
    def wilson(self) -> tuple[float, float] | None:
        """The 95% interval for other images of the same kind; None of no image."""
        return stats.wilson(self.count, self.n) if self.n else None


@dataclass(frozen=True)
class Confusion:
    """How often each label was given each answer: int [classes, classes], a row a label."""

    counts: np.ndarray

    @property
    def is_binary(self) -> bool:
        return len(self.counts) == 2

    @property
    def right(self) -> Share:
        return Share(int(np.trace(self.counts)), int(self.counts.sum()))

    @property
    def sensitivity(self) -> Share:
        """The images of label 1 that are found."""
        return self._of(1)

    @property
    def specificity(self) -> Share:
        """The images of label 0 that are not called 1."""
        return self._of(0)

    def top_errors(self, most: int = 10) -> list[tuple[int, int, int]]:
        """Label, answer and count of the errors that are most frequent, at most so many."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return [(int(i), int(j), int(wrong[i, j])) for i, j in pairs if wrong[i, j]]

    def _of(self, label: int) -> Share:
        return Share(int(self.counts[label, label]), int(self.counts[label].sum()))


def scores(logits: np.ndarray, labels: np.ndarray, target: Target) -> Scores:
    """All scores."""
    correct = int(target.right(logits, labels).sum())
    return Scores(
        correct=correct,
        n=len(labels),
        accuracy=correct / len(labels),
        loss=target.cross_entropy(logits, labels),
        auc=auc(logits, labels, target),
    )


def auc(logits: np.ndarray, labels: np.ndarray, target: Target) -> float | None:
    """Area under the ROC curve; the mean over the target's rankings (macro, one against the rest).

    None where it is undefined: in a ranking all labels are the same.
    """
    rankings = target.rankings(logits, labels)
    if any(len(np.unique(label)) < 2 for label, _ in rankings):
        return None
    from sklearn.metrics import roc_auc_score  # takes a second, which prediction does not need

    return float(np.mean([roc_auc_score(label, sure) for label, sure in rankings]))


def confusion(logits: np.ndarray, labels: np.ndarray, target: Target) -> Confusion | None:
    """Count the answers; None for several questions, which have no one table."""
    if isinstance(target, Several):
        return None
    return counted(target.predicted(logits), labels, max(target.outputs, 2))


def counted(answers: np.ndarray, labels: np.ndarray, classes: int) -> Confusion:
    """Of answers, bool or int64 [n]."""
    counts = np.bincount(classes * labels + answers, minlength=classes**2)
    return Confusion(counts.reshape(classes, classes))


def is_constant(logits: np.ndarray, target: Target) -> bool:
    """Whether all images are given the same labels."""
    predicted = target.predicted(logits)
    return bool((predicted == predicted[0]).all())


def roc(logits: np.ndarray, labels: np.ndarray, target: Binary) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve, both labels present: 1 - specificity, sensitivity."""
    from sklearn.metrics import roc_curve

    ((label, sure),) = target.rankings(logits, labels)
    false_positives, true_positives, _ = roc_curve(label, sure)
    return false_positives, true_positives


def reliability(
    logits: np.ndarray, labels: np.ndarray, target: Binary
) -> tuple[np.ndarray, np.ndarray]:
    """In each tenth of the probabilities of label 1: their mean, and the share of label 1.

    Tenths without an image are left out.
    """
    from sklearn.calibration import calibration_curve

    share, mean = calibration_curve(labels, target.probabilities(logits)[:, 1], n_bins=10)
    return mean, share
