"""Tiles of images, transformed in both directions and laid out for products; compiled by Numba.

Tile t of the n * down * across ones of n images begins at row step * (t // across % down) - padding
and column step * (t % across) - padding of its image. What lies outside is zero.
"""

import numba
import numpy as np
from numba import float32, int64, types, void

BLOCK = 64  # tiles at a time, which stay in the first caches
ZERO = np.float32(0)

values3, values4, matrix = float32[:, :, ::1], float32[:, :, :, ::1], float32[:, ::1]
grids = types.UniTuple(int64, 4)
compiled = {
    "cache": True,
    "fastmath": {"contract", "reassoc"},
    "error_model": "numpy",
    "boundscheck": False,
}
inner = {**compiled, "cache": False, "no_cpython_wrapper": True}  # a part of those that call it


@numba.njit(**inner)
def combine(source, target, weights, count):
    """target[j, i] = the sum over l of weights[i, l] * source[l, j], for vectors of `count`."""
    rows, terms = weights.shape
    for i in range(rows):
        for j in range(source.shape[1]):
            made = target[j, i]
            w0, w1, w2 = weights[i, 0], weights[i, 1], weights[i, 2]
            s0, s1, s2 = source[0, j], source[1, j], source[2, j]
            if terms % 4 == 0:
                w3, s3 = weights[i, 3], source[3, j]
                for t in range(count):
                    made[t] = w0 * s0[t] + w1 * s1[t] + w2 * s2[t] + w3 * s3[t]
            else:
                for t in range(count):
                    made[t] = w0 * s0[t] + w1 * s1[t] + w2 * s2[t]
            for k in range(4 if terms % 4 == 0 else 3, terms, 4 if terms % 4 == 0 else 3):
                w0, w1, w2 = weights[i, k], weights[i, k + 1], weights[i, k + 2]
                s0, s1, s2 = source[k, j], source[k + 1, j], source[k + 2, j]
                if terms % 4 == 0:
                    w3, s3 = weights[i, k + 3], source[k + 3, j]
                    for t in range(count):
                        made[t] += w0 * s0[t] + w1 * s1[t] + w2 * s2[t] + w3 * s3[t]
                else:
                    for t in range(count):
                        made[t] += w0 * s0[t] + w1 * s1[t] + w2 * s2[t]


@numba.njit(void(values4, matrix, grids, values3), **compiled)
def transformed_tiles(images, weights, grid, tiles):
    """weights @ tile @ weights.T of the tiles of images.

    Args:
        images: [n, c, h, w].
        weights: [p, q], for tiles of q rows and columns.
        grid: step, padding, down, across.
        tiles: [p * p, c, n * down * across], filled here.
    """
    step, padding, down, across = grid
    n_images, channels, height, width = images.shape
    p, q = weights.shape
    cut, half = np.empty((q, q, BLOCK), np.float32), np.empty((q, p, BLOCK), np.float32)
    whole = np.empty((p, p, BLOCK), np.float32)
    total = n_images * down * across
    for c in range(channels):
        for first in range(0, total, BLOCK):
            count = min(BLOCK, total - first)
            for t in range(count):
                row, column = divmod(first + t, across)
                n, row = divmod(row, down)
                image = images[n, c]
                top, left = row * step - padding, column * step - padding
                if 0 <= top <= height - q and 0 <= left <= width - q:
                    for i in range(q):
                        for j in range(q):
                            cut[i, j, t] = image[top + i, left + j]
                else:
                    for i in range(q):
                        for j in range(q):
                            y, x = top + i, left + j
                            inside = 0 <= y < height and 0 <= x < width
                            cut[i, j, t] = image[y, x] if inside else ZERO
            combine(cut, half, weights, count)
            combine(half, whole, weights, count)
            for i in range(p):
                for j in range(p):
                    tiles[i * p + j, c, first : first + count] = whole[i, j, :count]


@numba.njit(void(values3, matrix, grids, values4), **compiled)
def add_transformed_tiles(tiles, weights, grid, images):
    """Add weights.T @ tile @ weights to the images: what brings `transformed_tiles` back.

    Args:
        tiles: [p * p, c, n * down * across].
        weights: [p, q].
        grid: step, padding, down, across.
        images: [n, c, h, w], changed here.
    """
    step, padding, down, across = grid
    n_images, channels, height, width = images.shape
    p, q = weights.shape
    whole, half = np.empty((p, p, BLOCK), np.float32), np.empty((p, q, BLOCK), np.float32)
    made = np.empty((q, q, BLOCK), np.float32)
    back = weights.T.copy()
    total = n_images * down * across
    for c in range(channels):
        for first in range(0, total, BLOCK):
            count = min(BLOCK, total - first)
            for i in range(p):
                for j in range(p):
                    whole[i, j, :count] = tiles[i * p + j, c, first : first + count]
            combine(whole, half, back, count)
            combine(half, made, back, count)
            for t in range(count):
                row, column = divmod(first + t, across)
                n, row = divmod(row, down)
                image = images[n, c]
                top, left = row * step - padding, column * step - padding
                if 0 <= top <= height - q and 0 <= left <= width - q:
                    for i in range(q):
                        for j in range(q):
                            image[top + i, left + j] += made[i, j, t]
                else:
                    for i in range(q):
                        for j in range(q):
                            y, x = top + i, left + j
                            if 0 <= y < height and 0 <= x < width:
                                image[y, x] += made[i, j, t]
