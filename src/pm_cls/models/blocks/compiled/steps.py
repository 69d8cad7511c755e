"""A linear layer's gradients and its step of Momentum in one pass over the weights, by Numba."""

import numba
import numpy as np
from numba import float32, types, void

TOGETHER = 10  # images whose values are taken at once
ZERO = np.float32(0)
matrix = float32[:, ::1]


@numba.njit(
    void(matrix, matrix, matrix, matrix, matrix, types.UniTuple(float32, 3)),
    cache=True,
    fastmath={"contract", "reassoc"},
    error_model="numpy",
    boundscheck=False,
)
def step_of_momentum(weight, velocity, given, gradients, back, settings):
    """Momentum's step of a weight; the gradient is used and not kept.

    Args:
        weight, velocity: [i, o], changed here.
        given: [n, i], what the layer was given.
        gradients: [n, o], of what it gave.
        back: [n, i], filled with the gradients of what it was given, by the weight as it was.
        settings: the learning rate; the part of the velocity that stays; the part of
            the weight that is added to its gradient.
    """
    rate, momentum, decay = settings
    n, outputs = gradients.shape
    padded = (n + TOGETHER - 1) // TOGETHER * TOGETHER
    rows = np.zeros((padded, outputs), np.float32)
    rows[:n] = gradients
    x = np.zeros(padded, np.float32)
    for i in range(weight.shape[0]):
        of_row, speeds = weight[i], velocity[i]
        for b in range(n):
            x[b] = given[b, i]
        for b in range(0, padded, TOGETHER // 2):
            r0, r1, r2, r3, r4 = rows[b], rows[b + 1], rows[b + 2], rows[b + 3], rows[b + 4]
            s0, s1, s2, s3, s4 = ZERO, ZERO, ZERO, ZERO, ZERO
            for j in range(outputs):
                w = of_row[j]
                s0 += w * r0[j]
                s1 += w * r1[j]
                s2 += w * r2[j]
                s3 += w * r3[j]
                s4 += w * r4[j]
            for k, value in enumerate((s0, s1, s2, s3, s4)):
                if b + k < n:
                    back[b + k, i] = value
        for j in range(outputs):
            speeds[j] = momentum * speeds[j] + decay * of_row[j]
        for b in range(0, padded, TOGETHER):
            r0, r1, r2, r3, r4 = rows[b], rows[b + 1], rows[b + 2], rows[b + 3], rows[b + 4]
            r5, r6, r7, r8, r9 = rows[b + 5], rows[b + 6], rows[b + 7], rows[b + 8], rows[b + 9]
            x0, x1, x2, x3, x4 = x[b], x[b + 1], x[b + 2], x[b + 3], x[b + 4]
            x5, x6, x7, x8, x9 = x[b + 5], x[b + 6], x[b + 7], x[b + 8], x[b + 9]
            for j in range(outputs):
                speeds[j] += (x0 * r0[j] + x1 * r1[j] + x2 * r2[j] + x3 * r3[j] + x4 * r4[j]) + (
                    x5 * r5[j] + x6 * r6[j] + x7 * r7[j] + x8 * r8[j] + x9 * r9[j]
                )
        for j in range(outputs):
            of_row[j] -= rate * speeds[j]
