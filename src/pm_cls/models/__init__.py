"""Networks by name. A new one is a file with a `paddle.nn.Layer` and a line in `MODELS`.

Its class names the `channels` it takes and the `outputs` it gives, and takes the keys of the
config's `model` section and `image_size` as keyword arguments.
"""

import inspect
from typing import Any

from paddle import nn

from pm_cls.errors import UsageError
from pm_cls.models.alexnet import AlexNet
from pm_cls.models.convolution import Conv2D
from pm_cls.models.lenet import LeNet7, LeNet9, MnistLeNet
from pm_cls.models.variants import normalize, scale_weights

MODELS: dict[str, type[nn.Layer]] = {
    "lenet7": LeNet7,
    "lenet9": LeNet9,
    "alexnet": AlexNet,
    "mnist_lenet": MnistLeNet,
}


def build_model(
    name: str,
    *,
    activation: str = "relu",
    image_size: int = 224,
    normalization: str = "none",
    init_gain: float = 1.0,
    fast: bool = True,
    **options: Any,
) -> nn.Layer:
    """Build a network with Paddle's default initial weights, drawn from `paddle.seed`.

    Args:
        normalization, init_gain: see `models.variants`.
        fast: on the CPU, compute convolutions with fewer multiplications (`models.convolution`);
            the same function and weights, other last bits.

    Raises:
        UsageError: no such network, an option that it does not have, or an image size too small.
    """
    if name not in MODELS:
        raise UsageError(f"`model.name` is {name!r}; known: {', '.join(MODELS)}")
    accepted = inspect.signature(MODELS[name].__init__).parameters
    for option in options:
        if option not in accepted:
            raise UsageError(f"`model.{option}` is no key of the network {name}")
    model = MODELS[name](activation=activation, image_size=image_size, **options)
    for layer in model.sublayers():
        if isinstance(layer, Conv2D):
            layer.fast = fast
    scale_weights(model, init_gain)
    normalize(model, normalization)
    return model
