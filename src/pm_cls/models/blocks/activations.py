"""Activations by name."""

from collections.abc import Callable

import paddle
from paddle import nn

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}

# Of an activation's output y: where its derivative is below a tenth of its greatest (relu: zero).
SATURATED: dict[type[nn.Layer], Callable[[paddle.Tensor], paddle.Tensor]] = {
    nn.Sigmoid: lambda y: 4 * y * (1 - y) < 0.1,
    nn.Tanh: lambda y: 1 - y * y < 0.1,
    nn.ReLU: lambda y: y <= 0,
}
