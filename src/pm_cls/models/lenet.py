"""LeNet-7 (thesis 3.3), LeNet-9 (thesis 3.4) and the LeNet of the MNIST comparison (thesis 3.3)."""

import paddle
from paddle import nn

from pm_cls.errors import UsageError
from pm_cls.models.convolution import Conv2D
from pm_cls.models.layers import ACTIVATIONS, feature_count
from pm_cls.models.pooling import MaxPool2D


class LeNet7(nn.Layer):
    """Three convolutions and two linear layers; 19,233,841 parameters at 224x224.

    Input float32 [n, 3, image_size, image_size] in [-1, 1]; output float32 [n, 1], the logit of
    label 1. The shapes below are those of a 224x224 image. With `pool_to` the last features are
    averaged over a grid of so many cells a side.
    """

    channels, outputs = 3, 1

    def __init__(
        self, *, activation: str = "relu", image_size: int = 224, pool_to: int | None = None
    ) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.features = nn.Sequential(
            Conv2D(3, 6, 5), act(),  # 6x220x220
            MaxPool2D(2, 2),  # 6x110x110
            Conv2D(6, 16, 5), act(),  # 16x106x106
            MaxPool2D(2, 2),  # 16x53x53
            Conv2D(16, 120, 4), act(),  # 120x50x50
            *([nn.AdaptiveAvgPool2D(pool_to)] if pool_to else []),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(),  # 300000
            nn.Linear(feature_count(self.features, image_size), 64), act(),
            nn.Linear(64, self.outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))


class LeNet9(nn.Layer):
    """LeNet-7 with one more pooling and one more convolution; 4,142,817 parameters at 224x224.

    Input float32 [n, 3, image_size, image_size] in [-1, 1]; output float32 [n, 1], the logit of
    label 1. The shapes below are those of a 224x224 image.
    """

    channels, outputs = 3, 1

    def __init__(self, *, activation: str = "relu", image_size: int = 224) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.features = nn.Sequential(
            Conv2D(3, 6, 5), act(),  # 6x220x220
            MaxPool2D(2, 2),  # 6x110x110
            Conv2D(6, 16, 5), act(),  # 16x106x106
            MaxPool2D(2, 2),  # 16x53x53
            Conv2D(16, 120, 4), act(),  # 120x50x50
            MaxPool2D(2, 2),  # 120x25x25
            Conv2D(120, 240, 6), act(),  # 240x20x20
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(),  # 96000
            nn.Linear(feature_count(self.features, image_size), 32), act(),
            nn.Linear(32, self.outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))


class MnistLeNet(nn.Layer):
    """The tutorial's LeNet for digits; 41,806 parameters.

    Input float32 [n, 1, 28, 28] in [-1, 1]; output float32 [n, 10], a logit for each digit.
    """

    channels, outputs = 1, 10

    def __init__(self, *, activation: str = "sigmoid", image_size: int = 28) -> None:
        super().__init__()
        if image_size != 28:
            raise UsageError(f"`data.image_size` is {image_size}; mnist_lenet needs 28")
        act = ACTIVATIONS[activation]
        self.features = nn.Sequential(
            Conv2D(1, 6, 5), act(),  # 6x24x24
            MaxPool2D(2, 2),  # 6x12x12
            Conv2D(6, 16, 5), act(),  # 16x8x8
            MaxPool2D(2, 2),  # 16x4x4
            Conv2D(16, 120, 4), act(),  # 120x1x1
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(),  # 120
            nn.Linear(120, 64), act(),
            nn.Linear(64, self.outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))
