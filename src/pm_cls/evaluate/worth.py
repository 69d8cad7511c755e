"""What the answers of a run turned out to be worth on some images, in words."""

from collections.abc import Iterator

import numpy as np

from pm_cls.records.predictions import Predictions
from pm_cls.scores import metrics, stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration, expected_error
from pm_cls.scores.target import Binary


def lines(found: Predictions, worth: Calibration | None, unlike: np.ndarray | None) -> list[str]:
    """At one half and at the stored threshold, with 95% intervals; nothing of k classes.

    Args:
        worth: stored with the run; None where it does not know.
        unlike: bool [n], which images are unlike those that were trained on; None: not known.
    """
    return [] if found.target != Binary() else list(_lines(found, worth, unlike))


def _lines(
    found: Predictions, worth: Calibration | None, unlike: np.ndarray | None
) -> Iterator[str]:
    logits, labels = found.logits[:, 0], found.labels
    if (interval := stats.auc_interval(logits, labels)) is not None:
        yield f"  AUC {interval[0]:.4f} to {interval[1]:.4f} (95%, bootstrap)"
    yield f"  at one half: {_at(AS_IT_IS.answers(logits), labels)}"
    if worth is None:
        yield "  no threshold is stored: the run held no training images out (`train.hold_out`)"
        return
    answers = worth.answers(logits)
    yield f"  at the stored threshold {worth.threshold:.2f}: {_at(answers, labels)}"
    scaled, plain = (expected_error(one.probabilities(logits), labels) for one in (worth, AS_IT_IS))
    yield f"  calibration error {scaled:.3f} (before temperature scaling {plain:.3f})"
    sure = worth.is_sure(logits)
    right = answers == labels
    of_sure = f"{100 * right[sure].mean():.2f}%" if sure.any() else "–"
    yield f"  not sure of {100 * (~sure).mean():.1f}%; accuracy on the others {of_sure}"
    if unlike is not None:
        yield f"  unlike all training photographs: {100 * unlike.mean():.1f}%"


def _at(answers: np.ndarray, labels: np.ndarray) -> str:
    """Accuracy, sensitivity and specificity of answers, bool [n]."""
    logits = np.where(answers, 1.0, -1.0)[:, np.newaxis]
    counts = metrics.confusion(logits, labels, Binary())
    assert counts is not None
    table = counts.counts
    parts = [
        ("accuracy", int(np.trace(table)), int(table.sum())),
        ("sensitivity", int(table[1, 1]), int(table[1].sum())),
        ("specificity", int(table[0, 0]), int(table[0].sum())),
    ]
    return ", ".join(f"{name} {_share(correct, n)}" for name, correct, n in parts)


def _share(correct: int, n: int) -> str:
    if not n:
        return "–"
    low, high = stats.wilson(correct, n)
    return f"{100 * correct / n:.2f}% ({100 * low:.1f} to {100 * high:.1f})"
