"""ZFNet (Zeiler and Fergus 2014): AlexNet with a first convolution that is smaller and denser."""

import paddle
from paddle import nn

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.sizes import feature_count
from pm_cls.models.blocks.stages import Sequential


class ZFNet(nn.Layer):
    """Five convolutions and three linear layers; 58,264,705 parameters at 224x224 with one output.

    Input float32 [n, channels, image_size, image_size] in [-1, 1]; output float32 [n, outputs]. The
    shapes below are those of a 224x224 image. The paper's contrast normalisation between the first
    layers is left out, as in the networks that came after it.
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
            Conv2D(channels, 96, 7, stride=2, padding=1), act(),  # 96x110x110
            MaxPool2D(3, 2, 1),  # 96x55x55
            Conv2D(96, 256, 5, stride=2), act(),  # 256x26x26
            MaxPool2D(3, 2, 1),  # 256x13x13
            Conv2D(256, 384, 3, padding=1), act(),  # 384x13x13
            Conv2D(384, 384, 3, padding=1), act(),  # 384x13x13
            Conv2D(384, 256, 3, padding=1), act(),  # 256x13x13
            MaxPool2D(3, 2),  # 256x6x6
        )  # fmt: skip
        self.classifier = Sequential(
            nn.Flatten(),  # 9216
            Linear(feature_count(self.features, image_size), 4096), act(), nn.Dropout(0.5),
            Linear(4096, 4096), act(), nn.Dropout(0.5),
            Linear(4096, outputs),
        )  # fmt: skip

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))
