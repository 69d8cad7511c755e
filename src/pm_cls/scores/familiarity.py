"""Whether an image is like those that a network was trained on, by what its last layer is given."""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 5
SHARE = 0.99  # of the training images are as near to the others as `limit`
BLOCK = 256


@dataclass(frozen=True)
class Familiar:
    """Training images as points.

    Attributes:
        mean, spread: float32 [features]; of the training images, spread without zeros.
        points: float32 [n, features], of mean 0 and spread 1.
        limit: of the distance, above which an image is unlike all of them.
    """

    mean: np.ndarray
    spread: np.ndarray
    points: np.ndarray
    limit: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        """float64 [k]: the mean distance to the nearest NEIGHBOURS points, per root of features."""
        return _distances((features - self.mean) / self.spread, self.points, NEIGHBOURS)

    def is_unlike(self, features: np.ndarray) -> np.ndarray:
        """bool [k]."""
        return self.distance(features) > self.limit


def fit(features: np.ndarray) -> Familiar:
    """Of float [n, features] of the training images, n from NEIGHBOURS + 1 on."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-6 * max(spread.max(), 1e-12), spread, 1.0)
    points = ((features - mean) / spread).astype(np.float32)
    to_others = _distances(points, points, NEIGHBOURS, skip=1)  # the nearest one is itself
    limit = float(np.quantile(to_others, SHARE))
    return Familiar(mean.astype(np.float32), spread.astype(np.float32), points, limit)


def _distances(values: np.ndarray, points: np.ndarray, count: int, skip: int = 0) -> np.ndarray:
    found, squares = [], (points.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK].astype(np.float64)
        cross = block @ points.T.astype(np.float64)
        squared = (block**2).sum(axis=1)[:, np.newaxis] + squares - 2 * cross
        nearest = np.sort(squared, axis=1)[:, skip : skip + count]
        found.append(np.sqrt(np.maximum(nearest, 0) / points.shape[1]).mean(axis=1))
    return np.concatenate(found)
