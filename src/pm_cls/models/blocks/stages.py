"""`Sequential`: that of Paddle, with convolution, activation and max pooling computed as a stage.

Most activations are monotone, so that the largest of the activated values is the activation of the
largest one: pooling comes first, and the activation sees a quarter of the values. On the CPU a
stage with few channels is one pass of compiled loops, which stores no maps at all.
"""

from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

from pm_cls.models.blocks import compiled
from pm_cls.models.blocks.activations import MONOTONE
from pm_cls.models.blocks.convolution import FEWEST_CHANNELS, Conv2D
from pm_cls.models.blocks.pooling import MaxPool2D


class Sequential(nn.Sequential):
    """`paddle.nn.Sequential`; `fast = False` takes layer by layer.

    So does a stage with a hook on one of its layers, which would see other values.
    """

    fast = True

    @paddle.jit.not_to_static  # an export traces the layers
    def forward(self, values: paddle.Tensor) -> paddle.Tensor:
        layers, at = list(self), 0
        by_stages = self.fast and paddle.in_dynamic_mode() and values.place.is_cpu_place()
        while at < len(layers):
            stage = layers[at : at + 3]
            if by_stages and _is_stage(stage):
                values, at = _through(stage, values), at + 3
            else:
                values, at = layers[at](values), at + 1
        return values


def _is_stage(layers: list[nn.Layer]) -> bool:
    return (
        len(layers) == 3
        and type(layers[0]) is Conv2D
        and type(layers[1]) in MONOTONE
        and type(layers[2]) is MaxPool2D
        and not any(layer._forward_pre_hooks or layer._forward_post_hooks for layer in layers)
    )


def _through(stage: list[Any], images: paddle.Tensor) -> paddle.Tensor:
    convolution, activation, pooling = stage
    maxima = _in_one_pass(convolution, pooling, images)
    if maxima is None:
        maps = convolution(images)
        if not compiled.are_finite(maps):  # relu makes a number of NaN, which pooling may not
            return pooling(activation(maps))
        maxima = pooling(maps)
    return activation(maxima)


def _in_one_pass(
    convolution: Conv2D, pooling: MaxPool2D, images: paddle.Tensor
) -> paddle.Tensor | None:
    """The pooled convolution by compiled loops; None where they do not apply."""
    weight, bias = convolution.weight, convolution.bias
    outputs, channels, rows, columns = weight.shape
    if (
        not convolution.fast
        or channels >= FEWEST_CHANNELS
        or bias is None
        or (convolution._stride, convolution._padding) != ([1, 1], 0)
        or not convolution.is_plain()
        or (pooling.ksize, pooling.stride, pooling.padding) not in ((2, 2, 0), (2, None, 0))
        or pooling.ceil_mode
        or not compiled.is_usable(images, weight, bias)
        or (loops := compiled.kernels("convolutions")) is None
        or columns != loops.COLUMNS
        or outputs % 2
        or (channels % 2 and not images.stop_gradient)
        or min(images.shape[2] - rows, images.shape[3] - columns) < 1
    ):
        return None
    maxima, is_finite = _ConvolveAndPool.apply(images, weight, bias)
    return maxima if is_finite else None


class _ConvolveAndPool(PyLayer):
    @staticmethod
    def forward(ctx, images, weight, bias):  # type: ignore[no-untyped-def]
        ctx.wanted = [not values.stop_gradient for values in (images, weight, bias)]
        images, weight = images.contiguous(), weight.contiguous()
        n, _, height, width = images.shape
        outputs, _, rows, columns = weight.shape
        maxima = paddle.empty([n, outputs, (height - rows + 1) // 2, (width - columns + 1) // 2])
        ctx.places = np.empty(maxima.shape, np.int8)
        ctx.save_for_backward(images, weight, bias)
        arrays = map(compiled.values_of, (images, weight, bias, maxima))
        is_finite = compiled.kernels("convolutions").convolve_and_pool(*arrays, ctx.places)
        return maxima, is_finite

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        images, weight, bias = ctx.saved_tensor()
        found = [paddle.zeros_like(values) for values in (images, weight, bias)]
        filled = [compiled.values_of(values) for values in found]
        if not ctx.wanted[0]:
            filled[0] = np.empty((0, 0, 0, 0), np.float32)
        compiled.kernels("convolutions").gradients_of_both(
            *map(compiled.values_of, (images, weight, gradient.contiguous())),
            ctx.places,
            tuple(filled),
        )
        return tuple(
            x if is_wanted else None for x, is_wanted in zip(found, ctx.wanted, strict=True)
        )


def sequentials(model: nn.Layer) -> list[tuple[nn.Layer, str, nn.Sequential]]:
    """Each `Sequential` in a network with the layer that holds it, and under which name."""
    return [
        (parent, name, child)
        for parent in model.sublayers(include_self=True)
        for name, child in parent.named_children()
        if isinstance(child, nn.Sequential)
    ]
