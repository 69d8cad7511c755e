"""Files with labels -> a split of arrays, decoded once and mapped from then on."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Split
from pm_cls.data.photographs import cache
from pm_cls.data.photographs.folders import Files
from pm_cls.data.photographs.images import decode, nearly_black
from pm_cls.data.photographs.views import sampler
from pm_cls.data.transforms import in_order
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import SHOWN, enumerate_names

SAMPLING_VERSION = 2  # part of the place in the cache: raise it when `images` gives other pixels


@dataclass(frozen=True)
class Photographs:
    """The files of a split with their labels, int64 [n].

    The names of the files are those that the photographs have in the predictions.
    """

    files: Files
    labels: np.ndarray


def content_digests(paths: Sequence[str], anew: bool = False) -> np.ndarray:
    """SHA-256 of the content of every file; see `pm_cls.data.photographs.cache.content_digests`."""
    try:
        return cache.content_digests(paths, anew)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")


def load_split(photographs: Photographs, digests: np.ndarray, config: DataConfig) -> Split:
    """Decode photographs, or map them where that was done before.

    Args:
        digests: SHA-256 of their contents, uint8 [n, 32].

    Raises:
        DataError: there are bad photographs; all of them are named.
    """
    size, sampled = config.image_size, sampler(config)
    ways = [way for way in (config.field_of_view, config.colour) if way != "as_it_is"]
    images = cache.cached_rows(
        "-".join(["photographs", str(SAMPLING_VERSION), str(size), *ways]),
        digests,
        (3, size, size),
        lambda array, missing, keep: decode(photographs.files, array, missing, keep, sampled),
    )
    images = in_order(images, config.channel_order)
    return Split(tuple(photographs.files.names), photographs.labels, images)


def nearly_black_note(*splits: Split) -> tuple[str, ...]:
    """A sentence that names the photographs that show next to nothing, if there are any."""
    dark = [split.names[i] for split in splits for i in np.flatnonzero(nearly_black(split.images))]
    if not dark:
        return ()
    return (f"{len(dark):,} photographs are nearly black: {enumerate_names(dark, SHOWN)}",)


def repeated(names: Sequence[str], digests: np.ndarray) -> list[list[str]]:
    """Groups of photographs with the same content, by their digests, uint8 [n, 32]."""
    _, which, counts = np.unique(cache.as_items(digests), return_inverse=True, return_counts=True)
    groups: dict[int, list[str]] = {}
    for index in np.flatnonzero(counts[which] > 1):
        groups.setdefault(which[index], []).append(names[index])
    return sorted(groups.values())


def described(
    photographs: Photographs, digests: np.ndarray, key: Callable[[str], str] = str
) -> Iterator[str]:
    """A line for each photograph: its name by `key`, its label and the digest of its content."""
    labelled = zip(photographs.files.names, photographs.labels, digests, strict=True)
    return (f"{key(name)} {label} {bytes(digest).hex()}" for name, label, digest in labelled)


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256 (hex) of lines with newlines between them."""
    digest = hashlib.sha256()
    for number, line in enumerate(lines):
        digest.update((f"\n{line}" if number else line).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
