"""What an evaluation comes to, and what of its photographs a reader has to know."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.config import SYNTHETIC
from pm_cls.data.photographs import external
from pm_cls.data.photographs.layout import names_of
from pm_cls.records.predictions import Predictions
from pm_cls.runtime.wording import counted, enumerate_names
from pm_cls.scores.metrics import Scores

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run

OTHER_DATA = "other data than the run's"
OFFICIAL = {
    "training": "a network that was trained on these is not tested by them",
    "validation": "the project's networks are judged by these; they are not from elsewhere",
}


@dataclass(frozen=True)
class Evaluated:
    """What a run came to on some images.

    Attributes:
        folder, epoch: of the run, and whose weights answered; of an ensemble those of the first.
        data: the name of the images.
        predictions, scores: of them.
        notes: what a reader has to know, as whole sentences.
        members: how many answered together.
        worth: lines on what the answers turned out to be worth.
    """

    folder: Path
    epoch: int
    data: str
    predictions: Predictions
    scores: Scores
    notes: tuple[str, ...] = ()
    members: int = 1
    worth: tuple[str, ...] = ()


def described(data: external.External) -> Iterator[str]:
    """Sentences about photographs from elsewhere."""
    mark = " (SYNTHETIC)" if data.dataset == SYNTHETIC else ""
    yield f"{data.name}{mark}: {counted(len(data.split.labels), 'photograph')}"
    if data.ignored:
        more = counted(data.ignored, "photograph")
        yield f"note: without a label in the table, and left out: {more} in the folder"
    if data.repeated:
        groups = ", ".join(" = ".join(group) for group in data.repeated)
        yield f"note: {counted(len(data.repeated), 'group')} of equal photographs: {groups}"
    for part, meaning in OFFICIAL.items():
        if known := names_of(part, data.split.names):
            n, shown = counted(len(known), "photograph"), enumerate_names(known, 3)
            yield f"note: {n} named as in the official {part} set ({shown}): {meaning}"
    yield from (f"note: {note}" for note in data.notes)


def note_synthetic(run: "Run") -> str:
    return f"note: {run.folder} was trained on SYNTHETIC photographs"
