"""The state of an unfinished run after an epoch, from which the same command goes on.

runs/lenet7_relu/seed0/checkpoint/
  epoch3.safetensors    weights and optimiser state
  epoch3.json           the rest, and a checksum over all; written second, so that both are whole

The last two are kept while a run goes on, none after it.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pm_cls.errors import UsageError
from pm_cls.files import write_bytes, write_json
from pm_cls.runs import CHECKPOINT

KEPT = 2

log = logging.getLogger("pm_cls")


@dataclass
class Progress:
    """How far a run is: its last epoch, the lines of metrics.jsonl, the scores reported so far."""

    epoch: int = 0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    reported: dict[str, dict[str, Any]] = field(default_factory=dict)


def save_checkpoint(
    folder: Path,
    progress: Progress,
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    data_digest: str,
) -> None:
    """Write a checkpoint of the run in `folder` and delete those before the last KEPT.

    Raises:
        OSError: it cannot be written; the checkpoints before it are as they were.
    """
    place = folder / CHECKPOINT
    place.mkdir(exist_ok=True)
    content = packed_state(model, optimizer)
    facts = {
        "epoch": progress.epoch,
        "metrics": progress.metrics,
        "reported": progress.reported,
        "data_digest": data_digest,
    }
    write_bytes(place / f"epoch{progress.epoch}.safetensors", content)
    checksum = _checksum(content, facts)
    write_json(place / f"epoch{progress.epoch}.json", {**facts, "sha256": checksum})
    for old in _files(folder)[KEPT:]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def packed_state(model: nn.Layer, optimizer: paddle.optimizer.Optimizer) -> bytes:
    """Weights and optimiser state as safetensors."""
    return save(dict(_tensors(model, optimizer)))


def saved_state(
    folder: Path, epoch: int, model: nn.Layer, optimizer: paddle.optimizer.Optimizer
) -> bytes:
    """What `packed_state` gave after an epoch from which the run goes on, or of one that begins."""
    if not epoch:
        return packed_state(model, optimizer)
    return (folder / CHECKPOINT / f"epoch{epoch}.safetensors").read_bytes()


def fill_state(model: nn.Layer, optimizer: paddle.optimizer.Optimizer, content: bytes) -> None:
    """Bring network and optimiser to a packed state.

    Raises:
        ValueError, LookupError, TypeError, SafetensorError: it is of another network or damaged.
    """
    _fill(model, optimizer, load(content))


def resume(
    folder: Path, model: nn.Layer, optimizer: paddle.optimizer.Optimizer, data_digest: str
) -> Progress:
    """Bring network and optimiser to the last whole checkpoint of the run in `folder`.

    A damaged one is named in the log and the one before it is taken. Without any, nothing is
    changed and the progress is that of a new run.

    Raises:
        UsageError: the checkpoint is of a run on other data.
    """
    for file in _files(folder):
        try:
            facts, tensors = _read(file)
            _fill(model, optimizer, tensors)
        except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
            log.warning(f"warning: {file} is damaged and was left out ({error})")
            continue
        if facts["data_digest"] != data_digest:
            raise UsageError(
                f"{folder} holds an unfinished run on other data; --restart begins anew, "
                "--runs-dir DIR makes the run in another place"
            )
        return Progress(facts["epoch"], facts["metrics"], facts["reported"])
    return Progress()


def last_saved(folder: Path) -> int:
    """The epoch of the newest checkpoint of the run in `folder`; 0 where there is none."""
    return max(map(_epoch, _files(folder)), default=0)


def _files(folder: Path) -> list[Path]:
    """The JSON files of the checkpoints, the newest first."""
    found = (folder / CHECKPOINT).glob("epoch*.json")
    numbered = [file for file in found if file.stem.removeprefix("epoch").isdecimal()]
    return sorted(numbered, key=_epoch, reverse=True)


def _epoch(file: Path) -> int:
    return int(file.stem.removeprefix("epoch"))


def _read(file: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    facts = json.loads(file.read_text(encoding="utf-8"))
    content = file.with_suffix(".safetensors").read_bytes()
    if facts.pop("sha256") != _checksum(content, facts):
        raise ValueError("its checksum does not fit")
    return facts, load(content)


def _checksum(content: bytes, facts: dict[str, Any]) -> str:
    """SHA-256 (hex) over tensors and facts."""
    digest = hashlib.sha256(content)
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()


def _tensors(
    model: nn.Layer, optimizer: paddle.optimizer.Optimizer
) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in model.state_dict().items():
        yield f"model.{name}", value.numpy()
    for name, value in optimizer.state_dict().items():
        if isinstance(value, paddle.Tensor):
            yield f"optimizer.{name}", value.numpy()


def _fill(
    model: nn.Layer, optimizer: paddle.optimizer.Optimizer, tensors: dict[str, np.ndarray]
) -> None:
    weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
    expected = {name: list(value.shape) for name, value in model.state_dict().items()}
    if {name: list(value.shape) for name, value in weights.items()} != expected:
        raise ValueError("it holds another network")
    model.set_state_dict(weights)
    optimizer.set_state_dict(
        {
            name.removeprefix("optimizer."): paddle.to_tensor(value)
            for name, value in tensors.items()
            if name.startswith("optimizer.")
        }
    )
