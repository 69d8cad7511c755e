"""The last linear layer by logistic regression on what it is given; all before it stays as it is.

C is chosen by five-fold log loss on the training images alone. With it each image is answered by
the fit of the other four folds: what the answers of new images are worth is taken from these. All
views of an image are of one fold.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from paddle import nn

from pm_cls.models.features import with_features
from pm_cls.models.taps import last_linear
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Several, Target

FOLDS = 5
STRENGTHS = np.logspace(-6, 2, 17)  # C, the inverse of the penalty


@dataclass(frozen=True)
class Fit:
    """What came out.

    Attributes:
        strength: C, the inverse of the penalty.
        unseen: float32 [views * n, outputs], the logits of each view by the fit of the other folds.
        labels: int64 [views * n], of these.
        features: float64 [n, features], what the layer is given of the first views.
    """

    strength: float
    unseen: np.ndarray
    labels: np.ndarray
    features: np.ndarray


def fit_last_layer(
    model: nn.Layer,
    views: Iterable[np.ndarray],
    labels: np.ndarray,
    target: Target,
    *,
    batch_size: int,
    seed: int,
    patients: np.ndarray | None = None,
) -> Fit:
    """Set the last linear layer of a network.

    Args:
        views: of all images, each uint8 [n, channels, height, width], from one on.
        labels: int64 [n], the class.
        patients: int64 [n], whose photographs stay in one fold; None where they are not known.

    Raises:
        UsageError: the network has no such layer, or the images have several labels.
        DataError: fewer than FOLDS images of a class.
    """
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if isinstance(target, Several):
        raise UsageError("`train.fit` regression goes by the class; the images have several labels")
    of, alike = _alike(labels, patients)
    counts = np.bincount(alike, minlength=max(target.outputs, 2))
    if counts.min() < FOLDS:
        what = "training images" if patients is None else "patients"
        raise DataError(
            f"{counts.min()} {what} of a class; a regression needs {FOLDS} or more of each"
        )
    layer = last_linear(model, target.outputs, "`train.fit` regression")
    looks = [with_features(model, layer, images, batch_size)[1] for images in views]
    seen, repeated = np.concatenate(looks), np.tile(labels, len(looks))
    folds = _folds(of, alike, len(looks), seed)
    settings = {"max_iter": 5000, "tol": 1e-6}
    search = LogisticRegressionCV(
        Cs=STRENGTHS, cv=folds, scoring="neg_log_loss", refit=True, **settings
    )
    whole = make_pipeline(StandardScaler(), search).fit(seen, repeated)
    strength = float(np.ravel(search.C_)[0])
    again = make_pipeline(StandardScaler(), LogisticRegression(C=strength, **settings))
    unseen = cross_val_predict(again, seen, repeated, cv=folds, method="decision_function")
    scaler = whole.named_steps["standardscaler"]
    weights = (search.coef_ / scaler.scale_).T
    bias = search.intercept_ - scaler.mean_ @ weights
    layer.weight.set_value(weights.astype(np.float32))
    layer.bias.set_value(bias.astype(np.float32))
    unseen = unseen.reshape(len(repeated), -1).astype(np.float32)
    return Fit(strength, unseen, repeated, looks[0])


def _alike(labels: np.ndarray, patients: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Of each image the number of what stays in one fold, and by it the most frequent label."""
    if patients is None:
        return np.arange(len(labels)), labels
    of = np.unique(patients, return_inverse=True)[1]
    table = np.zeros((of.max() + 1, labels.max() + 1), int)
    np.add.at(table, (of, labels), 1)
    return of, table.argmax(axis=1)


def _folds(
    of: np.ndarray, alike: np.ndarray, views: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """By fold the rows of `views` times all images that it is fitted on, and those left out."""
    from sklearn.model_selection import StratifiedKFold

    starts = len(of) * np.arange(views)[:, np.newaxis]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(alike, alike)

    def rows(chosen: np.ndarray) -> np.ndarray:
        return (np.flatnonzero(np.isin(of, chosen)) + starts).ravel()

    return [(rows(fitted), rows(left)) for fitted, left in folds]
