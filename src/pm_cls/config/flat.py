"""Settings by dotted key, and the digest that tells whether two configs are the same."""

import hashlib
import json
from collections.abc import Iterator, Mapping

from pm_cls.config.kinds import Value


def digest_of(flat: Mapping[str, Value]) -> str:
    """SHA-256 (hex) of settings by dotted key."""
    return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()


def flattened(sections: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Settings by dotted key."""
    for key, value in sections.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value  # type: ignore[misc]  # the sections hold no others
