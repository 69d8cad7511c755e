"""Images through a network as in an evaluation: its logits, and what its last layer is given."""

import numpy as np
import paddle
from paddle import nn

from pm_cls.data.transforms import to_float
from pm_cls.runtime.threads import one_thread


@paddle.no_grad()
def logits_of(model: nn.Layer, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Logits float32 [n, outputs] of uint8 images [n, channels, height, width], n from 1 on."""
    one_thread()  # the caller may have set another number since
    model.eval()
    batches = range(0, len(images), batch_size)
    return np.concatenate(
        [model(paddle.to_tensor(to_float(images[i : i + batch_size]))).numpy() for i in batches]
    )


@paddle.no_grad()
def with_features(
    model: nn.Layer, layer: nn.Layer, images: np.ndarray, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 [n, outputs] and float64 [n, features], as in an evaluation.

    Where an image goes through the layer several times, as with `model.mirrored`, the features are
    the mean of what it is given.

    Args:
        images: uint8 [n, channels, height, width], n from 1 on.
        layer: of the network.
    """
    one_thread()  # the caller may have set another number since
    model.eval()
    given: list[np.ndarray] = []
    logits, features = [], []
    handle = layer.register_forward_pre_hook(lambda _, values: given.append(values[0].numpy()))
    try:
        for start in range(0, len(images), batch_size):
            given.clear()
            batch = paddle.to_tensor(to_float(images[start : start + batch_size]))
            logits.append(model(batch).numpy())
            features.append(np.mean(given, axis=0, dtype=np.float64))
    finally:
        handle.remove()
    return np.concatenate(logits), np.concatenate(features)
