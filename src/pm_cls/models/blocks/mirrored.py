"""A network whose answers do not depend on left and right."""

from typing import Any

import paddle
from paddle import nn


class Mirrored(nn.Layer):
    """The mean of a network's outputs for images and for their mirror images.

    In training it is the network itself, which may see mirror images by `train.augmentation`.
    """

    def __init__(self, network: nn.Layer) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: paddle.Tensor) -> Any:
        if self.training:
            return self.network(images)
        return (self.network(images) + self.network(images.flip(axis=[3]))) / 2


def one_way(network: nn.Layer) -> nn.Layer:
    """The network that sees images as they are, once: what is within, where it is `Mirrored`."""
    return network.network if isinstance(network, Mirrored) else network
