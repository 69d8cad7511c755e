"""GoogLeNet (Szegedy et al. 2015) as the thesis' tutorial has it: no batch normalisation.

`paddle.vision.models.googlenet` has a first convolution of stride 2, no bias, and activations after
the joined branches alone, so that it cannot be made the same by options.
"""

from functools import partial
from typing import Annotated

import paddle
from paddle import nn
from pydantic import Field

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.sizes import at_least
from pm_cls.models.blocks.stages import Sequential

AUXILIARY_GRID = 4  # cells a side over which an auxiliary head averages its features


class Inception(nn.Layer):
    """Four branches side by side: [n, channels, h, w] -> [n, sum of their maps, h, w].

    Args:
        one: maps of the 1x1 branch.
        three, five: maps of the 1x1 convolution before the larger one, and of that.
        pooled: maps of the 1x1 convolution after 3x3 pooling.
    """

    def __init__(
        self,
        channels: int,
        one: int,
        three: tuple[int, int],
        five: tuple[int, int],
        pooled: int,
        *,
        act: type[nn.Layer],
    ) -> None:
        super().__init__()
        self.one = Sequential(Conv2D(channels, one, 1), act())
        self.three = Sequential(
            Conv2D(channels, three[0], 1), act(), Conv2D(*three, 3, padding=1), act()
        )
        self.five = Sequential(
            Conv2D(channels, five[0], 1), act(), Conv2D(*five, 5, padding=2), act()
        )
        self.pooled = Sequential(MaxPool2D(3, 1, 1), Conv2D(channels, pooled, 1), act())
        self.maps = one + three[1] + five[1] + pooled

    def forward(self, maps: paddle.Tensor) -> paddle.Tensor:
        branches = (self.one, self.three, self.five, self.pooled)
        return paddle.concat([branch(maps) for branch in branches], axis=1)


class GoogLeNet(nn.Layer):
    """Nine Inception blocks; 5,974,577 parameters with one output.

    Input float32 [n, channels, image_size, image_size] in [-1, 1]; output float32 [n, outputs]. The
    shapes below are those of a 224x224 image. The first convolution has stride 1, where the paper
    has 2. With `auxiliary` two heads as the paper's, averaged over a grid that does not grow with
    the image, give logits of their own in training: the output then is a list of three.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: str = "relu",
        image_size: int = 224,
        auxiliary: Annotated[
            bool, Field(description="Two more heads in training, each with a loss of its own.")
        ] = False,
    ) -> None:
        super().__init__()
        at_least(image_size, 32)
        act = ACTIVATIONS[activation]
        inception = partial(Inception, act=act)
        self.stem = Sequential(
            Conv2D(channels, 64, 7, padding=3), act(),  # 64x224x224
            MaxPool2D(3, 2, 1),  # 64x112x112
            Conv2D(64, 64, 1), act(),
            Conv2D(64, 192, 3, padding=1), act(),  # 192x112x112
            MaxPool2D(3, 2, 1),  # 192x56x56
        )  # fmt: skip
        self.third = Sequential(
            inception(192, 64, (96, 128), (16, 32), 32),  # 256x56x56
            inception(256, 128, (128, 192), (32, 96), 64),  # 480x56x56
            MaxPool2D(3, 2, 1),  # 480x28x28
        )
        self.fourth = nn.LayerList([
            inception(480, 192, (96, 208), (16, 48), 64),  # 512x28x28
            inception(512, 160, (112, 224), (24, 64), 64),  # 512x28x28
            inception(512, 128, (128, 256), (24, 64), 64),  # 512x28x28
            inception(512, 112, (144, 288), (32, 64), 64),  # 528x28x28
            inception(528, 256, (160, 320), (32, 128), 128),  # 832x28x28
        ])  # fmt: skip
        self.fifth = Sequential(
            MaxPool2D(3, 2, 1),  # 832x14x14
            inception(832, 256, (160, 320), (32, 128), 128),  # 832x14x14
            inception(832, 384, (192, 384), (48, 128), 128),  # 1024x14x14
        )
        self.classifier = Sequential(
            nn.AdaptiveAvgPool2D(1), nn.Flatten(), Linear(1024, outputs)  # 1024
        )  # fmt: skip
        # By the place in `fourth` after which each stands.
        maps = {0: 512, 3: 528} if auxiliary else {}
        self.auxiliary = nn.LayerDict(
            {str(place): _auxiliary_head(given, outputs, act) for place, given in maps.items()}
        )

    def forward(self, images: paddle.Tensor) -> paddle.Tensor | list[paddle.Tensor]:
        maps = self.third(self.stem(images))
        on_the_way = []
        for place, block in enumerate(self.fourth):
            maps = block(maps)
            if self.training and str(place) in self.auxiliary:
                on_the_way.append(self.auxiliary[str(place)](maps))
        logits = self.classifier(self.fifth(maps))
        return [logits, *on_the_way] if on_the_way else logits


def _auxiliary_head(maps: int, outputs: int, act: type[nn.Layer]) -> nn.Layer:
    return Sequential(
        nn.AdaptiveAvgPool2D(AUXILIARY_GRID),
        Conv2D(maps, 128, 1), act(),
        nn.Flatten(),
        Linear(128 * AUXILIARY_GRID**2, 1024), act(), nn.Dropout(0.7),
        Linear(1024, outputs),
    )  # fmt: skip
