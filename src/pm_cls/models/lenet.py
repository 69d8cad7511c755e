"""LeNet-7 (thesis 3.3), LeNet-9 (thesis 3.4) and the LeNet of the MNIST comparison (thesis 3.3)."""

from typing import Annotated

import paddle
from paddle import nn
from pydantic import Field

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.sizes import feature_count
from pm_cls.models.blocks.stages import Sequential
from pm_cls.runtime.errors import UsageError

PoolTo = Annotated[
    Annotated[int, Field(ge=1, le=1024)] | None,
    Field(
        description="Over a grid of so many cells a side the last features are averaged; the "
        "linear layer then does not grow with the image."
    ),
]


class LeNet7(nn.Layer):
    """Three convolutions and two linear layers; 19,233,841 parameters at 224x224.

    Input float32 [n, channels, image_size, image_size] in [-1, 1]; output float32 [n, outputs]. The
    shapes below are those of a 224x224 image.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: str = "relu",
        image_size: int = 224,
        pool_to: PoolTo = None,
    ) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.features = Sequential(
            Conv2D(channels, 6, 5), act(),  # 6x220x220
            MaxPool2D(2, 2),  # 6x110x110
            Conv2D(6, 16, 5), act(),  # 16x106x106
            MaxPool2D(2, 2),  # 16x53x53
            Conv2D(16, 120, 4), act(),  # 120x50x50
            *([nn.AdaptiveAvgPool2D(pool_to)] if pool_to else []),
        )  # fmt: skip
        self.classifier = Sequential(
            nn.Flatten(),  # 300000
            Linear(feature_count(self.features, image_size), 64), act(),
            Linear(64, outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))


class LeNet9(nn.Layer):
    """LeNet-7 with one more pooling and one more convolution; 4,142,817 parameters at 224x224.

    Input float32 [n, channels, image_size, image_size] in [-1, 1]; output float32 [n, outputs]. The
    shapes below are those of a 224x224 image.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: str = "relu",
        image_size: int = 224,
    ) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.features = Sequential(
            Conv2D(channels, 6, 5), act(),  # 6x220x220
            MaxPool2D(2, 2),  # 6x110x110
            Conv2D(6, 16, 5), act(),  # 16x106x106
            MaxPool2D(2, 2),  # 16x53x53
            Conv2D(16, 120, 4), act(),  # 120x50x50
            MaxPool2D(2, 2),  # 120x25x25
            Conv2D(120, 240, 6), act(),  # 240x20x20
        )  # fmt: skip
        self.classifier = Sequential(
            nn.Flatten(),  # 96000
            Linear(feature_count(self.features, image_size), 32), act(),
            Linear(32, outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))


class MnistLeNet(nn.Layer):
    """The tutorial's LeNet for digits; 41,806 parameters.

    Input float32 [n, channels, 28, 28] in [-1, 1]; output float32 [n, outputs].
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        outputs: int = 10,
        activation: str = "sigmoid",
        image_size: int = 28,
    ) -> None:
        super().__init__()
        if image_size != 28:
            raise UsageError(f"`data.image_size` is {image_size}; mnist_lenet needs 28")
        act = ACTIVATIONS[activation]
        self.features = Sequential(
            Conv2D(channels, 6, 5), act(),  # 6x24x24
            MaxPool2D(2, 2),  # 6x12x12
            Conv2D(6, 16, 5), act(),  # 16x8x8
            MaxPool2D(2, 2),  # 16x4x4
            Conv2D(16, 120, 4), act(),  # 120x1x1
        )  # fmt: skip
        self.classifier = Sequential(
            nn.Flatten(),  # 120
            Linear(120, 64), act(),
            Linear(64, outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))
