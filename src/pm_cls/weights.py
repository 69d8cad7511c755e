"""Weights as safetensors: numbers and names only, nothing that could execute."""

from pathlib import Path

from paddle import nn
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pm_cls.config import Config
from pm_cls.errors import UsageError
from pm_cls.files import write_bytes
from pm_cls.models import build_model
from pm_cls.runs import weights_file


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


def load_trained(folder: Path, config: Config, epoch: int) -> nn.Layer:
    """Build the network of a run and fill it with the weights of a reported epoch.

    Args:
        folder: of the run.
        config: of the run, as `pm_cls.runs.read_config` gives it.
        epoch: one of `config.train.report_epochs`.

    Raises:
        UsageError: the epoch was not kept, or the weights do not fit.
    """
    kept = config.train.report_epochs
    if epoch not in kept:
        raise UsageError(f"--epoch {epoch}: {folder} keeps {', '.join(map(str, kept))}")
    model = build_model(
        config.model.name, image_size=config.data.image_size, **config.model.options()
    )
    load_weights(model, weights_file(folder, epoch))
    return model
