"""Photographs and classes of one's own: `<class>/` folders, or a CSV that names files and labels.

`data.root` holds `train/<class>/` and `validation/<class>/`, or `<class>/` alone, or is or holds a
table with the columns file and label and, if wanted, split and patient. Without a validation part
one is drawn; see `pm_cls.data.photographs.draw`.
"""

from dataclasses import replace

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec
from pm_cls.data.photographs.classes import Found, find
from pm_cls.data.photographs.draw import drawn
from pm_cls.data.photographs.folders import Files
from pm_cls.data.photographs.layout import marked_name
from pm_cls.data.photographs.splits import (
    Photographs,
    content_digests,
    described,
    digest_of,
    load_split,
    nearly_black_note,
    repeated,
)
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.paths import typed_path
from pm_cls.runtime.wording import enumerate_names
from pm_cls.scores.target import Binary, Classes

SPLITS = ("training", "validation")


def spec(config: DataConfig) -> Spec:
    """Of the classes in the config, or else of those that the folder has; no image is read.

    Raises:
        DataError: the folder or the table has no classes, or something wrong.
    """
    classes = config.classes or find(typed_path(config.root)).classes()
    target = Binary() if len(classes) == 2 else Classes(len(classes))
    return Spec(channels=3, target=target, classes=classes)


def load(config: DataConfig) -> Dataset:
    """Load both splits as the config's `data` section asks.

    Raises:
        DataError: something is missing, or photographs, classes or the table are bad.
    """
    root = typed_path(config.root)
    found = find(root)
    of = spec(config.model_copy(update={"classes": config.classes or found.classes()}))
    labels = _labels(found, of.classes)
    digests = content_digests(found.files)
    held, notes = found.is_validation, list(found.notes)
    if held is None:
        try:
            held = drawn(labels, found.patients or digests, config, of.classes)
        except DataError as error:
            raise DataError(f"{found.source}: {error}")
        apart = ", no patient on both sides" if found.patients else ""
        notes.append(f"{held.sum():,} of {len(held):,} were drawn for validation{apart}")
    parts, lines = [], []
    for name, rows in zip(SPLITS, (np.flatnonzero(~held), np.flatnonzero(held)), strict=True):
        _refuse_empty(labels[rows], of.classes, name)
        files = Files([found.files.folders[i] for i in rows], [found.files.names[i] for i in rows])
        part = Photographs(files, labels[rows])
        lines += [f"{name} {line}" for line in described(part, digests[rows])]
        split = load_split(part, digests[rows], config)
        if found.patients:
            each = np.unique(found.patients, return_inverse=True)[1][rows]
            split = replace(split, patients=each)
        parts.append((part, split))
    counts = {
        name: {of.classes[label]: int(n) for label, n in enumerate(np.bincount(part.labels))}
        for name, (part, _) in zip(SPLITS, parts, strict=True)
    }
    splits = [split for _, split in parts]
    return Dataset(
        name=marked_name(root) or "folder",
        digest=digest_of(lines),
        train=splits[0],
        validation=splits[1],
        spec=of,
        counts=counts,
        repeated=repeated(found.files.names, digests),
        is_split_drawn=found.is_validation is None,
        notes=(*notes, *nearly_black_note(*splits)),
    )


def _labels(found: Found, classes: tuple[str, ...]) -> np.ndarray:
    """The class of each photograph as its number."""
    number = {name: i for i, name in enumerate(classes)}
    if unknown := sorted(set(found.names) - set(number)):
        raise DataError(
            f"{found.source}: classes {enumerate_names(unknown)} are none of `data.classes`: "
            f"{enumerate_names(classes)}"
        )
    return np.array([number[name] for name in found.names], np.int64)


def _refuse_empty(labels: np.ndarray, classes: tuple[str, ...], split: str) -> None:
    if empty := [name for i, name in enumerate(classes) if not (labels == i).any()]:
        raise DataError(
            f"{split} has no photograph of {enumerate_names(empty)}; each class needs one there"
        )
