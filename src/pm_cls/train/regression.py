"""The last linear layer by logistic regression on what it is given; all before it stays as it is.

C is chosen by five-fold log loss on the training images alone. With it each image is answered by
the fit of the other four folds: what the answers of new images are worth is taken from these. All
views of an image are of one fold.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from paddle import nn

from pm_cls.models.forward import with_features
from pm_cls.models.taps import last_linear
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Classes, Several, Target

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
    which = np.arange(len(labels)) if patients is None else patients
    least = min(len(set(which[labels == one])) for one in range(max(target.outputs, 2)))
    if least < FOLDS:
        what = "training images" if patients is None else "patients"
        raise DataError(f"{least} {what} of a class; a regression needs {FOLDS} or more of each")
    layer = last_linear(model, target.outputs, "`train.fit` regression")
    looks = [with_features(model, layer, images, batch_size)[1] for images in views]
    seen, repeated = np.concatenate(looks), np.tile(labels, len(looks))
    folds = _folds(labels, patients, len(looks), seed)
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
    unseen = unseen.reshape(len(repeated), -1)
    if isinstance(target, Classes) and target.outputs == 2:  # one logit is the odds of both
        halves = np.array([[-0.5, 0.5]])
        weights, bias, unseen = weights * halves, bias * halves[0], unseen * halves
    layer.weight.set_value(weights.astype(np.float32))
    layer.bias.set_value(bias.astype(np.float32))
    return Fit(strength, unseen.astype(np.float32), repeated, looks[0])


def _folds(
    labels: np.ndarray, patients: np.ndarray | None, views: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """By fold the rows of `views` times all images that it is fitted on, and those left out.

    Patients are spread by the labels that their images have.
    """
    from sklearn.model_selection import StratifiedKFold

    which = np.arange(len(labels))
    if patients is not None:
        which = np.unique(patients, return_inverse=True)[1]
    has = np.zeros((which.max() + 1, labels.max() + 1), bool)
    has[which, labels] = True
    kinds = np.unique(has, axis=0, return_inverse=True)[1].ravel()
    if np.bincount(kinds).max() < FOLDS:  # of no kind there is one for each fold
        kinds = np.zeros_like(kinds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a kind that is rare; told below
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        chosen = list(folds.split(kinds, kinds))
    starts = len(which) * np.arange(views)[:, np.newaxis]

    def rows(of: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(which, of))

    if any(len(set(labels[rows(left)])) < len(set(labels)) for _, left in chosen):
        raise DataError(f"the patients of a class are too few to have one in each of {FOLDS} folds")
    return [((rows(a) + starts).ravel(), (rows(b) + starts).ravel()) for a, b in chosen]
