"""Controlled changes of camera and operator, in five strengths; the same pixels every time.

Strength 3 is what a photograph from another hospital may well have; the others are in proportion,
of factors and of quality and resolution by powers. Sizes in pixels are those of 224 and grow with
the image.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pm_cls.data.augmentation.pixels import (
    GREY,
    blurred,
    coarsened,
    hazed,
    rounded,
    through_jpeg,
)
from pm_cls.data.augmentation.places import about_centre

STRENGTHS = (1, 2, 3, 4, 5)
USUAL_SIZE = 224

# uint8 [3, height, width] in RGB, the strength over 3, a generator -> the same shape
Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Cell:
    """One change in one strength."""

    change: str
    strength: int


def cells(strengths: Sequence[int] = STRENGTHS) -> list[Cell]:
    """All changes in these strengths; one that has none comes with the third alone."""
    return [
        Cell(change, strength)
        for change in CHANGES
        for strength in strengths
        if strength == 3 or change not in WITHOUT_STRENGTH
    ]


def changed(images: np.ndarray, cell: Cell) -> np.ndarray:
    """uint8 [n, 3, height, width] in RGB, changed; noise follows from change and place alone."""
    change, share = CHANGES[cell.change], cell.strength / 3
    key = zlib.crc32(cell.change.encode())
    return np.stack(
        [change(one, share, np.random.default_rng([key, i])) for i, one in enumerate(images)]
    )


def _factor(at_three: float) -> Change:
    """All values times this factor to the power of the strength."""
    return lambda image, share, rng: rounded(image * at_three**share)


def _gamma(at_three: float) -> Change:
    """(value / 255) ** gamma: below one lighter, above one darker."""
    return lambda image, share, rng: rounded(255 * (image / 255) ** (at_three**share))


def _channel(number: int, by: float) -> Change:
    """One of red, green and blue times 1 + by."""

    def change(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
        values = image.astype(np.float64)
        values[number] *= 1 + by * share
        return rounded(values)

    return change


def _contrast(by: float) -> Change:
    """Differences from the mean grey times 1 + by."""

    def change(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
        mean = np.tensordot(GREY, image.astype(np.float64), axes=1).mean()
        return rounded(mean + (1 + by * share) * (image - mean))

    return change


def _saturation(by: float) -> Change:
    """Differences of a pixel from its grey value times 1 + by."""

    def change(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
        grey = np.tensordot(GREY, image.astype(np.float64), axes=1)
        return rounded(grey + max(1 + by * share, 0) * (image - grey))

    return change


def _haze(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """White laid over it, 30%."""
    return hazed(image, 0.3 * share)


def _blur(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian of SD 1.5."""
    return blurred(image, 1.5 * share * image.shape[-1] / USUAL_SIZE)


def _noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Normal, SD 10 of 255."""
    return rounded(image + rng.normal(0, 10 * share, image.shape))


def _jpeg(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Quality 20."""
    return through_jpeg(image, 100 * 0.2**share)


def _resolution(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """96 pixels and back."""
    return coarsened(image, (96 / USUAL_SIZE) ** share)


def _zoom(at_three: float) -> Change:
    """About the centre; black from outside."""
    return lambda image, share, rng: about_centre(image, factor=at_three**share)


def _shift(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """To the right by 10% of the width; black from outside."""
    by = round(0.1 * share * image.shape[2])
    moved = np.zeros_like(image)
    moved[:, :, by:] = image[:, :, : image.shape[2] - by]
    return moved


def _rotation(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """By 30 degrees."""
    return about_centre(image, degrees=30 * share)


def _cut(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A quarter of the height black, half of it at the top and half at the bottom."""
    by = round(0.125 * share * image.shape[1])
    left = image.copy()
    left[:, :by] = left[:, image.shape[1] - by :] = 0
    return left


def _mirrored(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Left for right."""
    return image[:, :, ::-1]


CHANGES: dict[str, Change] = {
    "darker": _factor(0.7),
    "lighter": _factor(1.3),
    "gamma 0.6": _gamma(0.6),
    "gamma 1.6": _gamma(1.6),
    "less red": _channel(0, -0.2),
    "more red": _channel(0, 0.2),
    "less green": _channel(1, -0.2),
    "more green": _channel(1, 0.2),
    "less blue": _channel(2, -0.2),
    "more blue": _channel(2, 0.2),
    "less contrast": _contrast(-0.4),
    "more contrast": _contrast(0.5),
    "less saturation": _saturation(-0.6),
    "more saturation": _saturation(0.6),
    "haze": _haze,
    "blur": _blur,
    "noise": _noise,
    "JPEG": _jpeg,
    "resolution": _resolution,
    "zoom out": _zoom(0.8),
    "zoom in": _zoom(1.25),
    "shift": _shift,
    "rotation": _rotation,
    "cut": _cut,
    "mirrored": _mirrored,
}
WITHOUT_STRENGTH = {"mirrored"}
