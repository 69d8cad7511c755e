"""iChallenge-PM: both splits of a folder of photographs as arrays."""

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec
from pm_cls.data.photographs import splits as of_splits
from pm_cls.data.photographs.layout import Listing, find
from pm_cls.data.photographs.names import photograph_key
from pm_cls.data.photographs.splits import (
    content_digests,
    described,
    digest_of,
    load_split,
    nearly_black_note,
)
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Binary

SPEC = Spec(channels=3, target=Binary())


def load(config: DataConfig) -> Dataset:
    """Load both splits as the config's `data` section asks.

    Raises:
        DataError: something is missing, or photographs or labels are bad (all are listed).
    """
    listing = find(typed_path(config.root))
    digests = content_digests(listing.files())
    training, validation = np.split(digests, [len(listing.training.files)])
    splits = [
        load_split(part, contents, config)
        for part, contents in ((listing.training, training), (listing.validation, validation))
    ]
    return Dataset(
        name=listing.name,
        digest=_data_digest(listing, training, validation),
        train=splits[0],
        validation=splits[1],
        spec=SPEC,
        counts=listing.counts(),
        official=listing.is_official(),
        repeated=repeated(listing, digests),
        notes=(*listing.notes, *nearly_black_note(*splits)),
    )


def repeated(listing: Listing, digests: np.ndarray) -> list[list[str]]:
    """Groups of photographs with the same content, within or across the splits, by name."""
    return of_splits.repeated(listing.files().names, digests)


def _data_digest(listing: Listing, training: np.ndarray, validation: np.ndarray) -> str:
    """SHA-256 over names, labels and contents of both splits: equal data, equal digest."""
    return digest_of(
        f"{split} {line}"
        for split, part, digests in (
            ("training", listing.training, training),
            ("validation", listing.validation, validation),
        )
        for line in described(part, digests, photograph_key)
    )
