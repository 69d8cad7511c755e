"""`MaxPool2D`: `paddle.nn.MaxPool2D`, to the bit, with a faster gradient on the CPU."""

import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls.models.blocks import compiled


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
            and not images.stop_gradient
            and paddle.is_grad_enabled()
            and compiled.are_finite(images)  # of others some have no place
        )
