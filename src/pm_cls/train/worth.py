"""What the answers of a run are worth, from images that it was not trained on; kept beside it."""

from pathlib import Path

import numpy as np
from paddle import nn

from pm_cls.models.forward import with_features
from pm_cls.models.taps import last_linear
from pm_cls.records import calibration as records
from pm_cls.runtime.errors import UsageError
from pm_cls.scores import calibration, familiarity
from pm_cls.scores.calibration import COVERED
from pm_cls.train.log import log


def write(
    folder: Path,
    logits: np.ndarray,
    labels: np.ndarray,
    features: np.ndarray | None,
    how: str,
    views: int = 1,
) -> None:
    """Fit and write, or say in the log why there is too little for it.

    Args:
        logits: float [n], of label 1, of images that were not trained on; labels int64 [n].
        features: float [m, features] of those that were; None where they are not known.
        how: `held out` or `cross-validation`.
        views: of each image.
    """
    if len(np.unique(labels)) < 2:
        log.info("note: the held-out images are of one class; the answers are not calibrated")
        return
    found, familiar = calibration.fit(logits, labels, views), None
    if features is not None and len(features) > familiarity.NEIGHBOURS:
        familiar = familiarity.fit(features)
    records.write(folder, found, familiar, how)
    n = len(labels) // views
    log.info(
        f"calibrated ({how}, {n} images): temperature {found.temperature:.2f}, "
        f"threshold {found.threshold:.2f}, sure from {found.certain:.2f} on"
    )
    if n / (n + 1) < COVERED:
        log.info(f"note: `sure` covers {n} of {n + 1} images at most, not {COVERED:.0%}: too few")


def features_of(model: nn.Layer, images: np.ndarray, batch_size: int) -> np.ndarray | None:
    """float64 [n, features], what the last linear layer is given; None where there is none such."""
    try:
        layer = last_linear(model, 1, "")
    except UsageError:
        return None
    return with_features(model, layer, images, batch_size)[1]
