"""Small networks of the source documents: one layer after the other, each class as it is read.

conv: convolution and activation; pool: 2x2 max pooling; dense: linear layer and activation. The
documents: 001 (deep 3x3), 002 (LeNet 20-50-500), 003 (all others); the code behind each of them
brings pixels to [0, 1].
"""

from collections.abc import Callable
from typing import Annotated

import paddle
from paddle import nn
from pydantic import Field

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.stages import Sequential
from pm_cls.runtime.errors import UsageError

Shape = tuple[int, ...]  # of one image's values: channels and side, or their number alone
Make = Callable[[Shape, type[nn.Layer]], tuple[list[nn.Layer], Shape]]


def conv(maps: int, kernel: int, padding: int = 0) -> Make:
    def make(shape: Shape, act: type[nn.Layer]) -> tuple[list[nn.Layer], Shape]:
        channels, side = shape
        made = [Conv2D(channels, maps, kernel, padding=padding), act()]
        return made, (maps, side + 2 * padding - kernel + 1)

    return make


def pool(shape: Shape, act: type[nn.Layer]) -> tuple[list[nn.Layer], Shape]:
    channels, side = shape
    return [MaxPool2D(2, 2)], (channels, side // 2)


def dropout(rate: float) -> Make:
    return lambda shape, act: ([nn.Dropout(rate)], shape)


def dense(values: int, *, norm: bool = False) -> Make:
    def make(shape: Shape, act: type[nn.Layer]) -> tuple[list[nn.Layer], Shape]:
        made, given = _flat(shape)
        between = [nn.BatchNorm1D(values)] if norm else []
        return [*made, Linear(given, values), *between, act()], (values,)

    return make


def _flat(shape: Shape) -> tuple[list[nn.Layer], int]:
    if len(shape) == 1:
        return [], shape[0]
    channels, side = shape
    return [nn.Flatten()], channels * side * side


def _unit(images: paddle.Tensor) -> paddle.Tensor:
    """[-1, 1] -> [0, 1]."""
    return images * 0.5 + 0.5


def _grey(images: paddle.Tensor) -> paddle.Tensor:
    """[n, 3, h, w] -> [n, 1, h, w]; the weights are those of ITU-R BT.601."""
    red, green, blue = (images[:, i : i + 1] for i in range(3))
    return 0.299 * red + 0.587 * green + 0.114 * blue


Grey = Annotated[bool, Field(description="Of red, green and blue the grey value is taken first.")]
Unit = Annotated[bool, Field(description="Pixels are brought to [0, 1] first.")]
DropOutputs = Annotated[
    float, Field(ge=0, lt=1, description="Rate of the dropout of the outputs in training.")
]
Hidden = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    Field(min_length=1, description="How many values each hidden layer has."),
]
BatchNorm = Annotated[bool, Field(description="Batch normalisation in each hidden layer.")]


class Chain(nn.Layer):
    """Input float32 [n, channels, image_size, image_size] in [-1, 1]; output [n, outputs].

    Attributes:
        parts: what is made, but for the last linear layer, which gives the outputs.
    """

    parts: tuple[Make, ...] = ()

    def __init__(
        self,
        *,
        channels: int = 1,
        outputs: int = 10,
        activation: str = "relu",
        image_size: int = 28,
        grey: Grey = False,
        unit: Unit = True,
    ) -> None:
        super().__init__()
        if grey and channels != 3:
            raise UsageError(f"`model.grey` is for 3 channels; those of the data are {channels}")
        self.grey, self.unit = grey, unit
        layers, shape = self._made(1 if grey else channels, image_size, activation)
        flat, given = _flat(shape)
        self.layers = Sequential(*layers, *flat, Linear(given, outputs))

    def _made(
        self, channels: int, image_size: int, activation: str
    ) -> tuple[list[nn.Layer], Shape]:
        layers: list[nn.Layer] = []
        shape: Shape = (channels, image_size)
        for make in self.parts:
            made, shape = make(shape, ACTIVATIONS[activation])
            layers += made
            if shape[-1] < 1:
                raise UsageError(
                    f"`data.image_size` is {image_size}, of which nothing is left after "
                    f"{len(layers)} layers of this network; larger images are needed"
                )
        return layers, shape

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        images = _grey(images) if self.grey else images
        return self.layers(_unit(images) if self.unit else images)


class LeNet20(Chain):
    """LeNet 20-50-500 (002); 931,080 parameters for digits."""

    parts = (conv(20, 5), pool, conv(50, 5, padding=2), pool, dense(500))


class Cnn8(Chain):
    """CNN 8-16-32 (003); 12,042 parameters for digits."""

    parts = (conv(8, 5), pool, conv(16, 5), pool, dense(32, norm=True))


class Deep3x3(Chain):
    """Six convolutions (001); 123,552 parameters for digits. Its fourth is padded by two.

    The source puts dropout on the outputs too; `drop_outputs` does so.
    """

    parts = (
        conv(16, 3, padding=1), conv(16, 3, padding=1), pool,
        conv(32, 3, padding=1), conv(32, 3, padding=2), pool,
        conv(64, 3, padding=1), conv(64, 3, padding=1), pool,
        dense(50), dropout(0.5),
    )  # fmt: skip

    def __init__(
        self,
        *,
        channels: int = 1,
        outputs: int = 10,
        activation: str = "relu",
        image_size: int = 28,
        grey: Grey = False,
        unit: Unit = True,
        drop_outputs: DropOutputs = 0.0,
    ) -> None:
        super().__init__(
            channels=channels, outputs=outputs, activation=activation, image_size=image_size,
            grey=grey, unit=unit,
        )  # fmt: skip
        self.dropped = nn.Dropout(drop_outputs)

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.dropped(super().forward(images))


class Cnn32(Chain):
    """One convolution and two linear layers, for clothes (003); 693,962 parameters."""

    parts = (conv(32, 3), pool, dense(128))


class CifarCnn(Chain):
    """Keras' example for CIFAR-10 (003); 1,250,858 parameters for 32x32x3."""

    parts = (
        conv(32, 3, padding=1), conv(32, 3), pool, dropout(0.25),
        conv(64, 3, padding=1), conv(64, 3), pool, dropout(0.25),
        dense(512), dropout(0.5),
    )  # fmt: skip


class ColourCnn(Chain):
    """Two 1x1 and three 3x3 kernels tell colours (003); 3,815 parameters for six of them."""

    parts = (conv(2, 1), pool, conv(3, 3), pool, dense(32, norm=True))


class ShapeCnn(Chain):
    """Eight and sixteen 3x3 kernels tell shapes (003); 19,941 parameters for five of them."""

    parts = (conv(8, 3, padding=1), pool, conv(16, 3), pool, dense(32, norm=True))


class Dense(Chain):
    """Hidden layers of 128 and 64 (003) or of other sizes, with or without batch normalisation."""

    def __init__(
        self,
        *,
        channels: int = 1,
        outputs: int = 10,
        activation: str = "relu",
        image_size: int = 28,
        hidden: Hidden = (128, 64),
        batch_norm: BatchNorm = False,
        grey: Grey = False,
        unit: Unit = True,
    ) -> None:
        self.parts = tuple(dense(values, norm=batch_norm) for values in hidden)
        super().__init__(
            channels=channels, outputs=outputs, activation=activation, image_size=image_size,
            grey=grey, unit=unit,
        )  # fmt: skip
