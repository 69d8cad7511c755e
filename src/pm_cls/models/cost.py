"""What a network costs: its parameters, and the multiplications that it makes of one image."""

import math
from collections.abc import Callable

import paddle
from paddle import nn

from pm_cls.config import Config
from pm_cls.data import Spec
from pm_cls.models.build import build
from pm_cls.records.networks import Network


def cost(config: Config, spec: Spec) -> Network:
    """Of the network of a config: trained parameters, and products of convolutions and layers.

    Counted as the textbook has them, whatever faster way computes them; activations, pooling and
    normalisation are left out.

    Raises:
        UsageError: as `build`.
    """
    plain = config.model.model_copy(update={"fast": False})
    model = build(config.model_copy(update={"model": plain}), spec, filled=False)
    model.eval()
    products: list[int] = []
    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            layer.register_forward_post_hook(_counting(products, _each_of_convolution(layer)))
        elif isinstance(layer, nn.Linear):
            layer.register_forward_post_hook(_counting(products, layer.weight.shape[0]))
    size = config.data.image_size
    with paddle.no_grad():
        model(paddle.zeros([1, spec.channels, size, size]))
    trained = sum(math.prod(p.shape) for p in model.parameters() if not p.stop_gradient)
    return Network(config.experiment, trained, sum(products))


def _each_of_convolution(layer: nn.Conv2D) -> int:
    """Products for one value of its output."""
    return math.prod(layer.weight.shape[1:])


def _counting(products: list[int], each: int) -> Callable[..., None]:
    def hook(layer: nn.Layer, given: object, made: paddle.Tensor) -> None:
        products.append(math.prod(made.shape) * each)

    return hook
