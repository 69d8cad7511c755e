"""Activations by name."""

import math
from collections.abc import Callable
from typing import Annotated, Literal

import paddle
from paddle import nn
from pydantic import Field

ACTIVATIONS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # 0.01 below zero
    "elu": nn.ELU,
    "gelu": nn.GELU,
}

ReluAlone = Annotated[Literal["relu"], Field(description="The one that this network has.")]

# Those that never fall where their input rises.
MONOTONE = (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU)


def _gelu_slope(x: paddle.Tensor) -> paddle.Tensor:
    density = paddle.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (1 + paddle.erf(x / math.sqrt(2))) / 2 + x * density


# Of an activation's input x and output y: where its derivative is below a tenth of its greatest
# (relu: zero; gelu: 1.13).
SATURATED: dict[type[nn.Layer], Callable[[paddle.Tensor, paddle.Tensor], paddle.Tensor]] = {
    nn.Sigmoid: lambda x, y: 4 * y * (1 - y) < 0.1,
    nn.Tanh: lambda x, y: 1 - y * y < 0.1,
    nn.ReLU: lambda x, y: y <= 0,
    nn.LeakyReLU: lambda x, y: y <= 0,
    nn.ELU: lambda x, y: y < -0.9,
    nn.GELU: lambda x, y: _gelu_slope(x) < 0.113,
}
