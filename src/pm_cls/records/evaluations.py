"""evaluations/NAME.json and NAME.csv: a run on other data than those it was made for."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pm_cls.records import predictions
from pm_cls.records.predictions import Predictions
from pm_cls.records.result import SCHEMA
from pm_cls.runtime.files import read_record, write_json
from pm_cls.scores.metrics import Scores

FOLDER = "evaluations"
OWN = "validation"  # what a run's own validation images are called beside these
AGAIN = "remove it and evaluate again"


@dataclass(frozen=True)
class Evaluation:
    """Of the photographs called `name`, from the data set `dataset` (`synthetic` for drawn ones).

    Attributes:
        data_digest: SHA-256 (hex) over names, labels and contents.
        repeated: groups of names with the same content.
        epoch: the reported epoch whose weights answered.
    """

    name: str
    dataset: str
    data_digest: str
    repeated: list[list[str]]
    epoch: int
    schema: int = SCHEMA


def file(folder: Path, name: str) -> Path:
    """The JSON of an evaluation; its predictions stand beside it."""
    return folder / FOLDER / f"{name}.json"


def answers(folder: Path, name: str) -> Path:
    """The predictions of an evaluation."""
    return folder / FOLDER / f"{name}.csv"


def write(folder: Path, facts: Evaluation, found: Predictions) -> None:
    """The JSON, by which it is found, comes last."""
    path = file(folder, facts.name)
    path.parent.mkdir(exist_ok=True)
    predictions.write(answers(folder, facts.name), found)
    write_json(path, {**asdict(facts), **asdict(found.scores())})


def read_facts(path: Path) -> Evaluation:
    """UsageError where the JSON is not there or damaged."""
    return read_record(Evaluation, path, AGAIN)


def read_all(folder: Path) -> dict[str, tuple[Evaluation, Predictions]]:
    """All of a run, by name, with what is `published` of their predictions.

    UsageError, OSError, ValueError or LookupError where one is damaged.
    """
    return {path.stem: _read(folder, path) for path in sorted((folder / FOLDER).glob("*.json"))}


def _read(folder: Path, path: Path) -> tuple[Evaluation, Predictions]:
    found = predictions.published(answers(folder, path.stem))
    stored, scores = read_record(Scores, path, AGAIN), found.scores()
    if (scores.n, scores.correct) != (stored.n, stored.correct):
        raise ValueError(f"the predictions beside {path.name} do not give its counts; {AGAIN}")
    return read_facts(path), found
