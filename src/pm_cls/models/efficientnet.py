"""EfficientNet-Lite0 (Tan and Le 2019; without squeeze and excitation, with relu cut at six)."""

from typing import Annotated, Literal

import paddle
from paddle import nn
from pydantic import Field

from pm_cls.models.blocks.activations import ReluAlone
from pm_cls.models.blocks.depthwise import DepthwiseConv2D
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.pooling import Averaged
from pm_cls.models.blocks.sizes import at_least, in_colour

# Of each stage: blocks, kernel, stride of the first, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
FIRST, LAST = 32, 1280  # channels


def _normalised(convolution: nn.Conv2D, act: bool = True) -> list[nn.Layer]:
    """A convolution, and normalisation with its running means."""
    norm = nn.BatchNorm2D(convolution._out_channels, momentum=0.99, epsilon=1e-3)
    return [convolution, norm, *([nn.ReLU6()] if act else [])]


def _pointwise(inputs: int, outputs: int) -> nn.Conv2D:
    return nn.Conv2D(inputs, outputs, 1, bias_attr=False)


class Block(nn.Layer):
    """Inverted residual: [n, inputs, h, w] -> [n, outputs, h / stride, w / stride].

    What goes in is added where the shape stays.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.layers = nn.Sequential(
            *(_normalised(_pointwise(inputs, wide)) if expansion > 1 else []),
            *_normalised(DepthwiseConv2D(wide, kernel, stride)),
            *_normalised(_pointwise(wide, outputs), act=False),
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, values: paddle.Tensor) -> paddle.Tensor:
        found = self.layers(values)
        return found + values if self.is_residual else found


class EfficientNetLite0(nn.Layer):
    """Sixteen inverted residual blocks in seven stages; 3,372,289 parameters with one output.

    Input float32 [n, 3, image_size, image_size] in [-1, 1]; output float32 [n, outputs]. The pixels
    are brought to what its weights were trained on, (value of 0 to 255 - 127) / 128.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        outputs: int = 1,
        activation: ReluAlone = "relu",
        image_size: int = 224,
        stages: Annotated[
            tuple[Literal[1, 2, 3, 4, 5, 6, 7], ...],
            Field(
                description="Whose maps are averaged for the last layer, in place of the head's; "
                "the first tell textures, the last the things of ImageNet."
            ),
        ] = (),
    ) -> None:
        super().__init__()
        in_colour(channels, type(self).__name__)
        at_least(image_size, 32)
        blocks, inputs, ends = [], FIRST, []
        for count, kernel, stride, expansion, wide in STAGES[: max(stages, default=len(STAGES))]:
            for number in range(count):
                blocks.append(Block(inputs, wide, kernel, 1 if number else stride, expansion))
                inputs = wide
            ends.append(len(blocks) - 1)
        self.ends = [ends[stage - 1] for stage in sorted(set(stages))]
        stem = nn.Conv2D(3, FIRST, 3, stride=2, padding="SAME", bias_attr=False)
        self.first = nn.Sequential(*_normalised(stem))
        self.blocks = nn.Sequential(*blocks)
        self.last = None if stages else nn.Sequential(*_normalised(_pointwise(inputs, LAST)))
        features = sum(STAGES[stage - 1][-1] for stage in set(stages)) if stages else LAST
        self.averaged = Averaged()
        self.classifier = nn.Sequential(nn.Dropout(0.2), Linear(features, outputs))

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        values = self.first(images * (127.5 / 128) + 0.5 / 128)
        means = []
        for number, block in enumerate(self.blocks):
            values = block(values)
            if number in self.ends:
                means.append(self.averaged(values))
        if self.last is not None:
            means.append(self.averaged(self.last(values)))
        return self.classifier(paddle.concat(means, axis=1))
