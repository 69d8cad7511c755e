"""What every data set is after loading, and what a network must take and give for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.scores.target import Target


@dataclass(frozen=True)
class Spec:
    """What a network must take and give.

    Attributes:
        channels: of an image: 3 (in `data.channel_order`) or 1.
        target: what is to be said of an image.
        image_size: height and width in pixels where the data have one; None where photographs are
            sampled to `data.image_size`.
        classes: their names by label, where the data have names.
    """

    channels: int
    target: Target
    image_size: int | None = None
    classes: tuple[str, ...] = ()

    @property
    def of_photographs(self) -> bool:
        """Whether photographs of any size and format can be brought to it."""
        return self.channels == 3 and self.image_size is None


@dataclass(frozen=True)
class Split:
    """Images that are trained on, or scored.

    Attributes:
        names: n file names (or indices), as they stand in the predictions.
        labels: int64 [n], the class, from 0.
        images: uint8 [n, channels, height, width], 0 to 255; may be a memory map.
        patients: int64 [n], equal for photographs of one; None where the data do not tell.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    images: np.ndarray
    patients: np.ndarray | None = None


@dataclass(frozen=True)
class Dataset:
    """Both splits, and what the record of a run says about them.

    Attributes:
        name: `ichallenge_pm`, `mnist`, or what dataset.json says (`synthetic`).
        digest: SHA-256 (hex) over names, labels and contents.
        spec: of its images and labels.
        counts: images, in `training` and `validation`, by label or by what the source tells.
        official: whether these are all the official ones, of which `limit` takes some; None where
            that is not known.
        repeated: groups of names with the same content; None where they were not compared.
        limit: where only so many of each split were taken.
        is_split_drawn: whether the validation part was drawn here: another where images change.
        notes: sentences about what people should know of the data.
    """

    name: str
    digest: str
    train: Split
    validation: Split
    spec: Spec
    counts: Mapping[str, Mapping[str, int]]
    official: bool | None = None
    repeated: Sequence[Sequence[str]] | None = None
    limit: int | None = None
    is_split_drawn: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A data set that a config can name: its spec, and how both splits are loaded.

    The spec may depend on the config. `is_generated` where nothing is read: `data.root` then means
    nothing. `meaning` stands in `train --keys`.
    """

    spec: Spec | Callable[[DataConfig], Spec]
    load: Callable[[DataConfig], Dataset]
    is_generated: bool = False
    meaning: str = ""


def counts_of(labels: np.ndarray, classes: int) -> dict[str, int]:
    """How many of each label, int64 [n], there are."""
    return {str(label): int(n) for label, n in enumerate(np.bincount(labels, minlength=classes))}
