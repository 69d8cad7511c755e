"""Pooling of feature maps, and other ways of it in a network that was built.

`MaxPool2D` is `paddle.nn.MaxPool2D`, to the bit, with a faster gradient on the CPU.
"""

import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls.models.blocks import compiled
from pm_cls.runtime.errors import UsageError


class MaxPool2D(nn.MaxPool2D):
    """Keeps the places of the maxima for the gradient, where Paddle would look for them again."""

    @paddle.jit.not_to_static  # an export traces the plain pooling
    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        if self._gives_gradient(images):
            return F.max_pool2d(images, self.ksize, self.stride, self.padding, return_mask=True)[0]
        return super().forward(images)

    def _gives_gradient(self, images: paddle.Tensor) -> bool:
        return (
            paddle.in_dynamic_mode()
            and images.place.is_cpu_place()
            and images.dtype == paddle.float32
            and not self.ceil_mode  # with places Paddle 2.6 leaves it out
            and not images.stop_gradient
            and paddle.is_grad_enabled()
            and compiled.are_finite(images)  # of others some have no place
        )


# In place of 2x2 windows side by side; both leave as many rows and columns.
OTHERS = {
    "average": lambda: nn.AvgPool2D(2, 2),
    "overlapping": lambda: MaxPool2D(3, 2, ceil_mode=True),  # Krizhevsky et al. (2012)
}


def pool_otherwise(model: nn.Layer, kind: str) -> None:
    """Put another pooling in place of each 2x2 max pooling; `max` leaves them.

    Raises:
        UsageError: the network has none.
    """
    if kind == "max":
        return
    places = [
        (parent, name)
        for parent in model.sublayers(include_self=True)
        for name, child in parent.named_children()
        if type(child) is MaxPool2D and (child.ksize, child.stride, child.padding) == (2, 2, 0)
    ]
    if not places:
        raise UsageError(f"`model.pooling` is {kind}; this network has no 2x2 max pooling")
    for parent, name in places:
        setattr(parent, name, OTHERS[kind]())


class Averaged(nn.Layer):
    """The mean of each map: [n, maps, h, w] -> [n, maps]."""

    def forward(self, maps: paddle.Tensor) -> paddle.Tensor:
        return maps.mean(axis=[2, 3])
