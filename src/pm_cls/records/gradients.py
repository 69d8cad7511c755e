"""inspection/gradients.csv: how training would move each layer, before it and at kept epochs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pm_cls.runtime.files import csv_text, from_cells, read_csv, write_text

FILE = "inspection/gradients.csv"
COLUMNS = ("epoch", "update", "layer", "gradient_norm", "saturated", "near_zero")


@dataclass(frozen=True)
class LayerState:
    """A convolution or linear layer over all training images.

    Attributes:
        epoch, update: after how many; 0 before training, and where no steps are made.
        layer: conv1, conv2, ..., fc1, fc2, ... from the images on.
        gradient_norm: L2 norm of the gradient of the mean loss with respect to its weights.
        saturated: share, 0 to 1, of the outputs of the activation after it at which the derivative
            is below a tenth of its greatest (relu: at which it is zero); None without activation.
        near_zero: share, 0 to 1, of its weights that are at most a hundredth of their root mean
            square; None in older records.
    """

    epoch: int
    update: int
    layer: str
    gradient_norm: float
    saturated: float | None
    near_zero: float | None = None


def write(folder: Path, states: Iterable[LayerState]) -> None:
    rows = [
        [
            one.epoch,
            one.update,
            one.layer,
            *map(_six, (one.gradient_norm, one.saturated, one.near_zero)),
        ]
        for one in states
    ]
    (folder / FILE).parent.mkdir(exist_ok=True)
    write_text(folder / FILE, csv_text(COLUMNS, rows))


def _six(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def read(folder: Path) -> list[LayerState]:
    """Empty where `inspect` was not called; ValueError where it is damaged."""
    if not (folder / FILE).is_file():
        return []
    return [from_cells(LayerState, line) for line in read_csv(folder / FILE)]
