"""Data sets by name. A new one is a file with its `Spec`, `load(config.data)`, and a line here."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pm_cls.config import SYNTHETIC, Config, DataConfig
from pm_cls.config.options import chosen
from pm_cls.data import cifar10, drawn, folder, ichallenge_pm, mnist
from pm_cls.data.dataset import Dataset, Source, Spec, Split
from pm_cls.data.photographs.layout import marked_name
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.paths import typed_path

DATASETS: dict[str, Source] = {
    "ichallenge_pm": Source(
        ichallenge_pm.SPEC,
        ichallenge_pm.load,
        meaning="fundus photographs: is the eye pathologically myopic?",
    ),
    "mnist": Source(mnist.SPEC, mnist.load, meaning="handwritten digits"),
    "fashion_mnist": Source(mnist.SPEC, mnist.load, meaning="pieces of clothing"),
    "cifar10": Source(cifar10.SPEC, cifar10.load, meaning="ten kinds of objects and animals"),
    "folder": Source(
        folder.spec, folder.load, meaning="your own: a folder a class, or images and a table"
    ),
    **drawn.SOURCES,
}


def spec_of(config: DataConfig) -> Spec:
    """What a network must take and give for a config's data.

    Nothing is read, but for the names of the classes where `folder` has none in its config.

    Raises:
        UsageError: there is no data set of that name, or it has images of another size or classes
            of its own.
        DataError: the names of the classes cannot be read.
    """
    found = chosen(DATASETS, "data.name", config.name).spec
    spec = found(config) if callable(found) else found
    if config.classes and config.classes != spec.classes:
        raise UsageError(f"`data.classes` is of `data.name` folder; {config.name} has its own")
    if spec.image_size not in (None, config.image_size):
        raise UsageError(
            f"`data.image_size` is {config.image_size}; {config.name} has {spec.image_size}"
        )
    return spec


def is_synthetic(config: DataConfig) -> bool:
    """Whether a config's photographs are marked as drawn by a program; raises as `spec_of`."""
    return spec_of(config).of_photographs and marked_name(typed_path(config.root)) == SYNTHETIC


def with_classes(config: Config) -> Config:
    """The config with the names of its classes, by which a run is used without its data."""
    classes = spec_of(config.data).classes
    if classes == config.data.classes:
        return config
    data = config.data.model_copy(update={"classes": classes})
    return config.model_copy(update={"data": data})


def load_dataset(config: DataConfig) -> Dataset:
    """Load the data set that a config's `data` section names.

    Raises:
        UsageError: as `spec_of`.
        DataError: the data are missing or bad.
    """
    spec_of(config)
    dataset = DATASETS[config.name].load(config)
    return dataset if config.limit is None else _cut(dataset, config.limit)


def named_roots(given: Sequence[str]) -> dict[str, str]:
    """By the name of a data set the folder of its files, from NAME=DIR each; else a UsageError."""
    roots = {}
    for one in given:
        name, _, root = one.partition("=")
        if name not in DATASETS or not root:
            raise UsageError(f"--root {one}: NAME=DIR is needed, NAME of {', '.join(DATASETS)}")
        roots[name] = root
    return roots


def _cut(dataset: Dataset, limit: int) -> Dataset:
    """The data set with `limit` images in each split, or all where there are fewer."""
    train, validation = _drawn(dataset.train, limit), _drawn(dataset.validation, limit)
    repeated = dataset.repeated
    if repeated is not None:
        left = {*train.names, *validation.names}
        groups = ([name for name in group if name in left] for group in repeated)
        repeated = [group for group in groups if len(group) > 1]
    digest = hashlib.sha256(f"{dataset.digest} {limit}".encode()).hexdigest()
    return replace(
        dataset, digest=digest, train=train, validation=validation, repeated=repeated, limit=limit
    )


def _drawn(split: Split, limit: int) -> Split:
    chosen = np.sort(np.random.default_rng(0).permutation(len(split.labels))[:limit])
    names = tuple(split.names[i] for i in chosen)
    patients = None if split.patients is None else split.patients[chosen]
    return Split(names, split.labels[chosen], split.images[chosen], patients)


__all__ = [
    "DATASETS",
    "Dataset",
    "Source",
    "Spec",
    "Split",
    "is_synthetic",
    "load_dataset",
    "named_roots",
    "spec_of",
    "with_classes",
]
