"""Convolution and 2x2 pooling in one pass over the images, for few channels; compiled by Numba.

A row of an image and the rows below it lie one after the other. So for a kernel of COLUMNS columns
each of its rows is a correlation of one long row, and only the last COLUMNS - 1 values of each row
of the result mean nothing. Some rows at a time stay in the processor's first cache; pooling takes
them from there, and stores maxima and places alone.
"""

import numba
import numpy as np
from numba import float32, int8, types, void

COLUMNS = 5
ROWS = 4  # of pooled outputs at a time
ZERO = np.float32(0)

values, values4, places4 = float32[::1], float32[:, :, :, ::1], int8[:, :, :, ::1]
compiled = {
    "cache": True,
    "fastmath": {"contract", "reassoc"},  # sums may be taken in any order; NaN stays NaN
    "error_model": "numpy",
    "boundscheck": False,
}
inner = {**compiled, "cache": False, "no_cpython_wrapper": True}  # a part of those that call it


@numba.njit(**inner)
def correlate(a, b, source, kernel_a, kernel_b, length):
    """Add the correlations of a source with two kernels to `a` and `b`."""
    for t in range(length):
        sum_a, sum_b = ZERO, ZERO
        for k in range(COLUMNS):
            sum_a += kernel_a[k] * source[t + k]
            sum_b += kernel_b[k] * source[t + k]
        a[t] += sum_a
        b[t] += sum_b


@numba.njit(**inner)
def correlate_gradients(a, b, source, kernel_a, kernel_b, length):
    """Add what two kernels get of the gradients `a` and `b` of their correlations."""
    a0, a1, a2, a3, a4 = ZERO, ZERO, ZERO, ZERO, ZERO
    b0, b1, b2, b3, b4 = ZERO, ZERO, ZERO, ZERO, ZERO
    for t in range(length):
        s0, s1, s2, s3, s4 = source[t], source[t + 1], source[t + 2], source[t + 3], source[t + 4]
        a0 += a[t] * s0
        a1 += a[t] * s1
        a2 += a[t] * s2
        a3 += a[t] * s3
        a4 += a[t] * s4
        b0 += b[t] * s0
        b1 += b[t] * s1
        b2 += b[t] * s2
        b3 += b[t] * s3
        b4 += b[t] * s4
    kernel_a[0] += a0
    kernel_a[1] += a1
    kernel_a[2] += a2
    kernel_a[3] += a3
    kernel_a[4] += a4
    kernel_b[0] += b0
    kernel_b[1] += b1
    kernel_b[2] += b2
    kernel_b[3] += b3
    kernel_b[4] += b4


@numba.njit(**inner)
def pool(maps, pitch, maxima, places):
    """The maxima of 2x2 windows, and which of the four it was; of equal ones the first."""
    rows, width = maxima.shape
    for y in range(rows):
        top = maps[2 * y * pitch : 2 * y * pitch + 2 * width]
        bottom = maps[(2 * y + 1) * pitch : (2 * y + 1) * pitch + 2 * width]
        for x in range(width):
            most, place = top[2 * x], np.int8(0)
            for number, value in enumerate((top[2 * x + 1], bottom[2 * x], bottom[2 * x + 1])):
                place = np.int8(number + 1) if value > most else place
                most = value if value > most else most
            maxima[y, x] = most
            places[y, x] = place


@numba.njit(**inner)
def unpool(gradients, places, maps, pitch):
    """The gradients at the places of the maxima, zeros elsewhere in the windows."""
    rows, width = gradients.shape
    for y in range(rows):
        top = maps[2 * y * pitch : 2 * y * pitch + 2 * width]
        bottom = maps[(2 * y + 1) * pitch : (2 * y + 1) * pitch + 2 * width]
        for x in range(width):
            gradient, place = gradients[y, x], places[y, x]
            top[2 * x] = gradient if place == 0 else ZERO
            top[2 * x + 1] = gradient if place == 1 else ZERO
            bottom[2 * x] = gradient if place == 2 else ZERO
            bottom[2 * x + 1] = gradient if place == 3 else ZERO


@numba.njit(numba.boolean(values), **compiled)
def are_finite(numbers):
    total = ZERO
    for i in range(len(numbers)):
        total += numbers[i] * ZERO
    return total == ZERO


@numba.njit(numba.boolean(values4, values4, values, values4, places4), **compiled)
def convolve_and_pool(images, weight, bias, maxima, places):
    """Convolve with stride 1, add the bias, and pool 2x2 with stride 2.

    Args:
        images: [n, c, h, w].
        weight: [o, c, rows, COLUMNS], o even.
        bias: [o].
        maxima, places: [n, o, (h - rows + 1) // 2, (w - COLUMNS + 1) // 2], filled here.

    Returns:
        Whether images and maxima are finite; else they may differ from Paddle's.
    """
    n_images, channels, height, pitch = images.shape
    outputs, _, kernel_rows, _ = weight.shape
    _, _, pooled_height, pooled_width = maxima.shape
    a = np.empty(2 * ROWS * pitch, np.float32)
    b = np.empty(2 * ROWS * pitch, np.float32)
    for n in range(n_images):
        for y in range(0, pooled_height, ROWS):
            end = min(y + ROWS, pooled_height)
            length = (2 * (end - y) - 1) * pitch + 2 * pooled_width
            for o in range(0, outputs, 2):
                a[:length] = bias[o]
                b[:length] = bias[o + 1]
                for c in range(channels):
                    image = images[n, c].reshape(height * pitch)
                    for row in range(kernel_rows):
                        source = image[(2 * y + row) * pitch :]
                        correlate(a, b, source, weight[o, c, row], weight[o + 1, c, row], length)
                pool(a, pitch, maxima[n, o, y:end], places[n, o, y:end])
                pool(b, pitch, maxima[n, o + 1, y:end], places[n, o + 1, y:end])
    return are_finite(images.reshape(images.size)) and are_finite(maxima.reshape(maxima.size))


@numba.njit(**inner)
def reach(kernel_rows, pitch):
    """How many of the values before one a kernel brings back to it."""
    return (kernel_rows - 1) * pitch + COLUMNS - 1


@numba.njit(**inner)
def correlate_back(back, maps, to_image, start, length, pitch):
    """Add to rows of an image what maps, which begin with the rows above, bring back."""
    outputs, channels, kernel_rows, _ = back.shape
    before = reach(kernel_rows, pitch)
    for c in range(0, channels, 2):
        a = to_image[c].reshape(to_image[c].size)[start:]
        b = to_image[c + 1].reshape(to_image[c].size)[start:]
        for o in range(outputs):
            for row in range(kernel_rows):
                source = maps[o, before - row * pitch - (COLUMNS - 1) :]
                correlate(a, b, source, back[o, c, row], back[o, c + 1, row], length)


@numba.njit(
    void(values4, values4, values4, places4, types.Tuple((values4, values4, values))), **compiled
)
def gradients_of_both(images, weight, gradients, places, found):
    """The gradients of `convolve_and_pool`, added to those found.

    Args:
        gradients: of the maxima.
        found: of the images, c even, or empty where it is not wanted; of weight and bias.
    """
    to_images, to_weight, to_bias = found
    n_images, channels, height, pitch = images.shape
    outputs, _, kernel_rows, _ = weight.shape
    _, _, pooled_height, pooled_width = gradients.shape
    back = weight[:, :, :, ::-1].copy()
    before = reach(kernel_rows, pitch)
    maps = np.empty((outputs, before + 2 * ROWS * pitch), np.float32)
    for n in range(n_images):
        maps[:] = 0
        for y in range(0, pooled_height, ROWS):
            end = min(y + ROWS, pooled_height)
            length = (2 * (end - y) - 1) * pitch + 2 * pooled_width
            for o in range(outputs):
                unpool(gradients[n, o, y:end], places[n, o, y:end], maps[o, before:], pitch)
                to_bias[o] += gradients[n, o, y:end].sum()
            for c in range(channels):
                image = images[n, c].reshape(height * pitch)
                for row in range(kernel_rows):
                    source = image[(2 * y + row) * pitch :]
                    for o in range(0, outputs, 2):
                        correlate_gradients(
                            maps[o, before:], maps[o + 1, before:], source,
                            to_weight[o, c, row], to_weight[o + 1, c, row], length,
                        )  # fmt: skip
            if to_images.size:
                moved = 2 * (end - y) * pitch
                correlate_back(back, maps, to_images[n], 2 * y * pitch, moved, pitch)
                for o in range(outputs):
                    maps[o, :before] = maps[o, moved : moved + before].copy()
                    maps[o, before:] = 0
        if to_images.size:  # the rows that the last ones reach into
            done = 2 * pooled_height * pitch
            correlate_back(back, maps, to_images[n], done, height * pitch - done, pitch)
