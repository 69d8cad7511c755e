"""Steps that move pixels: images are uint8 [channels, height, width], and keep that shape."""

import math

import numpy as np
from PIL import Image

MID_GREY = 128  # nearest to 0 in [-1, 1]


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


def rotation(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """About the centre, by up to so many degrees in either direction."""
    return about_centre(image, degrees=rng.uniform(-most, most))


def scale(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """About the centre, by a factor from 1 / (1 + most) to 1 + most; its logarithm is uniform."""
    return about_centre(image, factor=math.exp(rng.uniform(-1, 1) * math.log1p(most)))


def crop(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """A part with sides shorter by up to this share, at a random place, brought to the whole."""
    _, height, width = image.shape
    part = 1 - rng.uniform(0, most)
    top, left = rng.uniform(0, (1 - part) * height), rng.uniform(0, (1 - part) * width)
    return _mapped(image, (part, 0.0, left, 0.0, part, top))


def cutout(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """A square of this share of the shorter side made grey; it may lie partly outside.

    DeVries and Taylor (2017).
    """
    _, height, width = image.shape
    side = max(round(share * min(height, width)), 1)
    top, left = (int(rng.integers(n)) - side // 2 for n in (height, width))
    covered = image.copy()
    covered[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = MID_GREY
    return covered


def about_centre(image: np.ndarray, degrees: float = 0.0, factor: float = 1.0) -> np.ndarray:
    """Turned counterclockwise and enlarged, sampled bilinearly, black from outside."""
    _, height, width = image.shape
    x, y = width / 2, height / 2
    cosine, sine = (f(math.radians(degrees)) / factor for f in (math.cos, math.sin))
    # Pillow asks for each pixel of the result where it comes from.
    return _mapped(
        image,
        (cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y),
    )


def _mapped(image: np.ndarray, affine: tuple[float, ...]) -> np.ndarray:
    _, height, width = image.shape
    method, sampled = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    channels = (Image.fromarray(np.ascontiguousarray(one)) for one in image)
    return np.stack(
        [np.asarray(one.transform((width, height), method, affine, sampled)) for one in channels]
    )
