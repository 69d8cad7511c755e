"""What training makes small. A new loss is a function and a line in `LOSSES`."""

from collections.abc import Callable

import numpy as np
import paddle
from paddle.nn import functional as F

from pm_cls.scores.target import Binary, Several, Target

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


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}
