"""`Linear`: that of Paddle; a wide one may make its step of Momentum within the backward pass.

Its gradient is as large as its weight, and a step reads and writes such arrays about nine times.
Where nothing else needs the gradient it is used row by row as it is computed, which takes five.
"""

from collections.abc import Callable

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

from pm_cls.models.blocks import compiled

FEWEST_OUTPUTS = 256  # with fewer, the rows are too short for it to pay


class Linear(nn.Linear):
    """`paddle.nn.Linear`; `fast = False` leaves out the step within the backward pass.

    Attributes:
        settings: set where the layer makes the step: the velocity, float32 of the weight's shape,
            learning rate, momentum and decay of the moment. The weight then has no gradient of its
            own; the layer must be used once in a forward pass. Outside of
            `compiled.all_gradients` it is as any other.
    """

    fast = True
    settings: Callable[[], tuple[paddle.Tensor, float, float, float]] | None = None

    def forward(self, given: paddle.Tensor) -> paddle.Tensor:
        is_asked_for = paddle.is_grad_enabled() and not given.stop_gradient
        if self.settings is None or not is_asked_for or not compiled.is_usable(given):
            return super().forward(given)
        return _StepOnTheWay.apply(given, self.bias, self)

    def can_step(self) -> bool:
        """Whether it pays and compiled loops can do it."""
        return (
            self.fast
            and self.bias is not None
            and self.weight.shape[1] >= FEWEST_OUTPUTS
            and self.weight.place.is_cpu_place()
            and compiled.kernels("steps") is not None
        )


class _StepOnTheWay(PyLayer):
    @staticmethod
    def forward(ctx, given, bias, layer):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(given.contiguous())
        ctx.layer = layer
        return paddle.matmul(given, layer.weight) + bias

    @staticmethod
    def backward(ctx, gradients):  # type: ignore[no-untyped-def]
        (given,), gradients = ctx.saved_tensor(), gradients.contiguous()
        back = paddle.empty(given.shape)
        velocity, *numbers = ctx.layer.settings()
        tensors = (ctx.layer.weight, velocity, given, gradients, back)
        step = compiled.kernels("steps").step_of_momentum
        step(*map(compiled.values_of, tensors), tuple(map(np.float32, numbers)))
        return back, None if ctx.layer.bias.stop_gradient else gradients.sum(axis=0)
