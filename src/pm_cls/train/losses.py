"""What training makes small. A new loss is a function and a line in `LOSSES`."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import paddle
from paddle.nn import functional as F

from pm_cls.scores.target import Binary, Several, Target

# Logits; those of auxiliary heads after them.
Outputs: TypeAlias = "paddle.Tensor | list[paddle.Tensor]"
Loss = Callable[[paddle.Tensor, np.ndarray, Target], paddle.Tensor]


def cross_entropy(logits: paddle.Tensor, labels: np.ndarray, target: Target) -> paddle.Tensor:
    """Mean over the images: of the logit of label 1, or of the classes' (softmax).

    Args:
        logits: float32 [n, outputs].
        labels: int64, as the target says.
    """
    if isinstance(target, Binary | Several):
        wanted = paddle.to_tensor(labels.reshape(logits.shape).astype(np.float32))
        return F.binary_cross_entropy_with_logits(logits, wanted)
    return F.cross_entropy(logits, paddle.to_tensor(labels))


AUXILIARY_SHARE = 0.3  # of each auxiliary head (Szegedy et al. 2015)

LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}


def of_outputs(loss: Loss, outputs: Outputs, labels: np.ndarray, target: Target) -> paddle.Tensor:
    """The loss of what a network gives in training: logits, or a list of them.

    Those after the first are of auxiliary heads and count a share each.
    """
    main, *auxiliary = outputs if isinstance(outputs, list) else [outputs]
    total = loss(main.astype("float32"), labels, target)
    for logits in auxiliary:
        total = total + AUXILIARY_SHARE * loss(logits.astype("float32"), labels, target)
    return total
