"""stress.csv: a run on the validation images under changes of camera and operator."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from pm_cls.runtime.files import csv_text, from_cells, read_csv, write_text

FILE, FIGURE = "stress.csv", "stress.png"


@dataclass(frozen=True)
class Stressed:
    """Of one change in one strength (0: none): of n images so many correct, and the AUC.

    Attributes:
        at_threshold: correct at the stored threshold; None where the run has none.
    """

    change: str
    strength: int
    epoch: int
    n: int
    correct: int
    at_threshold: int | None
    auc: float | None

    @property
    def best_known(self) -> float:
        """The accuracy at the stored threshold; at one half where there is none."""
        return (self.correct if self.at_threshold is None else self.at_threshold) / self.n


@dataclass(frozen=True)
class Held:
    """How a run held under `n` changes: means over them, and the changes where it is worst.

    `auc` and `worst_auc` are None where the images lack a class.
    """

    n: int
    auc: float | None
    worst_auc: Stressed | None
    accuracy: float
    worst_accuracy: Stressed


def held(found: Sequence[Stressed]) -> Held | None:
    """Over these changes; None where there is none."""
    if not found:
        return None
    areas = [one.auc for one in found if one.auc is not None]
    accuracies = [one.best_known for one in found]
    is_defined = len(areas) == len(found)
    return Held(
        len(found),
        float(np.mean(areas)) if is_defined else None,
        found[int(np.argmin(areas))] if is_defined else None,
        float(np.mean(accuracies)), found[int(np.argmin(accuracies))],
    )  # fmt: skip


def write(folder: Path, found: Iterable[Stressed]) -> None:
    columns = [field.name for field in fields(Stressed)]
    rows = [["" if v is None else v for v in asdict(one).values()] for one in found]
    write_text(folder / FILE, csv_text(columns, rows))


def read(folder: Path) -> list[Stressed]:
    """All of a run; none where there is no such file. OSError or ValueError: it is damaged."""
    path = folder / FILE
    return [from_cells(Stressed, row) for row in read_csv(path)] if path.is_file() else []
