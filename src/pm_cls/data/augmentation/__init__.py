"""Training images changed at random, a little.

A new step is a function and a line in `AUGMENTATIONS`.

Each image is changed by a generator that follows from (seed, epoch, image), whatever batch it is in
and however many processes share the work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pm_cls.config.options import chosen
from pm_cls.data.augmentation import pixels, places
from pm_cls.data.augmentation.pixels import colour_axes
from pm_cls.runtime.errors import UsageError

# uint8 [channels, height, width], a generator and how strongly -> the same shape
Change = Callable[[np.ndarray, np.random.Generator, float], np.ndarray]


@dataclass(frozen=True)
class Step:
    """A way to change an image.

    Attributes:
        usual, most: the strength that the study of techniques gives it, and the greatest.
        coloured: it needs RGB.
    """

    change: Change
    usual: float
    most: float
    meaning: str
    coloured: bool = False


def _as_it_is(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    return image


MIXUP, FANCY_PCA = "mixup", "fancy_pca"

# In the order in which they are made.
AUGMENTATIONS: dict[str, Step] = {
    "flip": Step(places.flip, 0.5, 1, "left for right with this probability"),
    "shift": Step(
        places.shift, 0.1, 1, "by up to this share of height and width; the edge is repeated"
    ),
    "rotation": Step(places.rotation, 15, 180, "by up to so many degrees; black from outside"),
    "scale": Step(places.scale, 0.2, 3, "by a factor from 1/(1 + s) to 1 + s; black from outside"),
    "crop": Step(
        places.crop, 0.25, 0.95, "a part whose sides are shorter by up to this share, enlarged"
    ),
    "brightness": Step(pixels.brightness, 0.3, 1, "times 1 - s to 1 + s"),
    "contrast": Step(
        pixels.contrast, 0.3, 1, "differences from the mean grey times 1 - s to 1 + s"
    ),
    "saturation": Step(
        pixels.saturation, 0.3, 1, "differences from grey times 1 - s to 1 + s", True
    ),
    "hue": Step(pixels.hue, 0.05, 0.5, "turned by up to this share of the circle", True),
    FANCY_PCA: Step(
        pixels.fancy_pca,
        0.1,
        3,
        "colours moved along their main axes, of this SD (Krizhevsky et al. 2012: 0.1)",
        True,
    ),
    "gamma": Step(pixels.gamma, 0.5, 3, "of 255ths, to a power from 1/(1 + s) to 1 + s"),
    "balance": Step(
        pixels.balance, 0.15, 1, "each channel times its own factor from 1 - s to 1 + s"
    ),
    "haze": Step(pixels.haze, 0.3, 1, "white laid over it, up to this share"),
    "blur": Step(pixels.blur, 1.5, 20, "Gaussian, of an SD of up to so many pixels"),
    "noise": Step(pixels.noise, 10, 128, "Gaussian, of an SD of so many of 255 levels"),
    "resolution": Step(
        pixels.resolution, 1, 20, "smaller by a factor of up to 1 + s, and large again"
    ),
    "jpeg": Step(pixels.jpeg, 0.8, 0.99, "a file of a quality of 100 down to 100 (1 - s)"),
    "cutout": Step(
        places.cutout,
        0.3,
        1,
        "a square of this share of the side made mid-grey (DeVries and Taylor 2017)",
    ),
    MIXUP: Step(
        _as_it_is, 0.4, 10, "with another image, in shares of Beta(s, s) (Zhang et al. 2018)"
    ),
}


def check(steps: Mapping[str, float], channels: int) -> None:
    """UsageError where a step is none of `AUGMENTATIONS`, too strong, or not for the channels."""
    for name, strength in steps.items():
        step = chosen(AUGMENTATIONS, "train.augmentation", name)
        if strength > step.most:
            raise UsageError(
                f"`train.augmentation.{name}` is {strength:g}; up to {step.most:g} is possible"
            )
        if step.coloured and channels != 3:
            raise UsageError(
                f"`train.augmentation.{name}` needs red, green and blue; the images have "
                f"{channels} channel"
            )


class Augmentation:
    """The steps of a run, with how strongly, and what they need to know of the training images.

    mixup (Zhang et al. 2018): an image becomes `share` of itself and the rest of another training
    image, changed by the other steps too; its loss is that of both labels in these shares.

    Args:
        images: uint8 [n, channels, height, width], all that `indices` may name.
        kept: int64, those that are trained on, of which mixup draws.
    """

    def __init__(
        self, steps: Mapping[str, float], images: np.ndarray, kept: np.ndarray, seed: int
    ) -> None:
        self._images, self._kept, self._seed = images, kept, seed
        self._steps = {name: steps[name] for name in AUGMENTATIONS if name in steps}
        self._changes = {name: AUGMENTATIONS[name].change for name in self._steps}
        if FANCY_PCA in steps:
            axes = colour_axes(images, kept)
            self._changes[FANCY_PCA] = lambda image, rng, s: pixels.fancy_pca(image, rng, s, axes)

    def images(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        """uint8 [n, channels, height, width]: the images of these places, after all steps."""
        if not self._steps:
            return self._images[indices]
        changed = np.stack([self._changed(index, epoch) for index in indices])
        if MIXUP in self._steps:
            others, shares = self.partners(indices, epoch)
            mixed = np.stack([self._changed(other, epoch) for other in others]).astype(np.float32)
            by_image = shares.reshape(-1, 1, 1, 1).astype(np.float32)
            mixed += by_image * (changed - mixed)
            changed = np.rint(mixed).astype(np.uint8)
        return changed

    def partners(self, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Of mixup: the place of the other image, int64 [n], and the share of its own, float64.

        Shares are one half and more, so that an image keeps its label where it counts alone.
        """
        strength = self._steps.get(MIXUP)
        if strength is None:
            return indices, np.ones(len(indices))
        drawn = [np.random.default_rng([self._seed, epoch, index, 4]) for index in indices]
        others = [self._kept[rng.integers(len(self._kept))] for rng in drawn]
        shares = np.array([rng.beta(strength, strength) for rng in drawn])
        return np.array(others), np.maximum(shares, 1 - shares)

    def _changed(self, index: int, epoch: int) -> np.ndarray:
        rng, image = np.random.default_rng([self._seed, epoch, index, 2]), self._images[index]
        for name, change in self._changes.items():
            image = change(image, rng, self._steps[name])
        return image
