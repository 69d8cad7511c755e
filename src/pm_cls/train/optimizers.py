"""How steps are made. A new optimiser is a function and a line in `OPTIMIZERS`."""

from collections.abc import Callable
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from pydantic import Field

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import OptimizerConfig
from pm_cls.models.blocks.linear import Linear

Parameters = list[paddle.Tensor]


def momentum(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Momentum, which the tutorial of the thesis has."""
    return paddle.optimizer.Momentum(momentum=config.momentum, **_common(parameters, config))


def adam(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Adam, whose beta1 is `optimizer.momentum`."""
    return paddle.optimizer.Adam(beta1=config.momentum, **_common(parameters, config))


def sgd(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.SGD, which has no momentum."""
    return paddle.optimizer.SGD(**_common(parameters, config))


def rmsprop(
    parameters: Parameters,
    config: OptimizerConfig,
    *,
    rho: Annotated[float, Field(ge=0, lt=1)] = 0.9,
    epsilon: Annotated[float, Field(gt=0)] = 1e-7,
) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.RMSProp with Keras' defaults for its decay and what keeps it from zero."""
    common = _common(parameters, config)
    return paddle.optimizer.RMSProp(rho=rho, epsilon=epsilon, momentum=config.momentum, **common)


OPTIMIZERS: dict[str, Callable[..., paddle.optimizer.Optimizer]] = {
    "momentum": momentum,
    "adam": adam,
    "sgd": sgd,
    "rmsprop": rmsprop,
}


def build_optimizer(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """The optimiser that the config's `optimizer` section names; its own options are keywords.

    Raises:
        UsageError: there is none of that name, or it does not have an option.
    """
    make = chosen(OPTIMIZERS, "optimizer.name", config.name)
    return make(parameters, config, **checked(make, "optimizer", config.name, config.options()))


def step_on_the_way(
    model: nn.Layer, optimizer: paddle.optimizer.Optimizer, config: OptimizerConfig
) -> None:
    """Leave the steps of wide linear layers to themselves, where the optimiser is Momentum.

    For one process that trains in float32, as nothing else may need their gradients.
    """
    if type(optimizer) is not paddle.optimizer.Momentum:
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
    return {
        "learning_rate": config.learning_rate,
        "parameters": parameters,
        "weight_decay": config.weight_decay or None,
    }
