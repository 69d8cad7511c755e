"""Which training images an epoch goes through, in which order. A new way is a line in `ORDERS`.

Everything drawn follows from seed and epoch: no state need be stored.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pm_cls.config.options import chosen
from pm_cls.data.dataset import Split
from pm_cls.runtime.errors import UsageError

# int64 classes [n] of the images that are trained on, images a batch, seed, epoch -> int64 places
Order = Callable[[np.ndarray, int, int, int], np.ndarray]


def shuffled(n: int, seed: int, epoch: int) -> np.ndarray:
    """int64 [n], a permutation that follows from seed and epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def _all_shuffled(labels: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """All images, shuffled anew in each epoch."""
    return shuffled(len(labels), seed, epoch)


def _as_stored(labels: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """All images, in the order of the data in every epoch."""
    return np.arange(len(labels))


def oversampled(labels: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """All images; those of rarer classes again, drawn anew each epoch, up to the most frequent.

    What is shown again within an epoch is changed by augmentation in the same way.
    """
    return _of_equal_size(labels, max, seed, epoch)


def undersampled(labels: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """As many of each class as the rarest has, drawn anew each epoch."""
    return _of_equal_size(labels, min, seed, epoch)


def balanced_batches(labels: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """As `oversampled`, with the classes in turn, so that their counts in a batch differ by one."""
    drawn = oversampled(labels, batch_size, seed, epoch)
    by_class = np.stack([drawn[labels[drawn] == one] for one in np.unique(labels)])
    return by_class.T.reshape(-1)


ORDERS: dict[str, Order] = {
    "shuffled": _all_shuffled,
    "as_stored": _as_stored,
    "oversampled": oversampled,
    "undersampled": undersampled,
    "balanced_batches": balanced_batches,
}
BY_CLASS = (oversampled, undersampled, balanced_batches)


def check(name: str, labels: np.ndarray) -> Order:
    """The order of this name; UsageError where there is none, or the labels are no classes."""
    order = chosen(ORDERS, "train.order", name)
    if order in BY_CLASS and labels.ndim > 1:
        raise UsageError(f"`train.order` {name} goes by the class; the images have several labels")
    return order


def kept(split: Split, share: float, seed: int) -> np.ndarray:
    """int64, sorted: which of n images are trained on where a share, rounded, is held out.

    One at least is kept. The split is that of the seed, whatever the order of the epochs. All
    photographs of a patient, where the data tell, are held out together: as many patients as give
    the share, or a few more photographs.
    """
    n = len(split.labels)
    held_out = min(round(share * n), n - 1)
    drawn = np.random.default_rng([seed, n, 0, 1]).permutation(n)
    if split.patients is not None and held_out:
        of_it = split.patients[drawn]
        met = of_it[np.sort(np.unique(of_it, return_index=True)[1])]  # in the order of the draw
        totals = np.cumsum([(of_it == one).sum() for one in met])
        out = met[: min(int(np.searchsorted(totals, held_out)) + 1, len(met) - 1)]
        return np.flatnonzero(~np.isin(split.patients, out))
    return np.sort(drawn[held_out:])


def thinned(
    places: np.ndarray, labels: np.ndarray, shares: Mapping[int, float], seed: int
) -> np.ndarray:
    """int64, sorted: of these places those that are left where of some classes only a share is.

    Args:
        labels: int64, the class at each place of the data.
        shares: by class; at least one image of it stays.

    Raises:
        UsageError: a class that none of the images has, or labels that are no classes.
    """
    if not shares:
        return places
    if labels.ndim > 1:
        raise UsageError("`train.thinned` goes by the class; the images have several labels")
    rng, left = np.random.default_rng([seed, len(labels), 0, 6]), []
    known = np.unique(labels[places])
    for one in sorted(shares):
        if one not in known:
            raise UsageError(
                f"`train.thinned` names class {one}; the training images have "
                f"{', '.join(map(str, known))}"
            )
    for one in known:
        of_class = rng.permutation(places[labels[places] == one])
        left.append(of_class[: max(round(shares.get(int(one), 1) * len(of_class)), 1)])
    return np.sort(np.concatenate(left))


def held_out(split: Split, share: float, seed: int) -> np.ndarray:
    """int64, sorted: the images that `kept` leaves out."""
    return np.setdiff1d(np.arange(len(split.labels)), kept(split, share, seed))


def _of_equal_size(
    labels: np.ndarray, size: Callable[[Sequence[int]], int], seed: int, epoch: int
) -> np.ndarray:
    rng = np.random.default_rng([seed, epoch, 3])
    places = [np.flatnonzero(labels == one) for one in np.unique(labels)]
    n = size([len(of_class) for of_class in places])
    drawn = [
        np.concatenate([rng.permutation(p) for _ in range(-(-n // len(p)))])[:n] for p in places
    ]
    return rng.permutation(np.concatenate(drawn))
