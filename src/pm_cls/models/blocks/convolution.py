"""`Conv2D`: the parameters and the function of `paddle.nn.Conv2D`, computed faster on the CPU."""

import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls.models.blocks import compiled
from pm_cls.models.blocks.filtering import POINTS, along_width, can_be_in_tiles, in_tiles

TILES = (5, 4, 3, 2)
FEWEST_CHANNELS = 16  # with fewer, the transforms cost more than they save


class Conv2D(nn.Conv2D):
    """`paddle.nn.Conv2D`; `fast = False` leaves out the minimal filtering of `filtering`.

    The bias is added as [c, 1, 1]: Paddle adds it as [1, c, 1, 1], which takes its CPU kernel ten
    times as long. Groups, dilation, kernels that are not square and paddings of other kinds are
    left to Paddle.
    """

    fast = True

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        if not self.is_plain():
            return super().forward(images)
        is_filtered = self.fast and self._may_be_filtered(images)
        if is_filtered and can_be_in_tiles(images, self.weight):
            maps = in_tiles(images, self.weight, self._padding)
        elif is_filtered and (tile := self._tile(images)):
            maps = along_width(images, self.weight, self._padding, tile)
        else:
            maps = F.conv2d(images, self.weight, stride=self._stride, padding=self._padding)
        return maps if self.bias is None else maps + self.bias.reshape([-1, 1, 1])

    def is_plain(self) -> bool:
        return (
            self._groups == 1
            and self._dilation == [1, 1]
            and self._kernel_size[0] == self._kernel_size[1]
            and isinstance(self._padding, int)
            and self._padding_mode == "zeros"
            and self._data_format == "NCHW"
        )

    def _may_be_filtered(self, images: paddle.Tensor) -> bool:
        outputs, channels, kernel, _ = self.weight.shape
        return (
            images.place.is_cpu_place()
            and self._stride == [1, 1]
            and min(outputs, channels) >= FEWEST_CHANNELS
            and kernel > 1
            and compiled.are_finite(images, self.weight)  # NaN would spread over its tile
        )

    def _tile(self, images: paddle.Tensor) -> int | None:
        """Outputs of a row made together: the most that divide the width; None where none does."""
        kernel = self._kernel_size[0]
        width = images.shape[3] + 2 * self._padding - kernel + 1
        fitting = (m for m in TILES if m + kernel - 1 <= len(POINTS) + 1 and width % m == 0)
        return next(fitting, None)
