"""`Conv2D`: the parameters and the function of `paddle.nn.Conv2D`, computed faster on the CPU.

Two changes, both exact up to rounding; benchmarks/README.md has what each of them gave:

- The bias is added as [c, 1, 1]. Paddle adds it as [1, c, 1, 1], which takes its CPU kernel ten
  times as long.
- Along the width, `m` outputs of a kernel with `k` columns are made with m + k - 1 multiplications
  in place of m * k: Winograd's minimal filtering F(m, k) (Winograd 1980, Arithmetic Complexity of
  Computations; Lavin and Gray 2016, arXiv:1509.09308), in one dimension, where rounding stays
  near 1e-6. What is left is a convolution with a group for each multiplication.
"""

import functools

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

POINTS = (0, 1, -1, 2 / 3, -2 / 3, 3 / 2, -3 / 2, 4)  # and infinity; with little rounding error
TILES = (5, 4, 3, 2)
FEWEST_CHANNELS = 16  # with fewer, the transforms cost more than they save


class Conv2D(nn.Conv2D):
    """`paddle.nn.Conv2D`; `fast = False` leaves out the minimal filtering.

    Groups, dilation, kernels that are not square and paddings of other kinds are left to Paddle.
    """

    fast = True

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        if not self._is_plain():
            return super().forward(images)
        tile = self._tile(images) if self.fast else None
        if tile:
            maps = minimal_filtering(images, self.weight, self._padding, tile)
        else:
            maps = F.conv2d(images, self.weight, stride=self._stride, padding=self._padding)
        return maps if self.bias is None else maps + self.bias.reshape([-1, 1, 1])

    def _is_plain(self) -> bool:
        return (
            self._groups == 1
            and self._dilation == [1, 1]
            and self._kernel_size[0] == self._kernel_size[1]
            and isinstance(self._padding, int)
            and self._padding_mode == "zeros"
            and self._data_format == "NCHW"
        )

    def _tile(self, images: paddle.Tensor) -> int | None:
        """Outputs made together: the most that divide the width, or None where it does not pay."""
        kernel = self._kernel_size[0]
        if not images.place.is_cpu_place() or self._stride != [1, 1]:
            return None
        if images.shape[1] < FEWEST_CHANNELS or kernel == 1:
            return None
        width = images.shape[3] + 2 * self._padding - kernel + 1
        fitting = (m for m in TILES if m + kernel - 1 <= len(POINTS) + 1 and width % m == 0)
        return next(fitting, None)


def minimal_filtering(
    images: paddle.Tensor, weight: paddle.Tensor, padding: int, tile: int
) -> paddle.Tensor:
    """Convolve with stride 1.

    Args:
        images: float32 [n, c, h, w]; the width of the output must be a multiple of `tile`.
        weight: float32 [o, c, k, k].

    Returns:
        float32 [n, o, h + 2 padding - k + 1, w + 2 padding - k + 1].
    """
    n, c, height, width = images.shape
    outputs, _, k, _ = weight.shape
    products = tile + k - 1
    to_images, to_kernel, to_outputs = _matrices(tile, k)
    pieces = F.unfold(
        images.reshape([n, 1, c * height, width]),
        [1, products],
        strides=[1, tile],
        paddings=[0, padding],
    )  # [n, products, c * h * tiles]: each tile of a row, with the columns that it shares
    transformed = paddle.matmul(to_images, pieces).reshape([n, products * c, height, -1])
    kernels = paddle.matmul(to_kernel, weight.reshape([-1, k]), transpose_y=True)
    maps = F.conv2d(
        transformed,
        kernels.reshape([products * outputs, c, k, 1]),
        padding=[padding, 0],
        groups=products,
    )  # [n, products * o, h', tiles]
    rows = maps.shape[2]
    together = paddle.matmul(maps.reshape([n, products, -1]), to_outputs, transpose_x=True)
    return together.reshape([n, outputs, rows, -1])


@functools.cache
def _matrices(tile: int, k: int) -> tuple[paddle.Tensor, paddle.Tensor, paddle.Tensor]:
    """The transforms of F(tile, k), by Toom and Cook: evaluate at POINTS, multiply, interpolate.

    Returns:
        float32 [p, p] for pieces of images, [p, k] for kernels, [p, tile] for outputs, with
        p = tile + k - 1.
    """
    products = tile + k - 1

    def evaluate(length: int) -> np.ndarray:
        values = np.vander(POINTS[: products - 1], length, increasing=True)
        return np.vstack([values, np.eye(length)[-1:]])  # the last one at infinity

    matrices = np.linalg.inv(evaluate(products)).T, evaluate(k), evaluate(tile)
    return tuple(paddle.to_tensor(matrix.astype(np.float32)) for matrix in matrices)
