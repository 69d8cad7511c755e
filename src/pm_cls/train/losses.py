"""What training makes small: the loss of each image.

A new one is a function and a line in `LOSSES`.

All take logits float32 [n, outputs], labels int64 as the target says, the target, and their options
as keywords, and give float32 [n].
"""

from collections.abc import Callable
from typing import Annotated, TypeAlias

import numpy as np
import paddle
from paddle.nn import functional as F
from pydantic import Field

from pm_cls.scores.target import Binary, Several, Target

Loss: TypeAlias = "Callable[..., paddle.Tensor]"
TINY = 1e-30
Smoothing = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="Share of the certainty that goes to all classes alike (Szegedy et al. 2016).",
    ),
]


def cross_entropy(
    logits: paddle.Tensor, labels: np.ndarray, target: Target, *, label_smoothing: Smoothing = 0.0
) -> paddle.Tensor:
    """In nats: of the logit of label 1, the mean over several questions, or of the classes'."""
    if isinstance(target, Binary | Several):
        wanted = labels.reshape(logits.shape).astype(np.float32)
        wanted = wanted * (1 - label_smoothing) + label_smoothing / 2 if label_smoothing else wanted
        # At a logit of exactly zero Paddle 3.3 gives a gradient that is less by one.
        logits = logits + TINY * (logits == 0).astype(logits.dtype)
        each = F.binary_cross_entropy_with_logits(
            logits, paddle.to_tensor(wanted), reduction="none"
        )
        return each.mean(axis=1) if isinstance(target, Several) else each.squeeze(1)
    each = F.cross_entropy(logits, paddle.to_tensor(labels), reduction="none").reshape([-1])
    if label_smoothing:
        alike = -F.log_softmax(logits).mean(axis=1)
        each = (1 - label_smoothing) * each + label_smoothing * alike
    return each


def focal(
    logits: paddle.Tensor,
    labels: np.ndarray,
    target: Target,
    *,
    gamma: Annotated[
        float, Field(ge=0, description="How much less weighs what is known; the paper has 2.")
    ] = 2.0,
) -> paddle.Tensor:
    """Cross-entropy times (1 - p)^gamma, p the probability of the label (Lin et al. 2017)."""
    if isinstance(target, Several):
        rows = zip(logits.split(target.outputs, axis=1), labels.T, strict=True)
        return (
            sum(focal(one, of_one, Binary(), gamma=gamma) for one, of_one in rows) / target.outputs
        )
    each = cross_entropy(logits, labels, target)
    wrong = 1 - paddle.exp(-each)
    if gamma < 1:  # at 0 the power has no slope; what float32 has next to it gives the limit
        wrong = wrong.clip(min=2.0**-24)
    return wrong**gamma * each


def hinge(logits: paddle.Tensor, labels: np.ndarray, target: Target) -> paddle.Tensor:
    """max(0, 1 - margin), as of a support vector machine (Cortes and Vapnik 1995)."""
    return _over_questions(F.relu(1 - _margins(logits, labels, target)))


def ramp(
    logits: paddle.Tensor,
    labels: np.ndarray,
    target: Target,
    *,
    most: Annotated[float, Field(gt=1, description="That an image can cost.")] = 2.0,
) -> paddle.Tensor:
    """The hinge loss up to `most`, so that outliers pull no more (Collobert et al. 2006)."""
    return _over_questions(F.relu(1 - _margins(logits, labels, target)).clip(max=most))


def _margins(logits: paddle.Tensor, labels: np.ndarray, target: Target) -> paddle.Tensor:
    """By how much the logit of the label leads: [n], or [n, m] of several questions.

    Of yes or no: the logit, or its negative. Of classes: over the largest of the others (Crammer
    and Singer 2001).
    """
    if isinstance(target, Binary | Several):
        sign = paddle.to_tensor((2 * labels.reshape(logits.shape) - 1).astype(np.float32))
        return sign * logits
    of_label = F.one_hot(paddle.to_tensor(labels), target.outputs)
    return (logits * of_label).sum(axis=1) - (logits - 1e9 * of_label).max(axis=1)


def _over_questions(each: paddle.Tensor) -> paddle.Tensor:
    return each.reshape([each.shape[0], -1]).mean(axis=1)


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "focal": focal,
    "hinge": hinge,
    "ramp": ramp,
}
