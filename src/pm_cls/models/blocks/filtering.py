"""Convolution with stride 1 by fewer multiplications, exact up to rounding.

Winograd's minimal filtering F(m, k) makes `m` outputs of a kernel with `k` columns by m + k - 1
multiplications in place of m * k (Winograd 1980, Arithmetic Complexity of Computations; Lavin and
Gray 2016, arXiv:1509.09308). Along one dimension rounding stays near 1e-6 of the result, in two
near 1e-5; benchmarks/README.md has what each of them gave.
"""

import functools

import numpy as np
import paddle
from paddle.autograd import PyLayer
from paddle.nn import functional as F

from pm_cls.models.blocks import compiled

POINTS = (0, 1, -1, 2 / 3, -2 / 3, 3 / 2, -3 / 2, 4)  # and infinity; with little rounding error
PRODUCTS = {3: 6, 5: 8, 6: 8}  # a dimension, in two dimensions, by the size of the kernel
TOGETHER = 800  # tiles: enough for the products of matrices, few enough for the caches


def along_width(
    images: paddle.Tensor, weight: paddle.Tensor, padding: int, tile: int
) -> paddle.Tensor:
    """Convolve with F(tile, k) along the rows.

    What is left is a convolution of columns with a group for each multiplication.

    Args:
        images: float32 [n, c, h, w]; the width of the output must be a multiple of `tile`.
        weight: float32 [o, c, k, k].

    Returns:
        float32 [n, o, h + 2 padding - k + 1, w + 2 padding - k + 1].
    """
    n, c, height, width = images.shape
    outputs, _, k, _ = weight.shape
    products = tile + k - 1
    to_images, to_kernel, to_outputs = map(paddle.to_tensor, _matrices(tile, k))
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


def can_be_in_tiles(images: paddle.Tensor, weight: paddle.Tensor) -> bool:
    """Whether compiled loops can take these."""
    return (
        weight.shape[2] in PRODUCTS
        and compiled.is_usable(images, weight)
        and compiled.kernels("tiles") is not None
    )


def in_tiles(images: paddle.Tensor, weight: paddle.Tensor, padding: int) -> paddle.Tensor:
    """Convolve with F(m, k) along rows and columns, m + k - 1 = PRODUCTS[k].

    Tiles of the images and the kernels are transformed by compiled loops; between them are
    products of matrices [o, c] and [c, tiles], one for each multiplication of a tile.

    Args:
        images: float32 [n, c, h, w], on the CPU.
        weight: float32 [o, c, k, k], k among PRODUCTS.

    Returns:
        float32 [n, o, h + 2 padding - k + 1, w + 2 padding - k + 1].
    """
    return _InTiles.apply(images, weight, padding)


class _InTiles(PyLayer):
    @staticmethod
    def forward(ctx, images, weight, padding):  # type: ignore[no-untyped-def]
        ctx.wanted = [not values.stop_gradient for values in (images, weight)]
        images, weight = images.contiguous(), weight.contiguous()
        n, _, height, width = images.shape
        outputs, _, k, _ = weight.shape
        maps = paddle.zeros([n, outputs, height + 2 * padding - k + 1, width + 2 * padding - k + 1])
        ctx.tiling = tiling = _Tiling(images, weight, maps, padding)
        ctx.kernels, ctx.blocks = tiling.transformed(weight), []
        for some in tiling.blocks:
            tiles = tiling.cut(images[some], tiling.to_images, padding)
            tiling.paste(paddle.matmul(ctx.kernels, tiles), tiling.to_outputs, 0, maps, some)
            ctx.blocks.append(tiles)
        ctx.save_for_backward(images, weight)
        return maps

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        images, weight = ctx.saved_tensor()
        tiling, to_kernels, gradient = ctx.tiling, 0, gradient.contiguous()
        to_images = paddle.zeros_like(images) if ctx.wanted[0] else None
        for some, tiles in zip(tiling.blocks, ctx.blocks, strict=True):
            back = tiling.cut(gradient[some], tiling.to_outputs, 0)
            to_kernels = to_kernels + paddle.matmul(back, tiles, transpose_y=True)
            if to_images is not None:
                found = paddle.matmul(ctx.kernels, back, transpose_x=True)
                tiling.paste(found, tiling.to_images, tiling.padding, to_images, some)
        to_weight = tiling.transformed_back(to_kernels, weight) if ctx.wanted[1] else None
        return to_images, to_weight


class _Tiling:
    """How images are cut into tiles, and pasted together from them.

    Attributes:
        blocks: slices of the images that are taken at a time.
    """

    def __init__(
        self, images: paddle.Tensor, weight: paddle.Tensor, maps: paddle.Tensor, padding: int
    ) -> None:
        k = weight.shape[2]
        self.padding, self.tile = padding, PRODUCTS[k] - k + 1
        self.down, self.across = (-(-size // self.tile) for size in maps.shape[2:])
        self.to_images, to_kernel, self.to_outputs = _matrices(self.tile, k)
        self.to_kernels = paddle.to_tensor(np.kron(to_kernel, to_kernel))
        n, at_once = len(images), max(1, TOGETHER // (self.down * self.across))
        self.blocks = [slice(start, min(start + at_once, n)) for start in range(0, n, at_once)]

    def transformed(self, weight: paddle.Tensor) -> paddle.Tensor:
        """float32 [products, o, c] of a weight."""
        outputs, channels, k, _ = weight.shape
        flat = weight.reshape([outputs * channels, k * k])
        return paddle.matmul(self.to_kernels, flat, transpose_y=True).reshape(
            [-1, outputs, channels]
        )

    def transformed_back(self, kernels: paddle.Tensor, weight: paddle.Tensor) -> paddle.Tensor:
        """The gradient of a weight from that of the transformed one."""
        flat = kernels.reshape([kernels.shape[0], -1])
        return paddle.matmul(flat, self.to_kernels, transpose_x=True).reshape(weight.shape)

    def cut(self, images: paddle.Tensor, matrix: np.ndarray, padding: int) -> paddle.Tensor:
        """Transformed tiles float32 [products, c, n * tiles] of images [n, c, h, w]."""
        n, channels, _, _ = images.shape
        tiles = paddle.empty([len(matrix) ** 2, channels, n * self.down * self.across])
        compiled.kernels("tiles").transformed_tiles(
            compiled.values_of(images), matrix, self._grid(padding), compiled.values_of(tiles)
        )
        return tiles

    def paste(
        self, tiles: paddle.Tensor, matrix: np.ndarray, padding: int, images: paddle.Tensor,
        some: slice,
    ) -> None:  # fmt: skip
        """Add tiles, transformed back, to some of the images."""
        compiled.kernels("tiles").add_transformed_tiles(
            compiled.values_of(tiles), matrix, self._grid(padding), compiled.values_of(images)[some]
        )

    def _grid(self, padding: int) -> tuple[int, int, int, int]:
        return self.tile, padding, self.down, self.across


@functools.cache
def _matrices(tile: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The transforms of F(tile, k), by Toom and Cook: evaluate at POINTS, multiply, interpolate.

    Returns:
        float32 [p, p] for pieces of images, [p, k] for kernels, [p, tile] for outputs, with
        p = tile + k - 1.
    """
    products = tile + k - 1

    def evaluate(length: int) -> np.ndarray:
        values = np.vander(POINTS[: products - 1], length, increasing=True)
        return np.vstack([values, np.eye(length)[-1:]])  # the last one at infinity

    of_images, of_kernel = np.linalg.inv(evaluate(products)).T, evaluate(k)
    # Each product may be scaled in one factor and back in the other: as large in both rounds least.
    scale = np.sqrt(abs(of_kernel).sum(1, keepdims=True) / abs(of_images).sum(1, keepdims=True))
    to_images, to_kernel, to_outputs = (
        np.ascontiguousarray(matrix, np.float32)
        for matrix in (scale * of_images, of_kernel / scale, evaluate(tile))
    )
    return to_images, to_kernel, to_outputs
