"""One epoch of training: batch by batch."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import paddle
from paddle import nn
from tqdm import tqdm

from pm_cls.data.transforms import to_float
from pm_cls.models.blocks.compiled import all_gradients
from pm_cls.runtime.processes import stopping_afterwards
from pm_cls.runtime.silence import silence
from pm_cls.train.objective import Outputs
from pm_cls.train.ranks import ALONE, Ranks

LOSS_SCALE = 1024.0  # of float16; fixed, so that going on needs no state of it


class NotFinite(Exception):
    """The loss became NaN or infinite; `step` counts from 1 within the epoch."""

    def __init__(self, loss: float, step: int) -> None:
        super().__init__(f"the loss became {loss} at step {step}")


@silence()
def train_one_epoch(
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    images: Callable[[np.ndarray], np.ndarray],
    loss: Callable[[Outputs, np.ndarray], paddle.Tensor],
    order: np.ndarray,
    *,
    batch_size: int,
    rate: Callable[[int], float] | None = None,
    after_step: Callable[[int], None] | None = None,
    precision: str = "float32",
    ranks: Ranks = ALONE,
) -> float:
    """Go once through the images in the given order.

    Args:
        images: uint8 [k, channels, height, width] by the indices of a batch.
        loss: its mean over a batch, by what the network gives and the indices.
        order: int [n], the indices of the images; the last batch may be smaller.
        rate: the learning rate by the number of steps made in this epoch; else the optimiser's.
        after_step: called with the number of steps made in this epoch.
        precision: `bfloat16` or `float16` where Paddle's automatic mixed precision holds it to be
            safe; weights and their gradients stay float32.
        ranks: share each batch; the gradients and the mean are those of the whole one.

    Returns:
        The mean loss over the images, each taken before the step that its batch made.

    Raises:
        NotFinite: at the first step whose loss is NaN or infinite, before it changes the weights.
        RunError: another rank has gone.
    """
    model.train()
    total = 0.0
    is_mixed = precision != "float32"
    scaler = paddle.amp.GradScaler(
        enable=precision == "float16", init_loss_scaling=LOSS_SCALE, use_dynamic_loss_scaling=False
    )
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    mine_of_all = (_my_part(batch, ranks)[0] for batch in batches)
    uploaded = _ahead(images(mine) for mine in mine_of_all)
    progress = tqdm(batches, "training", disable=None, leave=False)
    for step, batch in enumerate(progress, start=1):
        mine, share = _my_part(batch, ranks)
        mixed = paddle.amp.auto_cast(enable=is_mixed, dtype=precision if is_mixed else "float16")
        with mixed, all_gradients():
            outputs = model(next(uploaded))
        of_batch = loss(outputs, mine) * share
        value = ranks.total_loss(of_batch.item())
        if not math.isfinite(value):
            raise NotFinite(value, step)
        if rate is not None:
            optimizer.set_lr(rate(step - 1))
        with stopping_afterwards():
            scaler.scale(of_batch).backward()
        ranks.add_gradients(optimizer._parameter_list)
        scaler.step(optimizer)
        optimizer.clear_grad(set_to_zero=False)
        if after_step is not None:
            after_step(step)
        total += value * len(batch)
    return total / len(order)


def _my_part(batch: np.ndarray, ranks: Ranks) -> tuple[np.ndarray, float]:
    """Indices of this rank's images in a batch, and their share of it.

    Where there are more ranks than images, one goes through with an image that counts nothing.
    """
    mine = ranks.take(batch)
    return (mine, len(mine) / len(batch)) if len(mine) else (batch[:1], 0.0)


def _ahead(batches: Iterator[np.ndarray]) -> Iterator[paddle.Tensor]:
    """The images of each batch; those of the next one are on their way to a GPU meanwhile."""
    following = _upload(next(batches))
    for batch in batches:
        current, following = following, _upload(batch)
        yield current
    yield following


def _upload(images: np.ndarray) -> paddle.Tensor:
    if paddle.get_device() == "cpu":
        return paddle.to_tensor(to_float(images))
    pinned = paddle.to_tensor(to_float(images), place=paddle.CUDAPinnedPlace())
    return pinned.cuda(blocking=False)
