"""Answers of several networks to the same images made one: pure functions on logits.

Members are float [members, n, outputs] logits of one `Target`; what comes out is logits again, so
that all scores are those of any network.
"""

from dataclasses import dataclass

import numpy as np

from pm_cls.scores.target import Classes, Target

KINDS = ("average", "vote", "stacking")
TOWARDS_MEAN = 0.01  # how strongly stacking is drawn to the plain mean of the members


def averaged(members: np.ndarray, target: Target) -> np.ndarray:
    """float32 [n, outputs], the logits of the mean of the members' probabilities.

    From their logarithms: the probability of a logit of 37 is 1 to the last bit.
    """
    from scipy.special import log_expit, log_softmax, logsumexp

    logits = members.astype(np.float64)
    if isinstance(target, Classes):
        found = logsumexp(log_softmax(logits, axis=2), axis=0) - np.log(len(members))
    else:
        found = logsumexp(log_expit(logits), axis=0) - logsumexp(log_expit(-logits), axis=0)
    return found.astype(np.float32)


def voted(members: np.ndarray, target: Target) -> np.ndarray:
    """float32 [n, outputs] by votes: each member gives one to the label likelier to it.

    The probabilities are (votes + 1/2) / (members + classes / 2), so that none is zero. A tie of
    yes and no is yes; of classes the first of those with most votes is the answer.
    """
    from scipy.special import logit

    k = target.outputs
    if isinstance(target, Classes):
        given = np.stack([np.eye(k)[target.predicted(one)] for one in members])
        votes, classes = given.sum(axis=0), k
    else:
        given = np.stack([target.predicted(one).reshape(len(one), k) for one in members])
        votes, classes = given.sum(axis=0), 2
    share = (votes + 0.5) / (len(members) + classes / 2)
    found = np.log(share) if isinstance(target, Classes) else logit(share)
    return found.astype(np.float32)


@dataclass(frozen=True)
class Stacking:
    """Logistic regression on the members' logits (Wolpert 1992).

    Attributes:
        weights: float64 [members, outputs], how much each member counts for each output.
        bias: float64 [outputs].
    """

    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, members: np.ndarray) -> np.ndarray:
        """float32 [n, outputs]."""
        combined = np.einsum("mno,mo->no", members.astype(np.float64), self.weights) + self.bias
        return combined.astype(np.float32)


def fitted(members: np.ndarray, labels: np.ndarray, target: Target) -> Stacking:
    """The stacking with the least cross-entropy on these images, drawn a little to the mean."""
    from scipy.optimize import minimize

    count, _, k = members.shape
    mean = np.concatenate([np.full((count, k), 1 / count).ravel(), np.zeros(k)])

    def of(values: np.ndarray) -> Stacking:
        return Stacking(values[: count * k].reshape(count, k), values[count * k :])

    def loss(values: np.ndarray) -> float:
        combined = np.einsum("mno,mo->no", members.astype(np.float64), of(values).weights)
        pull = TOWARDS_MEAN * float(((values - mean) ** 2).sum())
        return target.cross_entropy(combined + of(values).bias, labels) + pull

    return of(minimize(loss, mean, method="L-BFGS-B").x)
