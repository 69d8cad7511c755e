"""What the answers of a run turned out to be worth on some images, in words."""

from collections.abc import Iterator

import numpy as np

from pm_cls.records.predictions import Predictions
from pm_cls.scores import stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration
from pm_cls.scores.metrics import Confusion, Share
from pm_cls.scores.target import Binary
from pm_cls.scores.worth import worth


def lines(found: Predictions, stored: Calibration | None, unlike: np.ndarray | None) -> list[str]:
    """At one half and at the stored threshold, with 95% intervals; nothing of k classes.

    Args:
        stored: with the run; None where it does not know.
        unlike: bool [n], which images are unlike those that were trained on; None: not known.
    """
    return [] if found.target != Binary() else list(_lines(found, stored, unlike))


def _lines(
    found: Predictions, stored: Calibration | None, unlike: np.ndarray | None
) -> Iterator[str]:
    logits, labels = found.logits[:, 0], found.labels
    if (interval := stats.auc_interval(logits, labels)) is not None:
        yield f"  AUC {interval[0]:.4f} to {interval[1]:.4f} (95%, bootstrap)"
    plain = worth(logits, labels, AS_IT_IS)
    yield f"  at one half: {_rates(plain.table)}"
    if stored is None:
        yield "  no threshold is stored with this epoch (`train.hold_out` gives one to the last)"
        return
    ours = worth(logits, labels, stored)
    yield f"  at the stored threshold {stored.threshold:.2f}: {_rates(ours.table)}"
    yield (
        f"  calibration error {ours.calibration_error:.3f} "
        f"(before temperature scaling {plain.calibration_error:.3f})"
    )
    right = ours.sure_right.fraction
    of_sure = "–" if right is None else f"{100 * right:.2f}%"
    unsure = 1 - ours.sure.count / ours.sure.n
    yield f"  not sure of {100 * unsure:.1f}%; accuracy on the others {of_sure}"
    if unlike is not None:
        yield f"  unlike all training photographs: {100 * unlike.mean():.1f}%"


def _rates(table: Confusion) -> str:
    rates = {
        "accuracy": table.right,
        "sensitivity": table.sensitivity,
        "specificity": table.specificity,
    }
    return ", ".join(f"{name} {_words(share)}" for name, share in rates.items())


def _words(share: Share) -> str:
    if share.fraction is None or share.wilson is None:
        return "–"
    low, high = share.wilson
    return f"{100 * share.fraction:.2f}% ({100 * low:.1f} to {100 * high:.1f})"
