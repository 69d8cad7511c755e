"""What libraries write to the terminal and a user cannot act on."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Silenced(NamedTuple):
    """A warning by its words and the module that gives it, both regular expressions."""

    message: str
    module: str
    reason: str


SILENCED = (
    Silenced("No ccache found", "paddle", "Paddle 3 on every import; nothing compiles here"),
    Silenced(
        "When training, we now always track global mean", "paddle",
        "Paddle on batch normalisation, which works like this everywhere",
    ),
    Silenced("Palette images with Transparency", "PIL", "an alpha channel is dropped as it is"),
    Silenced("Image size .* exceeds limit", "PIL", "photographs have a limit of their own"),
    Silenced(
        "Glyph .* missing from", "",
        "Chinese in an SVG: the browser has the letters; of pictures `presentation.drawing` tells",
    ),
)  # fmt: skip


@contextmanager
def silence() -> Iterator[None]:
    """Keep these warnings from the terminal; all others pass."""
    with warnings.catch_warnings():
        for one in SILENCED:
            warnings.filterwarnings("ignore", message=one.message, module=one.module)
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing reaches the terminal, compiled libraries included; what they raise does."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        os.close(nowhere)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
