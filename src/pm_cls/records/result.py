"""result.json: what a run came to. It is written last, so that it tells of a finished run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pm_cls.runtime.files import read_record, write_json
from pm_cls.scores.metrics import Scores

FILE = "result.json"
SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """Which run it was, of which data and code, and its scores by reported epoch."""

    schema: int
    experiment: str
    seed: int
    dataset: str
    data_digest: str
    config_digest: str
    commit: str | None
    dirty: bool | None
    epochs: dict[int, Scores]


def write(folder: Path, result: Result) -> None:
    write_json(folder / FILE, asdict(result))


def read(folder: Path) -> Result:
    """UsageError where it is not there or damaged."""
    return read_record(Result, folder / FILE)
