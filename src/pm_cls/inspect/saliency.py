"""Where on a photograph a network finds its answer: feature maps, Grad-CAM and occlusion.

All take a network of any topology and uint8 images [n, channels, size, size]; but for occlusion it
must have convolutions, a UsageError else.
"""

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls.data.transforms import to_float
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.mirrored import one_way
from pm_cls.models.blocks.pooling import Averaged
from pm_cls.models.forward import logits_of
from pm_cls.models.taps import Tap, activated, taps
from pm_cls.records.saliency import patch_starts
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.silence import silence
from pm_cls.scores.target import Binary, Classes

BATCH = 10


def first_kernels(model: nn.Layer, images: np.ndarray) -> np.ndarray:
    """The weights of the first convolution, float32 [filters, channels, k, k]."""
    return convolutions(model, images)[0].layer.weight.numpy()


@paddle.no_grad()
def feature_maps(model: nn.Layer, images: np.ndarray) -> list[np.ndarray]:
    """The activations after each convolution, from the images on: float32 [n, maps, h, w]."""
    network, maps = one_way(model), dict[int, np.ndarray]()

    def note(place: int, given: paddle.Tensor, output: paddle.Tensor) -> None:
        maps[place] = output.numpy()

    with activated(convolutions(network, images), note):
        network(paddle.to_tensor(to_float(images)))
    return list(maps.values())


@silence()
def grad_cam(model: nn.Layer, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Grad-CAM of the answer given, at the last convolution's activations.

    Each map of activations is weighted with the mean gradient of the answer's score in it; the
    score is the logit of the answer, of yes or no the negative one of yes where that is no. Their
    sum, cut at zero, tells what speaks for the answer (Selvaraju et al. 2017, arXiv:1610.02391).
    Where the last layer is given the means of several stages, the maps of all of them are added up;
    of a network that sees mirror images too, both are averaged.

    Args:
        labels: the answers, int [n], of a run that has a threshold of its own; by default the
            most probable.

    Returns:
        float32 [n, h, w], 0 or more, of the size of those activations.
    """
    if labels is None:
        labels = _most_probable(logits_of(model, images, BATCH))
    network = one_way(model)
    layers = _last_maps(network, images)
    found = []
    for start in range(0, len(images), BATCH):
        given, answers = images[start : start + BATCH], labels[start : start + BATCH]
        maps = _weighted(network, layers, given, answers)
        if network is not model:
            mirrored = _weighted(network, layers, given[..., ::-1], answers)
            maps = (maps + mirrored[..., ::-1]) / 2
        found.append(np.maximum(maps, 0))
    return np.concatenate(found)


def _last_maps(network: nn.Layer, images: np.ndarray) -> list[nn.Layer]:
    """What averages maps for the last layer, or the last convolution's activation."""
    if averaged := [layer for layer in network.sublayers() if isinstance(layer, Averaged)]:
        return averaged
    last = convolutions(network, images)[-1]
    return [last.activation or last.layer]


def _weighted(
    network: nn.Layer, layers: Sequence[nn.Layer], images: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """The sums of Grad-CAM before they are cut, float32 [n, h, w], as large as the largest map."""
    seen: list[tuple[paddle.Tensor, paddle.Tensor]] = []  # maps, and they or their means

    def note(layer: nn.Layer, given: tuple[paddle.Tensor], output: paddle.Tensor) -> None:
        if not isinstance(layer, Averaged):
            seen[:] = [(output, output)]  # the last, where one activation serves several
        else:
            seen.append((given[0], output))

    network.eval()
    with hooked([(layer, note) for layer in layers]):
        logits = network(paddle.to_tensor(to_float(images)))
    signs = paddle.to_tensor(_signs(labels, logits.shape[1]))
    gradients = paddle.grad((signs * logits).sum(), [whole for _, whole in seen])
    size = max(maps.shape[2:] for maps, _ in seen)
    total = paddle.zeros([len(images), 1, *size])
    for (maps, _), gradient in zip(seen, gradients, strict=True):
        is_mean, places = gradient.ndim == 2, maps.shape[2] * maps.shape[3]
        weights = gradient[:, :, None, None] / places if is_mean else gradient.mean([2, 3], True)
        found = (weights * maps).sum(axis=1, keepdim=True)
        if maps.shape[2:] != size:  # what a coarse map says of a place is spread over its places
            found = places / (size[0] * size[1]) * F.interpolate(found, size, mode="bilinear")
        total += found
    return total[:, 0].numpy()


def occlusion(model: nn.Layer, image: np.ndarray, label: int | None = None) -> np.ndarray:
    """How far the score of the answer given falls as a square of the image is covered.

    The squares are those of `patch_starts`, and are covered with the mean colour of the image
    (after Zeiler and Fergus 2014, arXiv:1311.2901).

    Args:
        image: uint8 [channels, size, size].
        label: the answer; by default the most probable.

    Returns:
        float32 [g, g] in units of the logit; negative where covering speaks for the answer.
    """
    side, starts = patch_starts(image.shape[-1])
    colour = image.mean(axis=(1, 2), keepdims=True).astype(np.uint8)
    covered = np.repeat(image[np.newaxis], len(starts) ** 2 + 1, axis=0)
    places = ((top, left) for top in starts for left in starts)
    for one, (top, left) in zip(covered[1:], places, strict=True):
        one[:, top : top + side, left : left + side] = colour
    logits = logits_of(model, covered, BATCH)
    labels = _most_probable(logits[:1]) if label is None else np.array([label])
    score = (logits * _signs(labels, logits.shape[1])).sum(axis=1)
    return (score[0] - score[1:]).reshape(len(starts), len(starts))


def _most_probable(logits: np.ndarray) -> np.ndarray:
    """int [n]: the answers to logits [n, outputs]."""
    outputs = logits.shape[1]
    return (Binary() if outputs == 1 else Classes(outputs)).predicted(logits)


def _signs(labels: np.ndarray, outputs: int) -> np.ndarray:
    """float32 [n, outputs], by which logits are multiplied and summed to the answers' scores."""
    if outputs == 1:
        return np.where(labels[:, np.newaxis] == 1, 1, -1).astype(np.float32)
    return np.eye(outputs, dtype=np.float32)[labels]


def agreement(grad_cam: np.ndarray, occlusion: np.ndarray, size: int) -> float | None:
    """Spearman's rank correlation of the two maps of a photograph, [h, w] and [g, g].

    Grad-CAM is averaged over each square that was covered in the image of size x size. None where
    one of the two does not vary.
    """
    from scipy import ndimage, stats

    side, starts = patch_starts(size)
    fine = ndimage.zoom(grad_cam, size / np.array(grad_cam.shape), order=1, grid_mode=True,
                        mode="nearest")  # fmt: skip
    squares = [
        fine[top : top + side, left : left + side].mean() for top in starts for left in starts
    ]
    if np.ptp(squares) == 0 or np.ptp(occlusion) == 0:
        return None
    return float(stats.spearmanr(squares, occlusion.ravel()).statistic)


def has_convolutions(model: nn.Layer) -> bool:
    return any(isinstance(layer, nn.Conv2D) for layer in model.sublayers())


def convolutions(model: nn.Layer, images: np.ndarray) -> list[Tap]:
    """In the order of the images; the network is in evaluation mode afterwards."""
    if not has_convolutions(model):
        raise UsageError(
            "a network without convolutions has no maps to look at; `predict --occlusion` shows "
            "what its answer hangs on"
        )
    found = taps(model, paddle.to_tensor(to_float(images[:1])))
    return [tap for tap in found if isinstance(tap.layer, nn.Conv2D)]
