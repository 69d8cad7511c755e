"""Files with labels -> a split of arrays, decoded once and mapped from then on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import cache
from pm_cls.data.arrays import Split
from pm_cls.data.images import decode
from pm_cls.errors import DataError

SAMPLING_VERSION = 1  # part of the place in the cache: raise it when `images` gives other pixels


@dataclass(frozen=True)
class Photographs:
    """The files of a split with their labels, and the names that they have in the predictions."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...]


def content_digests(paths: Iterable[Path], anew: bool = False) -> dict[Path, str]:
    """SHA-256 (hex) of the content of every file; see `pm_cls.data.cache.content_digests`."""
    try:
        return cache.content_digests(list(paths), anew)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")


def load_split(photographs: Photographs, digests: Mapping[Path, str], config: DataConfig) -> Split:
    """Decode photographs, or map them where that was done before.

    Raises:
        DataError: there are bad photographs; all of them are named.
    """
    size = config.image_size
    images = cache.cached_rows(
        f"photographs-{SAMPLING_VERSION}-{size}",
        [digests[path] for path in photographs.paths],
        (3, size, size),
        lambda array, missing, keep: decode(photographs.paths, array, missing, keep),
    )
    if config.channel_order == "bgr":
        images = images[:, ::-1]
    return Split(photographs.names, np.array(photographs.labels, np.int64), images)


def repeated(named: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Groups of photographs with the same content, from (name, digest) pairs."""
    groups: dict[str, list[str]] = {}
    for name, digest in named:
        groups.setdefault(digest, []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def enumerate_names(names: Sequence[str], most: int = 20) -> str:
    """`P0001, P0002 and 5 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
