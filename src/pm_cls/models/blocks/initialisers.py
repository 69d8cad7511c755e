"""The weights that a network begins with. A new way is a line in `INITIALISERS`."""

from collections.abc import Callable
from typing import NamedTuple

import paddle
from paddle import nn
from paddle.nn import initializer

from pm_cls.config.options import chosen


class Initialiser(NamedTuple):
    """Of the weights of convolutions and linear layers; biases stay as Paddle makes them, zero."""

    meaning: str
    make: Callable[[], initializer.Initializer] | None


INITIALISERS: dict[str, Initialiser] = {
    "paddle": Initialiser("convolutions normal as He's, linear layers uniform as Glorot's", None),
    "zeros": Initialiser("all 0", lambda: initializer.Constant(0.0)),
    "constant": Initialiser("all 0.01", lambda: initializer.Constant(0.01)),
    "normal": Initialiser(
        "normal, SD 0.01 (Krizhevsky et al. 2012)", lambda: initializer.Normal(std=0.01)
    ),
    "xavier_uniform": Initialiser("Glorot and Bengio (2010)", initializer.XavierUniform),
    "xavier_normal": Initialiser("the same, normal", initializer.XavierNormal),
    "he_uniform": Initialiser("He et al. (2015)", initializer.KaimingUniform),
    "he_normal": Initialiser("the same, normal", initializer.KaimingNormal),
    "orthogonal": Initialiser("Saxe et al. (2014)", initializer.Orthogonal),
}


def draw_weights(model: nn.Layer, name: str) -> None:
    """Draw the weights of all convolutions and linear layers anew, from `paddle.seed`.

    Raises:
        UsageError: there is no such way.
    """
    make = chosen(INITIALISERS, "model.initial_weights", name).make
    if make is not None:
        for layer in _with_weights(model):
            make()(layer.weight)


@paddle.no_grad()
def scale_weights(model: nn.Layer, gain: float) -> None:
    """Multiply the initial weights of all convolutions and linear layers.

    Glorot and Bengio (2010) advise a gain of four for sigmoid.
    """
    if gain != 1:
        for layer in _with_weights(model):
            layer.weight.set_value(gain * layer.weight)


def _with_weights(model: nn.Layer) -> list[nn.Layer]:
    return [layer for layer in model.sublayers() if isinstance(layer, nn.Conv2D | nn.Linear)]
