"""evaluations/NAME.json and NAME.csv: a run on other data than those it was made for."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pm_cls.records import predictions
from pm_cls.records.predictions import Predictions
from pm_cls.records.result import SCHEMA
from pm_cls.runtime.files import read_record, write_json

FOLDER = "evaluations"


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
    return read_record(Evaluation, path, "remove it and evaluate again")


def read_all(folder: Path) -> dict[str, tuple[Evaluation, Predictions]]:
    """All of a run, by name, with what is `published` of their predictions.

    UsageError, OSError, ValueError or LookupError where one is damaged.
    """
    paths = sorted((folder / FOLDER).glob("*.json"))
    return {p.stem: (read_facts(p), predictions.published(answers(folder, p.stem))) for p in paths}
