"""In which order an epoch goes through the training images."""

import numpy as np


def shuffled(n: int, seed: int, epoch: int) -> np.ndarray:
    """int64 [n], a permutation that follows from seed and epoch: no state need be stored."""
    return np.random.default_rng([seed, epoch]).permutation(n)
