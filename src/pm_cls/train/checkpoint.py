"""The state of an unfinished run after an epoch, from which the same command goes on.

runs/lenet7_relu/seed0/checkpoint/
  epoch3.safetensors    weights and optimiser state
  epoch3.json           the rest, and a checksum over all; written second, so that both are whole

The last two are kept while a run goes on, none after it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.numpy import load, load_file, save

from pm_cls.models.weights import write_tensors
from pm_cls.records.epochs import Epoch
from pm_cls.records.folder import CHECKPOINT
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import write_json
from pm_cls.scores.metrics import Scores
from pm_cls.train.log import log

KEPT = 2


@dataclass
class Progress:
    """How far a run is: its last epoch, the lines of metrics.jsonl, the scores reported so far."""

    epoch: int = 0
    metrics: list[Epoch] = field(default_factory=list)
    reported: dict[int, Scores] = field(default_factory=dict)


@dataclass
class _Facts(Progress):
    """epoch3.json without its checksum; `numbers` is what the optimiser keeps besides tensors."""

    data_digest: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)


_FACTS = TypeAdapter(_Facts)


@dataclass(frozen=True)
class State:
    """Network and optimiser of the run in `folder`, on data of the digest: to disk and back.

    Attributes:
        others: by name what else has a `state_dict` of tensors and can be set to one.
    """

    folder: Path
    model: nn.Layer
    optimizer: paddle.optimizer.Optimizer
    data_digest: str
    others: Mapping[str, Any] = field(default_factory=dict)

    def save(self, progress: Progress) -> None:
        """Write a checkpoint and delete those before the last KEPT.

        Raises:
            OSError: it cannot be written; the checkpoints before it are as they were.
        """
        place = self.folder / CHECKPOINT
        place.mkdir(exist_ok=True)
        numbers = self._numbers()
        facts = _FACTS.dump_python(
            _Facts(**vars(progress), data_digest=self.data_digest, numbers=numbers), mode="json"
        )
        file = place / f"epoch{progress.epoch}.json"
        write_tensors(_beside(file), self._tensors())
        write_json(file, {**facts, "sha256": _checksum(file, facts)})
        for old in self._files()[KEPT:]:
            old.unlink()
            _beside(old).unlink(missing_ok=True)

    def resume(self) -> Progress:
        """Bring network and optimiser to the last whole checkpoint of the run.

        A damaged one is named in the log and the one before it is taken. Without any, nothing is
        changed and the progress is that of a new run.

        Raises:
            UsageError: the checkpoint is of a run on other data.
        """
        for file in self._files():
            try:
                facts, tensors = _read(file)
                self._fill(tensors, facts.numbers)
            except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
                log.warning(f"warning: {file} is damaged and was left out ({error})")
                continue
            if facts.data_digest != self.data_digest:
                raise UsageError(
                    f"{self.folder} holds an unfinished run on other data; --restart begins anew, "
                    "--runs-dir DIR makes the run in another place"
                )
            return Progress(facts.epoch, facts.metrics, facts.reported)
        return Progress()

    def packed(self, epoch: int) -> bytes:
        """What another rank needs to `fill` itself with the state after a checkpoint's epoch, or 0.

        As JSON in a line, what is no tensor; then the tensors.
        """
        file = self.folder / CHECKPOINT / f"epoch{epoch}.json"
        numbers = _read(file)[0].numbers if epoch else self._numbers()
        tensors = _beside(file).read_bytes() if epoch else save(_as_arrays(self._tensors()))
        return json.dumps(numbers).encode() + b"\n" + tensors

    def fill(self, packed: bytes) -> None:
        """Bring network and optimiser to a packed state.

        Raises:
            ValueError, LookupError, TypeError, SafetensorError: it is of another network.
        """
        numbers, _, tensors = packed.partition(b"\n")
        self._fill(load(tensors), json.loads(numbers))

    def last_saved(self) -> int:
        """The epoch of the newest checkpoint; 0 where there is none."""
        return max(map(_epoch, self._files()), default=0)

    def _files(self) -> list[Path]:
        """The JSON files of the checkpoints, the newest first."""
        found = (self.folder / CHECKPOINT).glob("epoch*.json")
        numbered = [file for file in found if file.stem.removeprefix("epoch").isdecimal()]
        return sorted(numbered, key=_epoch, reverse=True)

    def _tensors(self) -> dict[str, paddle.Tensor]:
        parts = {"model": self.model, "optimizer": self.optimizer, **self.others}
        return {
            f"{of}.{name}": value
            for of, part in parts.items()
            for name, value in part.state_dict().items()
            if _is_tensor(value)
        }

    def _numbers(self) -> dict[str, Any]:
        """What the optimiser keeps besides tensors, as the step of a schedule."""
        return {k: v for k, v in self.optimizer.state_dict().items() if not _is_tensor(v)}

    def _fill(self, tensors: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
        weights = _of(tensors, "model.")
        expected = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        if {name: list(value.shape) for name, value in weights.items()} != expected:
            raise ValueError("it holds another network")
        self.model.set_state_dict(weights)
        state = {k: paddle.to_tensor(v) for k, v in _of(tensors, "optimizer.").items()}
        self.optimizer.set_state_dict({**state, **numbers})
        for of, other in self.others.items():
            other.set_state_dict(_of(tensors, f"{of}."))


def _as_arrays(tensors: dict[str, paddle.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in tensors.items()}


def _is_tensor(value: object) -> bool:
    return isinstance(value, paddle.Tensor)


def _of(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _epoch(file: Path) -> int:
    return int(file.stem.removeprefix("epoch"))


def _beside(file: Path) -> Path:
    """The tensors of a checkpoint."""
    return file.with_suffix(".safetensors")


def _read(file: Path) -> tuple[_Facts, dict[str, np.ndarray]]:
    facts = json.loads(file.read_text(encoding="utf-8"))
    if facts.pop("sha256") != _checksum(file, facts):
        raise ValueError("its checksum does not fit")
    return _FACTS.validate_python(facts), load_file(_beside(file))


def _checksum(file: Path, facts: dict[str, Any]) -> str:
    """SHA-256 (hex) over tensors and facts."""
    digest = hashlib.sha256()
    with _beside(file).open("rb") as tensors:
        while block := tensors.read(1 << 20):
            digest.update(block)
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()
