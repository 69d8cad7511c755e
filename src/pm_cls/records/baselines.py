"""baselines.csv: what simple answers reach. It stands beside the report, not in a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import csv_text, from_cells, read_csv, write_text
from pm_cls.runtime.locks import shared_folder
from pm_cls.scores.metrics import Scores

FILE = "baselines.csv"
COLUMNS = ("baseline", "numbers", "dataset", "n", "correct", "accuracy", "wilson_low",
           "wilson_high", "loss", "auc", "data_digest")  # fmt: skip


@dataclass(frozen=True)
class Baseline:
    """Scores of a simple answer on a set of photographs.

    `numbers` is how many it sees of a photograph, `dataset` and `digest` tell the photographs.
    """

    name: str
    numbers: int
    dataset: str
    digest: str
    scores: Scores


def write(found: Sequence[Baseline], path: Path) -> None:
    """Write a line a baseline and set of photographs, and keep those of other sets."""
    with shared_folder(path.parent):
        both = {(one.dataset, one.digest, one.name): one for one in (*read(path), *found)}
        rows = [
            [one.name, one.numbers, one.dataset, s.n, s.correct, s.accuracy, *s.wilson, s.loss,
             s.auc, one.digest]
            for one in both.values()
            for s in [one.scores]
        ]  # fmt: skip
        write_text(path, csv_text(COLUMNS, rows))


def read(path: Path) -> list[Baseline]:
    """Read what `write` wrote; nothing where there is no such file.

    Raises:
        UsageError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [
            Baseline(
                line["baseline"],
                int(line["numbers"]),
                line["dataset"],
                line["data_digest"],
                from_cells(Scores, line),
            )
            for line in read_csv(path)
        ]
    except (LookupError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: is damaged ({error}); `pm-cls baselines` writes it anew")
