"""The two loops: one epoch of training, and prediction."""

import math

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from tqdm import tqdm

from pm_cls.data import Split
from pm_cls.data.images import to_float
from pm_cls.silence import silence


class NotFinite(Exception):
    """The loss became NaN or infinite; `step` counts from 1 within the epoch."""

    def __init__(self, loss: float, step: int) -> None:
        super().__init__(f"the loss became {loss} at step {step}")


def mean_loss(logits: paddle.Tensor, labels: np.ndarray) -> paddle.Tensor:
    """Mean cross-entropy of logits [n, 1] (binary) or [n, classes] with labels int64 [n]."""
    if logits.shape[1] == 1:
        target = paddle.to_tensor(labels[:, np.newaxis].astype(np.float32))
        return F.binary_cross_entropy_with_logits(logits, target)
    return F.cross_entropy(logits, paddle.to_tensor(labels))


@silence()
def train_one_epoch(
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    split: Split,
    order: np.ndarray,
    batch_size: int,
) -> float:
    """Go once through the images in the given order.

    Args:
        order: int [n], the indices of the images; the last batch may be smaller.

    Returns:
        The mean loss over the images, each taken before the step that its batch made.

    Raises:
        NotFinite: at the first step whose loss is NaN or infinite, before it changes the weights.
    """
    model.train()
    total = 0.0
    starts = tqdm(range(0, len(order), batch_size), "training", disable=None, leave=False)
    for step, start in enumerate(starts, start=1):
        batch = order[start : start + batch_size]
        logits = model(paddle.to_tensor(to_float(split.images[batch])))
        loss = mean_loss(logits, split.labels[batch])
        value = loss.item()
        if not math.isfinite(value):
            raise NotFinite(value, step)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        total += value * len(batch)
    return total / len(order)


@paddle.no_grad()
def predict(model: nn.Layer, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Logits float32 [n, outputs] of uint8 images [n, channels, height, width]."""
    model.eval()
    batches = range(0, len(images), batch_size)
    return np.concatenate(
        [model(paddle.to_tensor(to_float(images[i : i + batch_size]))).numpy() for i in batches]
    )
