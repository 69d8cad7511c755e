"""calibration.json and familiar.safetensors: what a run's answers are worth.

Made when a run ends that held training images out, or whose last layer is a regression.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pm_cls.config import Config
from pm_cls.records.result import SCHEMA
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import read_record, write_bytes, write_json
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.familiarity import Familiar

FILE, FAMILIAR = "calibration.json", "familiar.safetensors"


@dataclass(frozen=True)
class _Stored:
    """calibration.json; `how` is `held out` or `cross-validation`."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    threshold: Annotated[float, Field(ge=0, le=1)]
    certain: Annotated[float, Field(ge=0, le=1)]
    n: Annotated[int, Field(ge=0)]
    how: str
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    schema: int = SCHEMA


def write(folder: Path, found: Calibration, familiar: Familiar | None, how: str) -> None:
    """The JSON, by which it is found, comes last."""
    if familiar is not None:
        arrays = {"mean": familiar.mean, "spread": familiar.spread, "points": familiar.points}
        write_bytes(folder / FAMILIAR, save(arrays))
    limit = None if familiar is None else familiar.limit
    write_json(folder / FILE, asdict(_Stored(**asdict(found), how=how, limit=limit)))


def read(folder: Path, config: Config, epoch: int) -> Calibration | None:
    """None where the run of a config has none, or the weights of another epoch answer.

    It is fitted on answers by the last one's, which `train.report_epochs` may leave out.

    Raises:
        UsageError: it is damaged.
    """
    if epoch != config.train.epochs or not (folder / FILE).is_file():
        return None
    found = _read(folder)
    return Calibration(found.temperature, found.threshold, found.certain, found.n)


def read_familiar(folder: Path) -> Familiar | None:
    """None where the run has none, as in the committed records.

    Raises:
        UsageError: it is damaged.
    """
    path = folder / FAMILIAR
    if not path.is_file() or not (folder / FILE).is_file():
        return None
    try:
        arrays: dict[str, np.ndarray] = load(path.read_bytes())
        limit = _read(folder).limit or 0.0
        return Familiar(arrays["mean"], arrays["spread"], arrays["points"], limit)
    except (OSError, LookupError, SafetensorError) as error:
        raise UsageError(f"{path}: is damaged ({error}); train the run anew")


def _read(folder: Path) -> _Stored:
    return read_record(_Stored, folder / FILE)
