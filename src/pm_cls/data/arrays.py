"""What every data set is after loading: two splits of uint8 images with labels and names."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images that are trained on, or scored.

    Attributes:
        names: n file names (or indices), as they stand in the predictions.
        labels: int64 [n], the class, from 0.
        images: uint8 [n, channels, height, width], 0 to 255; may be a memory map.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    images: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Both splits, and what the record of a run says about them.

    Attributes:
        name: `ichallenge_pm`, `mnist`, or what dataset.json says (`synthetic`).
        digest: SHA-256 (hex) over names, labels and contents.
        outputs: logits that a network must give: 1 (of label 1), or one for each class.
        notes: JSON-ready facts for environment.json: counts, repeated photographs.
    """

    name: str
    digest: str
    train: Split
    validation: Split
    outputs: int
    notes: dict[str, Any] = field(default_factory=dict)
