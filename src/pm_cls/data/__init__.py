"""Data sets by name. A new one is a file with `load(config.data) -> Dataset` and a line here."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import ichallenge_pm, mnist
from pm_cls.data.arrays import Dataset, Split
from pm_cls.errors import UsageError

DATASETS: dict[str, Callable[[DataConfig], Dataset]] = {
    "ichallenge_pm": ichallenge_pm.load,
    "mnist": mnist.load,
}


def load_dataset(config: DataConfig) -> Dataset:
    """Load the data set that a config's `data` section names.

    Raises:
        UsageError: there is no data set of that name.
        DataError: the data are missing or bad.
    """
    if config.name not in DATASETS:
        raise UsageError(f"`data.name` is {config.name!r}; known: {', '.join(DATASETS)}")
    dataset = DATASETS[config.name](config)
    return dataset if config.limit is None else _cut(dataset, config.limit)


def _cut(dataset: Dataset, limit: int) -> Dataset:
    """The data set with `limit` images in each split, or all where there are fewer."""
    train, validation = _drawn(dataset.train, limit), _drawn(dataset.validation, limit)
    notes = {**dataset.notes, "limit": limit}
    if "repeated" in notes:
        left = {*train.names, *validation.names}
        groups = ([name for name in group if name in left] for group in notes["repeated"])
        notes["repeated"] = [group for group in groups if len(group) > 1]
    digest = hashlib.sha256(f"{dataset.digest} {limit}".encode()).hexdigest()
    return replace(dataset, digest=digest, train=train, validation=validation, notes=notes)


def _drawn(split: Split, limit: int) -> Split:
    chosen = np.sort(np.random.default_rng(0).permutation(len(split.labels))[:limit])
    names = tuple(split.names[i] for i in chosen)
    return Split(names, split.labels[chosen], split.images[chosen])


__all__ = ["DATASETS", "Dataset", "Split", "load_dataset"]
