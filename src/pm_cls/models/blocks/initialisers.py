"""Changes to the weights that a network begins with."""

import paddle
from paddle import nn


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
