"""Weights as safetensors: numbers and names only, nothing that could execute."""

from pathlib import Path

from paddle import nn
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import write_bytes


def save_weights(model: nn.Layer, path: Path) -> None:
    """Write all parameters under their Paddle names."""
    write_bytes(path, save({name: value.numpy() for name, value in model.state_dict().items()}))


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
