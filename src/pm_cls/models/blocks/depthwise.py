"""`DepthwiseConv2D`: a convolution of each channel by itself, computed faster on the CPU."""

import paddle
from paddle import nn
from paddle.autograd import PyLayer

from pm_cls.models.blocks import compiled


class DepthwiseConv2D(nn.Conv2D):
    """`paddle.nn.Conv2D` of as many groups as channels, padded as TensorFlow does, without a bias.

    Paddle's own kernel takes four to ten times as long as the compiled loops. `fast = False` takes
    it, and so does whatever the loops do not cover.
    """

    fast = True

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            channels, channels, kernel, stride, padding="SAME", groups=channels, bias_attr=False
        )

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        if (
            self.fast
            and self._kernel_size[0] in (3, 5)
            and compiled.is_usable(images, self.weight)
            and compiled.kernels("planes") is not None
            # Zeros around the images, and between the gradients, would make NaN of it.
            and compiled.are_finite(self.weight, *([images] if paddle.is_grad_enabled() else []))
        ):
            return _Convolve.apply(images, self.weight, self._stride[0])
        return super().forward(images)


def _before(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before the first value of a row, and the length of the result."""
    found = -(-length // stride)
    return max((found - 1) * stride + kernel - length, 0) // 2, found


class _Convolve(PyLayer):
    @staticmethod
    def forward(ctx, images, weight, stride):  # type: ignore[no-untyped-def]
        ctx.wanted = [not values.stop_gradient for values in (images, weight)]
        images, weight = images.contiguous(), weight.contiguous()
        n, channels, height, width = images.shape
        kernel = weight.shape[2]
        (top, tall), (left, wide) = (_before(size, kernel, stride) for size in (height, width))
        ctx.stride, ctx.top, ctx.left = stride, top, left
        ctx.save_for_backward(images, weight)
        maps = paddle.empty([n, channels, tall, wide])
        compiled.kernels("planes").convolve(
            *map(compiled.values_of, (images, weight)), stride, top, left, compiled.values_of(maps)
        )
        return maps

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        images, weight = ctx.saved_tensor()
        gradient, loops = gradient.contiguous(), compiled.kernels("planes")
        found = [paddle.zeros_like(images), paddle.zeros_like(weight)]
        if ctx.wanted[0]:
            kernel, spread = weight.shape[2], gradient
            if ctx.stride > 1:  # zeros between the gradients, where no kernel was laid
                n, channels, tall, wide = gradient.shape
                spread = paddle.zeros([n, channels, tall * ctx.stride, wide * ctx.stride])
                spread[:, :, :: ctx.stride, :: ctx.stride] = gradient
            turned = weight.flip(axis=[2, 3]).contiguous()
            loops.convolve(
                *map(compiled.values_of, (spread, turned)),
                1,
                kernel - 1 - ctx.top,
                kernel - 1 - ctx.left,
                compiled.values_of(found[0]),
            )
        if ctx.wanted[1]:
            loops.gradients_of_weight(
                *map(compiled.values_of, (images, gradient)),
                ctx.stride,
                ctx.top,
                ctx.left,
                compiled.values_of(found[1]),
            )
        return tuple(x if wanted else None for x, wanted in zip(found, ctx.wanted, strict=True))
