"""Changes to a network that was built: what the experiments on causes vary, one at a time."""

import itertools
from collections.abc import Iterator

import paddle
from paddle import nn

from pm_cls.models.layers import ACTIVATIONS


@paddle.no_grad()
def scale_weights(model: nn.Layer, gain: float) -> None:
    """Multiply the initial weights of all convolutions and linear layers.

    Glorot and Bengio (2010) advise a gain of four for sigmoid.
    """
    if gain == 1:
        return
    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D | nn.Linear):
            layer.weight.set_value(gain * layer.weight)


def normalize(model: nn.Layer, where: str) -> None:
    """Put batch normalisation (Ioffe and Szegedy, 2015) into a network of two `Sequential`s.

    Args:
        where: `input`: of the images, channel by channel, without parameters; `layers`: before each
            activation; `none`.
    """
    if where == "input":
        first = nn.BatchNorm2D(model.channels, weight_attr=False, bias_attr=False)
        model.features = nn.Sequential(first, *model.features)
    elif where == "layers":
        model.features = nn.Sequential(*_normalized(model.features))
        model.classifier = nn.Sequential(*_normalized(model.classifier))


def _normalized(layers: nn.Sequential) -> Iterator[nn.Layer]:
    for layer, following in itertools.zip_longest(layers, list(layers)[1:]):
        yield layer
        if isinstance(following, tuple(ACTIVATIONS.values())):
            images = isinstance(layer, nn.Conv2D)
            yield (nn.BatchNorm2D if images else nn.BatchNorm1D)(layer.weight.shape[not images])
