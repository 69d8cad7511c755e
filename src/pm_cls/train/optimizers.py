"""How steps are made. A new optimiser is a function and a line in `OPTIMIZERS`."""

from collections.abc import Callable
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from paddle.regularizer import WeightDecayRegularizer
from pydantic import Field

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import OptimizerConfig
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.taps import last_linear
from pm_cls.runtime.errors import UsageError

Parameters = list[paddle.Tensor]
Kept = Annotated[
    float, Field(ge=0, lt=1, description="Share that the mean of squared gradients keeps a step.")
]
Least = Annotated[float, Field(gt=0, description="Added so that nothing is divided by zero.")]


def momentum(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Momentum (Polyak 1964), which the tutorial of the thesis has."""
    return paddle.optimizer.Momentum(momentum=config.momentum, **_common(parameters, config))


def nesterov(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Momentum, which looks ahead along the velocity (Nesterov 1983)."""
    common = _common(parameters, config)
    return paddle.optimizer.Momentum(momentum=config.momentum, use_nesterov=True, **common)


def adam(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Adam (Kingma and Ba 2015), whose beta1 is `optimizer.momentum`."""
    return paddle.optimizer.Adam(beta1=config.momentum, **_common(parameters, config))


def sgd(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.SGD (Robbins and Monro 1951), which has no momentum."""
    return paddle.optimizer.SGD(**_common(parameters, config))


def rmsprop(
    parameters: Parameters,
    config: OptimizerConfig,
    *,
    rho: Kept = 0.9,
    epsilon: Least = 1e-7,
) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.RMSProp (Tieleman and Hinton 2012), with Keras' rho and epsilon."""
    common = _common(parameters, config)
    return paddle.optimizer.RMSProp(rho=rho, epsilon=epsilon, momentum=config.momentum, **common)


def adagrad(
    parameters: Parameters,
    config: OptimizerConfig,
    *,
    epsilon: Least = 1e-6,
) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Adagrad (Duchi et al. 2011), which has no momentum."""
    return paddle.optimizer.Adagrad(epsilon=epsilon, **_common(parameters, config))


def adadelta(
    parameters: Parameters,
    config: OptimizerConfig,
    *,
    rho: Kept = 0.95,
    epsilon: Least = 1e-6,
) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Adadelta (Zeiler 2012), which has no momentum; its rate is mostly 1."""
    return paddle.optimizer.Adadelta(rho=rho, epsilon=epsilon, **_common(parameters, config))


def adamw(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.AdamW (Loshchilov and Hutter 2019): weights decay apart from the gradient.

    Raises:
        UsageError: `optimizer.l1`, which is part of the gradient, is set too.
    """
    if config.l1:
        raise UsageError("`optimizer.l1` is no key of adamw; adam has it")
    common = {**_common(parameters, config), "weight_decay": config.weight_decay}
    return paddle.optimizer.AdamW(beta1=config.momentum, **common)


class ElasticNet(WeightDecayRegularizer):
    """l1 sign(w) + l2 w, added to the gradient of each weight w (Zou and Hastie 2005)."""

    def __init__(self, l1: float, l2: float) -> None:
        super().__init__()
        self.l1, self.l2 = l1, l2

    def __call__(self, param: paddle.Tensor, grad: paddle.Tensor, block: Any) -> paddle.Tensor:
        return self.l1 * paddle.sign(param) + self.l2 * param

    def __str__(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"


OPTIMIZERS: dict[str, Callable[..., paddle.optimizer.Optimizer]] = {
    "momentum": momentum,
    "nesterov": nesterov,
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
}


def build_optimizer(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """The optimiser that the config's `optimizer` section names; its own options are keywords.

    Raises:
        UsageError: there is none of that name, or it does not have an option.
    """
    make = chosen(OPTIMIZERS, "optimizer.name", config.name)
    return make(parameters, config, **checked(make, "optimizer", config.name, config.options()))


def slow_features(model: nn.Layer, factor: float, outputs: int) -> None:
    """Multiply the learning rate of all layers before the last linear one.

    Raises:
        UsageError: the network has no such layer.
    """
    if factor == 1:
        return
    last = last_linear(model, outputs, "`optimizer.features_rate`")
    ahead = {id(parameter) for parameter in last.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in ahead:
            parameter.optimize_attr["learning_rate"] = factor
            parameter.stop_gradient = factor == 0 or parameter.stop_gradient


def step_on_the_way(
    model: nn.Layer, optimizer: paddle.optimizer.Optimizer, config: OptimizerConfig
) -> None:
    """Leave the steps of wide linear layers to themselves, where the optimiser is Momentum.

    For one process that trains in float32, as nothing else may need their gradients.
    """
    if config.name != "momentum" or config.l1 or config.features_rate != 1:
        return
    for layer in model.sublayers():
        if isinstance(layer, Linear) and layer.can_step():
            layer.settings = _settings(optimizer, layer.weight, config)


def _settings(
    optimizer: paddle.optimizer.Momentum, weight: paddle.Tensor, config: OptimizerConfig
) -> Callable[[], tuple[paddle.Tensor, float, float, float]]:
    # Made now, as otherwise by the first step, so that a checkpoint has somewhere to be filled in.
    optimizer.helper = optimizer.helper or LayerHelper("momentum")
    optimizer._add_accumulator(optimizer._velocity_acc_str, weight)

    def settings() -> tuple[paddle.Tensor, float, float, float]:
        velocity = optimizer._get_accumulator(optimizer._velocity_acc_str, weight)
        return velocity, optimizer.get_lr(), config.momentum, config.weight_decay

    return settings


def _common(parameters: Parameters, config: OptimizerConfig) -> dict[str, Any]:
    decay: ElasticNet | float | None = config.weight_decay or None
    if config.l1:
        decay = ElasticNet(config.l1, config.weight_decay)
    return {
        "learning_rate": config.learning_rate,
        "parameters": parameters,
        "weight_decay": decay,
    }
