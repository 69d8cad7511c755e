"""What an answer of yes or no is worth: fitted on logits of images that were not trained on.

Pure functions on logits float [n] of label 1 and labels int64 [n].
"""

from dataclasses import dataclass

import numpy as np

from pm_cls.scores.target import Target

BINS = 15
# Of images like the held-out ones, how many have their label among the answers. A network that is
# right of 98 in 100 would never be unsure were 0.95 asked of it.
COVERED = 0.99


@dataclass(frozen=True)
class Calibration:
    """How logits become answers.

    Attributes:
        temperature: logits are divided by it (Guo et al. 2017). 1 where every held-out image got
            its label: the likeliest temperature is 0 then, and nothing says how sure to be.
        threshold: of the probability, from which the answer is 1: where sensitivity plus
            specificity is greatest (Youden 1950) on the held-out images.
        certain: an answer whose probability is not above it is "not sure": by conformal prediction
            (Vovk et al. 2005) the label is among the answers that are not ruled out for a share
            COVERED of images like the held-out ones (n / (n + 1) where so few are held out that
            more cannot be told), and both answers are left up to it.
        n: of the answers to images that it was fitted on.
    """

    temperature: float
    threshold: float
    certain: float
    n: int

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """float64 [n], of label 1."""
        from scipy.special import expit

        return expit(np.asarray(logits, np.float64) / self.temperature)

    def answers(self, logits: np.ndarray) -> np.ndarray:
        """bool [n]: whether the answer is 1."""
        return self.probabilities(logits) >= self.threshold

    def is_sure(self, logits: np.ndarray) -> np.ndarray:
        """bool [n], of these answers."""
        one = self.probabilities(logits)
        return np.where(self.answers(logits), one, 1 - one) > self.certain


AS_IT_IS = Calibration(temperature=1.0, threshold=0.5, certain=0.5, n=0)  # where none is stored


def right(
    known: Calibration | None, target: Target, logits: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """bool [n]: where the answers are the labels, by a stored threshold where there is one.

    Args:
        logits: float [n, outputs].
    """
    if known is None:
        return target.right(logits, labels)
    return known.answers(logits[:, 0]) == labels


def fit(logits: np.ndarray, labels: np.ndarray, views: int = 1) -> Calibration:
    """Fit all on held-out images, both labels present.

    Args:
        views: of each image there are so many, which count as one where it is about how many
            images are covered.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import expit, log_expit

    logits = np.asarray(logits, np.float64)
    margins = (2 * labels - 1) * logits

    def loss(log_temperature: float) -> float:
        return float(-log_expit(margins / np.exp(log_temperature)).mean())

    temperature = 1.0
    if (margins <= 0).any():
        temperature = float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
    one = expit(logits / temperature)
    return Calibration(temperature, _youden(one, labels), _certain(one, labels, views), len(labels))


def _youden(one: np.ndarray, labels: np.ndarray) -> float:
    """Midway between the two neighbouring probabilities that it parts; the one nearest to 1/2."""
    values = np.unique(one)
    cuts = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(1 + values[-1]) / 2]])
    below = [np.searchsorted(np.sort(one[labels == label]), cuts) for label in (0, 1)]
    counts = np.bincount(labels, minlength=2)
    # Sensitivity + specificity - 1, times both counts: whole numbers, so that equals are equal.
    gain = below[0] * counts[1] - below[1] * counts[0]
    best = cuts[gain == gain.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _certain(one: np.ndarray, labels: np.ndarray, views: int) -> float:
    """The probability of the likelier label above which the other one is ruled out.

    A label is ruled out where its probability is below that of all but a share 1 - COVERED of the
    held-out images for their own label.
    """
    own = np.sort(np.where(labels == 1, one, 1 - one))
    rank = max(int((len(own) // views + 1) * (1 - COVERED)), 1) * views
    return float(max(1 - own[rank - 1], 0.5))


def expected_error(one: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error of probabilities of label 1, in BINS equal bins (Naeini 2015)."""
    place = np.minimum((one * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    of_one = np.bincount(place, weights=one, minlength=BINS)
    of_labels = np.bincount(place, weights=labels, minlength=BINS)
    return float(np.abs(of_one - of_labels)[counts > 0].sum() / len(one))


def brier(one: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared difference of probabilities of label 1 and labels (Brier 1950)."""
    return float(np.mean((one - labels) ** 2))
