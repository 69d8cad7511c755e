"""In which order an epoch goes through the training images."""

import numpy as np


def shuffled(n: int, seed: int, epoch: int) -> np.ndarray:
    """int64 [n], a permutation that follows from seed and epoch: no state need be stored."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def kept(n: int, share: float, seed: int) -> np.ndarray:
    """int64, sorted: which of n images are trained on where a share, rounded, is held out.

    One at least is kept. The split is that of the seed, whatever the order of the epochs.
    """
    held_out = min(round(share * n), n - 1)
    drawn = np.random.default_rng([seed, n, 0, 1]).permutation(n)
    return np.sort(drawn[held_out:])
