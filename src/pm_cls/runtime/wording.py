"""Numbers and names within a sentence of a message."""

from collections.abc import Sequence

SHOWN = 5  # names in a note


def counted(n: int, what: str) -> str:
    """`1 photograph`, `2 photographs`."""
    return f"{n} {what}" + ("" if n == 1 else "s")


def enumerate_names(names: Sequence[str], most: int = 20) -> str:
    """`P0001, P0002 and 5 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
