"""AlexNet as thesis 3.5 describes it, or with the third linear layer of the thesis' tutorial."""

from typing import Annotated, Literal

import paddle
from paddle import nn
from pydantic import Field

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.sizes import feature_count
from pm_cls.models.blocks.stages import Sequential


class AlexNet(nn.Layer):
    """Five convolutions and two or three linear layers.

    55,135,617 parameters at 224x224 with two (the thesis' text), 71,916,929 with three (the
    tutorial). The thesis also puts dropout on the output layer, which would zero the only logit
    half of the time; it is left out here.

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
        fc_layers: Annotated[
            Literal[2, 3],
            Field(description="Linear layers; the thesis' text has 2, the tutorial 3."),
        ] = 2,
    ) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.features = Sequential(
            Conv2D(channels, 96, 11, stride=4, padding=5), act(),  # 96x56x56
            MaxPool2D(2, 2),  # 96x28x28
            Conv2D(96, 256, 5, padding=2), act(),  # 256x28x28
            MaxPool2D(2, 2),  # 256x14x14
            Conv2D(256, 384, 3, padding=1), act(),  # 384x14x14
            Conv2D(384, 384, 3, padding=1), act(),  # 384x14x14
            Conv2D(384, 256, 3, padding=1), act(),  # 256x14x14
            MaxPool2D(2, 2),  # 256x7x7
        )  # fmt: skip
        hidden = [Linear(feature_count(self.features, image_size), 4096), act(), nn.Dropout(0.5)]
        if fc_layers == 3:
            hidden += [Linear(4096, 4096), act(), nn.Dropout(0.5)]
        self.classifier = Sequential(
            nn.Flatten(),  # 12544
            *hidden,  # 4096
            Linear(4096, outputs),
        )

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.classifier(self.features(images))
