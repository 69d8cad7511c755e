"""Where on a photograph a network finds its answer: feature maps, Grad-CAM and occlusion.

All take networks of two `Sequential`s, `features` and `classifier`, and uint8 images
[n, channels, size, size].
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls import engine
from pm_cls.data.images import to_float
from pm_cls.inspection.gradients import named_layers
from pm_cls.inspection.looks import patch_starts
from pm_cls.silence import silence

BATCH = 10


def first_kernels(model: nn.Layer) -> np.ndarray:
    """The weights of the first convolution, float32 [filters, channels, k, k]."""
    return next(x for x in model.features if isinstance(x, nn.Conv2D)).weight.numpy()


@paddle.no_grad()
def feature_maps(model: nn.Layer, images: np.ndarray) -> list[np.ndarray]:
    """The activations after each convolution, from the images on: float32 [n, maps, h, w]."""
    model.eval()
    with _outputs(model) as outputs:
        model(paddle.to_tensor(to_float(images)))
    return [output.numpy() for output in outputs]


@silence()
def grad_cam(model: nn.Layer, images: np.ndarray) -> np.ndarray:
    """Grad-CAM of the answer given, at the last convolution's activations.

    Each map of activations is weighted with the mean gradient of the answer's score in it; the
    score is the logit where label 1 is the answer, else its negative. Their sum, cut at zero, tells
    what speaks for the answer (Selvaraju et al. 2017, arXiv:1610.02391).

    Returns:
        float32 [n, h, w], 0 or more, of the size of those activations.
    """
    model.eval()
    found = []
    for batch in _batches(images):
        with _outputs(model) as outputs:
            logits = model(batch)
        score = paddle.where(logits >= 0, logits, -logits).sum()
        (gradient,) = paddle.grad(score, outputs[-1])
        weights = gradient.mean(axis=[2, 3], keepdim=True)
        found.append(F.relu((weights * outputs[-1]).sum(axis=1)).numpy())
    return np.concatenate(found)


def occlusion(model: nn.Layer, image: np.ndarray) -> np.ndarray:
    """How far the score of the answer given falls as a square of the image is covered.

    The squares are those of `patch_starts`, half overlapping, and covered with the mean colour of
    the image (after Zeiler and Fergus 2014, arXiv:1311.2901).

    Args:
        image: uint8 [channels, size, size].

    Returns:
        float32 [g, g] in units of the logit; negative where covering speaks for the answer.
    """
    side, starts = patch_starts(image.shape[-1])
    colour = image.mean(axis=(1, 2), keepdims=True).astype(np.uint8)
    covered = np.repeat(image[np.newaxis], len(starts) ** 2 + 1, axis=0)
    places = ((top, left) for top in starts for left in starts)
    for one, (top, left) in zip(covered[1:], places, strict=True):
        one[:, top : top + side, left : left + side] = colour
    logits = engine.predict(model, covered, BATCH)[:, 0]
    score = logits if logits[0] >= 0 else -logits
    return (score[0] - score[1:]).reshape(len(starts), len(starts))


def _batches(images: np.ndarray) -> Iterator[paddle.Tensor]:
    for start in range(0, len(images), BATCH):
        yield paddle.to_tensor(to_float(images[start : start + BATCH]))


@contextmanager
def _outputs(model: nn.Layer) -> Iterator[list[paddle.Tensor]]:
    """Collect what the activations after the convolutions give in the next forward pass."""
    outputs: list[paddle.Tensor] = []
    hook: Callable[..., None] = lambda layer, given, output: outputs.append(output)  # noqa: E731
    hooks = [
        activation.register_forward_post_hook(hook)
        for _, layer, activation in named_layers(model)
        if isinstance(layer, nn.Conv2D) and activation is not None
    ]
    try:
        yield outputs
    finally:
        for each in hooks:
            each.remove()
