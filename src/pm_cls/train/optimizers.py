"""How steps are made. A new optimiser is a function and a line in `OPTIMIZERS`."""

from collections.abc import Callable
from typing import Any

import paddle

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import OptimizerConfig

Parameters = list[paddle.Tensor]


def momentum(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Momentum, which the tutorial of the thesis has."""
    return paddle.optimizer.Momentum(momentum=config.momentum, **_common(parameters, config))


def adam(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """paddle.optimizer.Adam, whose beta1 is `optimizer.momentum`."""
    return paddle.optimizer.Adam(beta1=config.momentum, **_common(parameters, config))


OPTIMIZERS: dict[str, Callable[..., paddle.optimizer.Optimizer]] = {
    "momentum": momentum,
    "adam": adam,
}


def build_optimizer(parameters: Parameters, config: OptimizerConfig) -> paddle.optimizer.Optimizer:
    """The optimiser that the config's `optimizer` section names; its own options are keywords.

    Raises:
        UsageError: there is none of that name, or it does not have an option.
    """
    make = chosen(OPTIMIZERS, "optimizer.name", config.name)
    return make(parameters, config, **checked(make, "optimizer", config.name, config.options()))


def _common(parameters: Parameters, config: OptimizerConfig) -> dict[str, Any]:
    return {
        "learning_rate": config.learning_rate,
        "parameters": parameters,
        "weight_decay": config.weight_decay or None,
    }
