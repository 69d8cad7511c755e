"""Training images changed at random, a little. A new way is a function and a line here.

Each image is changed by a generator that follows from (seed, epoch, image), whatever batch it is in
and however many processes share the work.
"""

from collections.abc import Callable, Mapping

import numpy as np

from pm_cls.config.options import chosen
from pm_cls.runtime.errors import UsageError

# uint8 [channels, height, width], a generator and how strongly -> the same shape
Change = Callable[[np.ndarray, np.random.Generator, float], np.ndarray]


def flip(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Left for right, with this probability."""
    return image[:, :, ::-1] if rng.random() < share else image


def shift(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """By whole pixels, up to this share of height and width; the edge is repeated."""
    _, height, width = image.shape
    down, right = (rng.integers(-int(most * n), int(most * n) + 1) for n in (height, width))
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[:, rows[:, np.newaxis], columns]


AUGMENTATIONS: dict[str, Change] = {"flip": flip, "shift": shift}


def check(steps: Mapping[str, float]) -> None:
    """UsageError where a step is none of `AUGMENTATIONS`, or stronger than 1."""
    for name, strength in steps.items():
        chosen(AUGMENTATIONS, "train.augmentation", name)
        if strength > 1:
            raise UsageError(f"`train.augmentation.{name}` is {strength}; up to 1 is possible")


def augmented(
    images: np.ndarray, indices: np.ndarray, steps: Mapping[str, float], seed: int, epoch: int
) -> np.ndarray:
    """Images after all steps, in the order of `AUGMENTATIONS`.

    Args:
        images: uint8 [n, channels, height, width]; not changed.
        indices: int [n], the place of each in the training set.
        steps: how strongly by name.
    """
    if not steps:
        return images
    changed = np.empty_like(images)
    for n, index in enumerate(indices):
        rng, image = np.random.default_rng([seed, epoch, index, 2]), images[n]
        for name, change in AUGMENTATIONS.items():
            if name in steps:
                image = change(image, rng, steps[name])
        changed[n] = image
    return changed
