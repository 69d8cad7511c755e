"""Convolution of each channel by itself; compiled by Numba.

A plane is laid into a frame of zeros, row after row. So each row of a kernel is a correlation of
one long row, and the values between the rows of the result mean nothing.
"""

import numba
import numpy as np
from numba import float32, intp, void

ZERO = np.float32(0)

values4 = float32[:, :, :, ::1]
compiled = {
    "cache": True,
    "fastmath": {"contract", "reassoc"},  # sums may be taken in any order; NaN stays NaN
    "error_model": "numpy",
    "boundscheck": False,
}
inner = {**compiled, "cache": False, "no_cpython_wrapper": True}  # a part of those that call it


@numba.njit(**inner)
def correlate(found, source, kernel, length):
    """Add to `found` the correlation of a source with a row of 3 or 5 values."""
    if len(kernel) == 3:
        k0, k1, k2 = kernel
        for t in range(length):
            found[t] += k0 * source[t] + k1 * source[t + 1] + k2 * source[t + 2]
    else:
        k0, k1, k2, k3, k4 = kernel
        for t in range(length):
            found[t] += (
                k0 * source[t] + k1 * source[t + 1] + k2 * source[t + 2] + k3 * source[t + 3]
                + k4 * source[t + 4]
            )  # fmt: skip


@numba.njit(**inner)
def gradients(found, source, maps, length):
    """Add to the 3 or 5 values of `found` what they get of the gradients of a correlation."""
    g0, g1, g2, g3, g4 = ZERO, ZERO, ZERO, ZERO, ZERO
    if len(found) == 3:
        for t in range(length):
            g0 += maps[t] * source[t]
            g1 += maps[t] * source[t + 1]
            g2 += maps[t] * source[t + 2]
    else:
        for t in range(length):
            g0 += maps[t] * source[t]
            g1 += maps[t] * source[t + 1]
            g2 += maps[t] * source[t + 2]
            g3 += maps[t] * source[t + 3]
            g4 += maps[t] * source[t + 4]
        found[3] += g3
        found[4] += g4
    found[0] += g0
    found[1] += g1
    found[2] += g2


@numba.njit(void(values4, values4, intp, intp, intp, values4), **compiled)
def convolve(images, weight, stride, top, left, maps):
    """Convolve each channel with its own kernel.

    Args:
        images: [n, c, h, w].
        weight: [c, 1, k, k], k 3 or 5.
        top, left: rows and columns of zeros before the first ones.
        maps: [n, c, h', w'], filled here; what lies below and right of the images is zero.
    """
    n_images, channels, height, width = images.shape
    _, _, size, _ = weight.shape
    _, _, out_height, out_width = maps.shape
    pitch = max(left + width, (out_width - 1) * stride + size)
    rows = max(top + height, (out_height - 1) * stride + size)
    frame = np.zeros((rows, pitch), np.float32)
    line = frame.reshape(rows * pitch)
    at_once = out_height if stride == 1 else 1  # rows of the result
    found = np.empty(at_once * pitch, np.float32)
    length = (at_once - 1) * pitch + (out_width - 1) * stride + 1
    for n in range(n_images):
        for c in range(channels):
            frame[top : top + height, left : left + width] = images[n, c]
            for y in range(0, out_height, at_once):
                found[:length] = ZERO
                for row in range(size):
                    start = (y * stride + row) * pitch
                    correlate(found, line[start:], weight[c, 0, row], length)
                for i in range(at_once):
                    for x in range(out_width):
                        maps[n, c, y + i, x] = found[i * pitch + x * stride]


@numba.njit(void(values4, values4, intp, intp, intp, values4), **compiled)
def gradients_of_weight(images, maps, stride, top, left, found):
    """Add the gradients of the kernels of `convolve`, from those of its maps."""
    n_images, channels, height, width = images.shape
    _, _, size, _ = found.shape
    _, _, out_height, out_width = maps.shape
    pitch = max(left + width, (out_width - 1) * stride + size)
    rows = max(top + height, (out_height - 1) * stride + size)
    frame = np.zeros((rows, pitch), np.float32)
    line = frame.reshape(rows * pitch)
    spread = np.zeros((out_height, stride, pitch), np.float32)  # zeros between those of a stride
    gradient = spread.reshape(out_height * stride * pitch)
    length = (out_height - 1) * stride * pitch + (out_width - 1) * stride + 1
    for n in range(n_images):
        for c in range(channels):
            frame[top : top + height, left : left + width] = images[n, c]
            for y in range(out_height):
                for x in range(out_width):
                    spread[y, 0, x * stride] = maps[n, c, y, x]
            for row in range(size):
                gradients(found[c, 0, row], line[row * pitch :], gradient, length)
