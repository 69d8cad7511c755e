"""VGG16, ResNet and DenseNet as `paddle.vision.models` has them, computed by the faster layers.

They are those of the thesis' tutorial but for the last layer of its ResNets, which begins uniform
within 1 / sqrt(features); it does here too.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar

import paddle
from paddle import nn
from paddle.vision import models
from pydantic import Field

from pm_cls.models.blocks.activations import ReluAlone
from pm_cls.models.blocks.quick import quicken
from pm_cls.models.blocks.sizes import at_least, in_colour

# Of red, green and blue in [0, 1], as the weights of `paddle.vision` were trained.
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vision(nn.Layer):
    """Input float32 [n, 3, image_size, image_size] in [-1, 1]; output float32 [n, outputs].

    Attributes:
        as_imagenet: bring the pixels to what weights learned on ImageNet take.
    """

    as_imagenet = False
    make: ClassVar[Callable[..., nn.Layer]]

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: ReluAlone = "relu",
        image_size: int = 224,
    ) -> None:
        super().__init__()
        in_colour(channels, type(self).__name__)
        at_least(image_size, 32)
        self.network = quicken(self.make(num_classes=outputs))

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        if self.as_imagenet:
            mean, sd = (
                paddle.to_tensor(v).reshape([3, 1, 1]) for v in (IMAGENET_MEAN, IMAGENET_SD)
            )
            images = ((images + 1) / 2 - mean) / sd
        return self.network(images)


class VGG16(Vision):
    """Simonyan and Zisserman (2015), configuration D; 134,264,641 parameters with one output.

    No batch normalisation; dropout of 0.5 after both hidden linear layers.
    """

    make = staticmethod(models.vgg16)


class _Plain(models.resnet.BasicBlock):
    """Two or three convolutions without the shortcut around them."""

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        for number in (1, 2, 3):
            convolution = getattr(self, f"conv{number}", None)
            if convolution is not None:
                images = self.relu(getattr(self, f"bn{number}")(convolution(images)))
        return images


class ResNet(Vision):
    """He et al. (2016)."""

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: ReluAlone = "relu",
        image_size: int = 224,
        shortcuts: Annotated[
            bool, Field(description="What goes into a block is added to what comes out of it.")
        ] = True,
    ) -> None:
        super().__init__(
            channels=channels, outputs=outputs, activation=activation, image_size=image_size
        )
        if not shortcuts:
            for layer in self.network.sublayers():
                if isinstance(layer, (models.resnet.BasicBlock, models.resnet.BottleneckBlock)):
                    layer.downsample = None
                    layer.__class__ = _Plain
        last = self.network.fc
        end = last.weight.shape[0] ** -0.5
        nn.initializer.Uniform(-end, end)(last.weight)


class ResNet18(ResNet):
    """Of 18 layers; 11,177,025 trained parameters with one output."""

    make = staticmethod(models.resnet18)


class ResNet50(ResNet):
    """Of 50 layers; 23,510,081 trained parameters with one output."""

    make = staticmethod(models.resnet50)


class DenseNet121(Vision):
    """Huang et al. (2017), of 121 layers; 6,954,881 trained parameters with one output."""

    make = staticmethod(models.densenet121)
