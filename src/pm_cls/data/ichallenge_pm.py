"""iChallenge-PM: both splits of a folder of photographs as arrays."""

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Spec
from pm_cls.data.photographs.layout import find
from pm_cls.data.photographs.names import photograph_key
from pm_cls.data.photographs.splits import (
    content_digests,
    described,
    digest_of,
    load_split,
    nearly_black_note,
    repeated,
)
from pm_cls.runtime.paths import typed_path
from pm_cls.scores.target import Binary

SPEC = Spec(channels=3, target=Binary())


def load(config: DataConfig) -> Dataset:
    """Load both splits as the config's `data` section asks.

    Raises:
        DataError: something is missing, or photographs or labels are bad (the first are listed).
    """
    listing = find(typed_path(config.root))
    digests = content_digests(listing.files())
    training, validation = np.split(digests, [len(listing.training.files)])
    parts = {
        "training": (listing.training, training),
        "validation": (listing.validation, validation),
    }
    splits = [load_split(part, contents, config) for part, contents in parts.values()]
    digest = digest_of(
        f"{split} {line}"
        for split, (part, contents) in parts.items()
        for line in described(part, contents, photograph_key)
    )
    return Dataset(
        name=listing.name,
        digest=digest,
        train=splits[0],
        validation=splits[1],
        spec=SPEC,
        counts=listing.counts(),
        official=listing.is_official(),
        repeated=repeated(listing.files().names, digests),
        notes=(*listing.notes, *nearly_black_note(*splits)),
    )
