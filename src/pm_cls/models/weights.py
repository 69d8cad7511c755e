"""Weights as safetensors: numbers and names only, nothing that could execute."""

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from paddle import nn
from safetensors import SafetensorError, serialize_file
from safetensors.numpy import load_file

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import whole

# How the library's words end where the system refused: "... (os error 28)".
SYSTEM_ERROR = re.compile(r"(?:os error |code: )(\d+)")


def write_tensors(path: Path, tensors: Iterable[tuple[str, np.ndarray]]) -> None:
    """As `safetensors.numpy.save_file`, but whole or not at all, and with one copy in memory.

    Raises:
        OSError: it cannot be written.
    """
    plain = {
        name: {"dtype": value.dtype.name, "shape": value.shape, "data": value.tobytes()}
        for name, value in tensors
    }
    with whole(path) as file:
        try:
            serialize_file(plain, file.name)
        except SafetensorError as error:
            told = SYSTEM_ERROR.search(str(error))
            number = int(told[1]) if told else errno.EIO
            raise OSError(number, os.strerror(number), str(path))


def save_weights(model: nn.Layer, path: Path) -> None:
    """Write all parameters under their Paddle names; OSError where that fails."""
    write_tensors(path, ((name, value.numpy()) for name, value in model.state_dict().items()))


def load_weights(model: nn.Layer, path: Path) -> None:
    """Fill the network with stored weights; all of them fit, or none is taken.

    Raises:
        UsageError: no such file, a damaged one, or the weights of another network.
    """
    try:
        stored = load_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: is not there; the committed records hold no weights")
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path}: cannot be read as safetensors ({error})")
    expected = {name: list(value.shape) for name, value in model.state_dict().items()}
    found = {name: list(value.shape) for name, value in stored.items()}
    if found != expected:
        differing = sorted(k for k in expected | found if found.get(k) != expected.get(k))
        first = differing[0]
        raise UsageError(
            f"{path}: holds the weights of another network: {first} is {found.get(first)}, "
            f"{expected.get(first)} is needed ({len(differing)} differ in all)"
        )
    model.set_state_dict(stored)
