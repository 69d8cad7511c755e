"""metrics.jsonl: a line for each epoch of a run."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pm_cls.runtime.files import write_text

FILE = "metrics.jsonl"


@dataclass(frozen=True)
class Epoch:
    """An epoch, from 1: mean losses in nats, the count of right validation images, its time."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_correct: int
    validation_n: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Of the validation images, a fraction."""
        return self.validation_correct / self.validation_n


_EPOCH = TypeAdapter(Epoch)


def write(folder: Path, epochs: Iterable[Epoch]) -> None:
    """Begin metrics.jsonl with these epochs."""
    write_text(folder / FILE, "".join(map(_line, epochs)))


def append(folder: Path, epoch: Epoch) -> None:
    """Add an epoch to metrics.jsonl."""
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(_line(epoch))


def read(folder: Path) -> list[Epoch]:
    """The epochs done so far; a line that is still being written is left out.

    Raises:
        OSError, ValueError: the file is damaged.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [_EPOCH.validate_json(line) for line in whole]


def _line(epoch: Epoch) -> str:
    return json.dumps(asdict(epoch), allow_nan=False) + "\n"


def known(folder: Path) -> list[Epoch]:
    """As `read`, of a run that need not be whole: none where they cannot be read."""
    try:
        return read(folder)
    except (OSError, ValueError):
        return []
