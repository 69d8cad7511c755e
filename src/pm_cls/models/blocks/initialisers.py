"""The weights that a network begins with. A new way is a line in `INITIALISERS`."""

from collections.abc import Callable

import paddle
from paddle import nn
from paddle.nn import initializer

from pm_cls.config.options import chosen

# Of the weights of convolutions and linear layers; biases stay as Paddle makes them, zero.
INITIALISERS: dict[str, Callable[[], initializer.Initializer] | None] = {
    "paddle": None,  # convolutions normal as He's, linear layers uniform as Glorot's
    "zeros": lambda: initializer.Constant(0.0),
    "constant": lambda: initializer.Constant(0.01),
    "normal": lambda: initializer.Normal(std=0.01),
    "xavier_uniform": initializer.XavierUniform,  # Glorot and Bengio (2010)
    "xavier_normal": initializer.XavierNormal,
    "he_uniform": initializer.KaimingUniform,  # He et al. (2015)
    "he_normal": initializer.KaimingNormal,
    "orthogonal": initializer.Orthogonal,  # Saxe et al. (2014)
}


def draw_weights(model: nn.Layer, name: str) -> None:
    """Draw the weights of all convolutions and linear layers anew, from `paddle.seed`.

    Raises:
        UsageError: there is no such way.
    """
    make = chosen(INITIALISERS, "model.initial_weights", name)
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
