"""Batch normalisation (Ioffe and Szegedy, 2015) put into a network that was built."""

import itertools
from collections.abc import Iterator

import paddle
from paddle import nn

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.stages import Sequential, sequentials
from pm_cls.runtime.errors import UsageError

NORMALISING = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D)  # over each batch


def normalize(model: nn.Layer, where: str) -> None:
    """Normalise over each batch.

    Args:
        where: `input`: the images, channel by channel, without parameters; `layers`: before each
            activation that follows a convolution or a linear layer in a `Sequential`; `none`.

    Raises:
        UsageError: the network has no such place.
    """
    if where == "none":
        return
    places = sequentials(model)
    before = sum(1 for _ in model.sublayers())
    if where == "input" and places:
        parent, name, first = places[0]
        reads = next((one for one in model.sublayers() if isinstance(one, nn.Conv2D)), None)
        if reads is not None and any(layer is reads for layer in first):
            norm = nn.BatchNorm2D(reads._in_channels, weight_attr=False, bias_attr=False)
            setattr(parent, name, Sequential(norm, *first))
    elif where == "layers":
        for parent, name, layers in reversed(places):  # the innermost first
            setattr(parent, name, Sequential(*_normalized(layers)))
    if sum(1 for _ in model.sublayers()) == before:
        raise UsageError(f"`model.normalization` is {where}, for which this network has no place")


def _normalized(layers: nn.Sequential) -> Iterator[nn.Layer]:
    for layer, following in itertools.zip_longest(layers, list(layers)[1:]):
        yield layer
        if isinstance(following, tuple(ACTIVATIONS.values())):
            if isinstance(layer, nn.Conv2D):
                yield nn.BatchNorm2D(layer.weight.shape[0])
            elif isinstance(layer, nn.Linear):
                yield nn.BatchNorm1D(layer.weight.shape[1])


def has_statistics(model: nn.Layer) -> bool:
    """Whether a layer normalises over each batch."""
    return any(isinstance(layer, NORMALISING) for layer in model.sublayers())


@paddle.no_grad()
def takes_two(model: nn.Layer, images: paddle.Tensor) -> bool:
    """Whether a layer would normalise over one value, which is then left as it is.

    Args:
        images: float32 [1, channels, h, w], one as the network is trained on; the network is left
            in evaluation mode.
    """
    model.eval()
    alone: list[bool] = []

    def note(layer: nn.Layer, given: object, output: paddle.Tensor) -> None:
        alone.append(not layer._use_global_stats and output.size == output.shape[1])

    layers = [layer for layer in model.sublayers() if isinstance(layer, NORMALISING)]
    with hooked([(layer, note) for layer in layers]):
        model(images)
    return any(alone)
