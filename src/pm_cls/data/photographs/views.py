"""Photographs made alike before they are sampled: the field of view cropped, one mean colour.

Cameras differ in how much dark they leave around the eye, in the form that they cut it to, and in
their colours. `data.field_of_view` and `data.colour` say which of it is taken away.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from pm_cls.config import DataConfig
from pm_cls.data.photographs.images import Box, field_of_view, sample
from pm_cls.data.transforms import in_order

LOOKED_AT = 256  # pixels of the longer side at which the field of view is sought
CORNER = 0.04  # share of the sides that a corner takes
EVEN, ALIKE = 6, 16  # grey levels: SD within a corner, spread between corners, of a border
STEP, SHARE = 10, 0.12  # grey levels, or share of the contrast, that the eye is brighter by
LEAST = 0.1  # share of a photograph that is a field of view at least
MEAN_COLOUR = (120.0, 72.0, 45.0)  # about that of the official training photographs
MOST_GAIN = 4.0

Sampled = Callable[[Image.Image, int], np.ndarray]  # RGB, pixels a side -> uint8 [3, size, size]


def sampler(config: DataConfig) -> Sampled:
    """How a photograph becomes an array, as the config's `data` section asks."""

    def sampled(image: Image.Image, size: int) -> np.ndarray:
        is_cropped = config.field_of_view == "crop"
        pixels = sample(image, size, view_box(image) if is_cropped else None)
        return with_mean_colour(pixels) if config.colour == "even" else pixels

    return sampled


def resampled(images: np.ndarray, config: DataConfig) -> np.ndarray:
    """Photographs that are sampled already, as the config's `data` section asks, in its order.

    Args:
        images: uint8 [n, 3, size, size] in RGB; the same comes back where nothing is asked.
    """
    sampled = sampler(config)
    pictures = (Image.fromarray(np.ascontiguousarray(one.transpose(1, 2, 0))) for one in images)
    rgb = np.stack([sampled(one, images.shape[-1]) for one in pictures])
    return np.ascontiguousarray(in_order(rgb, config.channel_order))


def view_box(image: Image.Image) -> Box:
    """The smallest square around the field of view: left, top, right and lower end in pixels.

    It may reach beyond the photograph, where the field of view is cut off. Text, reflections and
    other bright places in the border do not count. A photograph without a border is taken whole.
    """
    scale = max(image.size) / LOOKED_AT
    width, height = (max(round(n / scale), 1) for n in image.size)
    small = image.resize((width, height), Image.Resampling.BOX)
    found = _view(np.asarray(small).max(axis=2).astype(np.float64))
    if found is None:
        left, top, right, bottom = 0.0, 0.0, float(image.width), float(image.height)
    else:
        top, left = (scale * ends[0] for ends in found)
        bottom, right = (scale * ends[1] for ends in found)
    half = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return round(x - half), round(y - half), round(x + half), round(y + half)


def _view(grey: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """First and one past the last row, and column, of the field of view; None without a border."""
    from scipy import ndimage  # takes half a second, which prediction does not need as a rule

    height, width = grey.shape
    tall, wide = (max(round(CORNER * n), 1) for n in (height, width))
    corners = [
        grey[rows, columns]
        for rows in (slice(tall), slice(height - tall, None))
        for columns in (slice(wide), slice(width - wide, None))
    ]
    even = [float(np.median(one)) for one in corners if one.std() <= EVEN]
    if len(even) < 3:  # one may have text in it
        return None
    border = float(np.median(even))
    if max(abs(one - border) for one in sorted(even, key=lambda v: abs(v - border))[:3]) > ALIKE:
        return None
    bright = float(np.percentile(grey, 95))
    mask = grey > border + max(STEP, SHARE * (bright - border))
    parts, count = ndimage.label(ndimage.binary_opening(mask, iterations=2))
    if not count:
        return None
    sizes = np.bincount(parts.ravel())[1:]
    eye = ndimage.binary_fill_holes(parts == 1 + int(sizes.argmax()))
    if eye.mean() < LEAST:
        return None
    return _extent(eye.sum(axis=1)), _extent(eye.sum(axis=0))


def _extent(counts: np.ndarray) -> tuple[int, int]:
    """Where a profile is more than a thin line: a twentieth of its greatest width."""
    there = np.flatnonzero(counts > max(counts.max() // 20, 1))
    return int(there[0]), int(there[-1]) + 1


def with_mean_colour(pixels: np.ndarray) -> np.ndarray:
    """uint8 [3, h, w] in RGB with MEAN_COLOUR as the mean of its field of view.

    A channel is multiplied by at most MOST_GAIN, or divided by it.
    """
    inside = field_of_view(pixels[np.newaxis])[0]
    if not inside.any():
        return pixels
    means = pixels[:, inside].mean(axis=1).clip(min=1)
    gains = np.clip(np.array(MEAN_COLOUR) / means, 1 / MOST_GAIN, MOST_GAIN)
    return np.clip(np.rint(pixels * gains.reshape(3, 1, 1)), 0, 255).astype(np.uint8)
