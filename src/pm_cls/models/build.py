"""Networks by name, and the one recipe: config + spec of the data + seed -> network.

A new network is a file with a `paddle.nn.Layer` and a line in `MODELS`. It takes `channels`,
`outputs`, `activation` and `image_size` as keywords, then options of its own, with their types:
these are keys of the config's `model` section.
"""

from typing import Any

import paddle
from paddle import nn

from pm_cls.config import Config
from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import ModelConfig
from pm_cls.data import Spec
from pm_cls.models import chains, vision
from pm_cls.models.alexnet import AlexNet
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.depthwise import DepthwiseConv2D
from pm_cls.models.blocks.dropout import drop
from pm_cls.models.blocks.initialisers import draw_weights, scale_weights
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.mirrored import Mirrored
from pm_cls.models.blocks.normalisation import NORMALISING, has_statistics, normalize
from pm_cls.models.blocks.pooling import pool_otherwise
from pm_cls.models.blocks.stages import Sequential
from pm_cls.models.efficientnet import EfficientNetLite0
from pm_cls.models.googlenet import GoogLeNet
from pm_cls.models.lenet import LeNet7, LeNet9, MnistLeNet
from pm_cls.models.pretrained import load_pretrained, source_of
from pm_cls.models.zfnet import ZFNet
from pm_cls.runtime.errors import UsageError

MODELS: dict[str, type[nn.Layer]] = {
    "lenet7": LeNet7,
    "lenet9": LeNet9,
    "alexnet": AlexNet,
    "zfnet": ZFNet,
    "vgg16": vision.VGG16,
    "googlenet": GoogLeNet,
    "resnet18": vision.ResNet18,
    "resnet50": vision.ResNet50,
    "densenet121": vision.DenseNet121,
    "efficientnet_lite0": EfficientNetLite0,
    "mnist_lenet": MnistLeNet,
    "lenet20": chains.LeNet20,
    "cnn8": chains.Cnn8,
    "deep3x3": chains.Deep3x3,
    "cnn32": chains.Cnn32,
    "cifar_cnn": chains.CifarCnn,
    "colour_cnn": chains.ColourCnn,
    "shape_cnn": chains.ShapeCnn,
    "dense": chains.Dense,
}

OF_THE_DATA = {
    "image_size": "`data.image_size`",
    "channels": "the images of the data",
    "outputs": "the labels of the data",
}


def check_model(model: ModelConfig) -> dict[str, Any]:
    """The options of the network; UsageError where there is no such, or it does not have one."""
    network, given = chosen(MODELS, "model.name", model.name), model.options()
    for option, source in OF_THE_DATA.items():
        if option in given:
            raise UsageError(f"`model.{option}` is no key; it follows from {source}")
    options = {"activation": model.activation, **given}
    return checked(network.__init__, "model", f"the network {model.name}", options)


def build(config: Config, spec: Spec, filled: bool = True) -> nn.Layer:
    """The network of a config with the weights that training begins with, from the config's seed.

    Args:
        filled: with the weights of `model.pretrained`, which a trained network does not need.

    Raises:
        UsageError: no such network, an option that it does not have or has no place for, an image
            size too small, or weights to begin with that are not there.
    """
    check_model(config.model)
    paddle.seed(config.seed)
    keys = config.model.model_dump(exclude={"name"})
    return build_model(
        config.model.name,
        channels=spec.channels,
        outputs=spec.target.outputs,
        image_size=config.data.image_size,
        filled=filled,
        **keys,
    )


def build_model(
    name: str,
    *,
    normalization: str = "none",
    initial_weights: str = "paddle",
    init_gain: float = 1.0,
    pooling: str = "max",
    dropout: float | None = None,
    pretrained: str | None = None,
    filled: bool = True,
    mirrored: bool = False,
    frozen_statistics: bool = False,
    fast: bool = True,
    **options: Any,
) -> nn.Layer:
    """Build a network with initial weights drawn from `paddle.seed`.

    Args:
        normalization, initial_weights, init_gain, pooling, dropout: see `blocks.normalisation`,
            `blocks.initialisers`, `blocks.pooling` and `blocks.dropout`.
        pretrained: `imagenet`: see `pretrained`.
        filled: see `build`.
        mirrored: see `blocks.mirrored`.
        frozen_statistics: batch normalisation takes the statistics that it has, in training too.
        fast: on the CPU, compute with fewer multiplications and fewer passes over memory
            (`blocks`); the same function and weights, other last bits.
        options: keywords of the network's class: `activation`, `image_size`, `channels`, `outputs`
            and those of its own.

    Raises:
        UsageError: no such network, an option that it does not have or has no place for, or an
            image size too small.
    """
    network = chosen(MODELS, "model.name", name)
    model = network(**checked(network.__init__, "model", f"the network {name}", options))
    draw_weights(model, initial_weights)
    scale_weights(model, init_gain)
    normalize(model, normalization)
    pool_otherwise(model, pooling)
    drop(model, dropout)
    if pretrained is not None:
        source_of(name)
        if isinstance(model, vision.Vision):
            model.as_imagenet = True
        if filled:
            load_pretrained(model, name)
    if frozen_statistics and not has_statistics(model):
        raise UsageError("`model.frozen_statistics`: this network has no batch normalisation")
    for layer in model.sublayers():
        if isinstance(layer, Conv2D | DepthwiseConv2D | Linear | Sequential):
            layer.fast = fast
        if frozen_statistics and isinstance(layer, NORMALISING):
            layer._use_global_stats = True
    return Mirrored(model) if mirrored else model
