"""Photographs with one thing taken away, so that the answers tell what a network needs.

A network never saw such images, so that a fall has two readings: the thing was needed, or the image
is too strange. That an answer stays is the plainer finding.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from pm_cls.data.photographs.images import field_of_view

Change = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _grey(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.broadcast_to(images.mean(axis=1, keepdims=True), images.shape)


def _even_colour(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    shift = colour[:, np.newaxis, np.newaxis] - _mean_colour(images, views)
    return np.where(views, images + shift, images)


def _blurred(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Means over places within the field of view alone, so that its edge stays sharp."""
    return np.where(views, _smooth(images * views) / np.maximum(_smooth(views), 1e-6), images)


def _flat(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.where(views, _mean_colour(images, views), 0)


def _outline(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.where(views, colour[:, np.newaxis, np.newaxis], 0)


def _no_outline(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The same circle of every photograph, 0.8 of it wide."""
    return np.where(_discs(images, np.full((len(images), 2), 0.5), 0.4), images, 0)


def _no_bright_place(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    covered = _discs(images, _brightest(images, views), SPOT)
    return np.where(covered & views, _mean_colour(images, views), images)


def _no_opposite_place(images: np.ndarray, views: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The control of the last one: as large a place, across the middle."""
    covered = _discs(images, 1 - _brightest(images, views), SPOT)
    return np.where(covered & views, _mean_colour(images, views), images)


SPOT = 1 / 7  # radius over the side of an image; a disc with its atrophy fits in
ABLATIONS: dict[str, Change] = {
    "as it is": lambda images, views, colour: images,
    "grey": _grey,
    "even colour": _even_colour,
    "no outline": _no_outline,
    "no bright place": _no_bright_place,
    "no opposite place": _no_opposite_place,
    "blurred": _blurred,
    "flat": _flat,
    "outline": _outline,
}


def changed(images: np.ndarray, ablation: str, colour: np.ndarray) -> np.ndarray:
    """The images after a change of ABLATIONS.

    Args:
        images: uint8 [n, 3, size, size].
        colour: float [3], the mean colour within the field of view of the training photographs.

    Returns:
        uint8 of the same shape.
    """
    views = field_of_view(images)[:, np.newaxis]
    taken = ABLATIONS[ablation](images, views, colour)
    return np.rint(np.clip(taken, 0, 255)).astype(np.uint8)


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Within the field of view of each, then over all: float64 [channels]."""
    return _mean_colour(images, field_of_view(images)[:, np.newaxis]).mean(axis=(0, 2, 3))


def _mean_colour(images: np.ndarray, views: np.ndarray) -> np.ndarray:
    """[n, channels, 1, 1]; zero where nothing of a photograph is bright."""
    total = (images * views).sum(axis=(2, 3), keepdims=True, dtype=np.float64)
    return total / np.maximum(views.sum(axis=(2, 3), keepdims=True), 1)


def _smooth(values: np.ndarray) -> np.ndarray:
    sigma = values.shape[-1] / 14
    return ndimage.gaussian_filter(values.astype(np.float32), (0, 0, sigma, sigma))


def _brightest(images: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Row and column, as shares of the side, where a smoothed photograph is brightest: [n, 2]."""
    smooth = _blurred(images.mean(axis=1, keepdims=True), views, np.empty(0))
    n, _, height, width = smooth.shape
    places = np.where(views, smooth, -1).reshape(n, -1).argmax(axis=1)
    rows, columns = np.divmod(places, width)
    return np.stack([(rows + 0.5) / height, (columns + 0.5) / width], axis=1)


def _discs(images: np.ndarray, centres: np.ndarray, radius: float) -> np.ndarray:
    """bool [n, 1, size, size]: what lies within the radius, in shares of the side."""
    side = images.shape[-1]
    at = (np.arange(side) + 0.5) / side
    rows = (at[:, np.newaxis] - centres[:, 0, np.newaxis, np.newaxis]) ** 2
    columns = (at - centres[:, 1, np.newaxis, np.newaxis]) ** 2
    return (rows + columns < radius**2)[:, np.newaxis]
