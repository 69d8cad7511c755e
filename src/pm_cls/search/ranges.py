"""What a search looks for: settings, and the ranges that some of them come from."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from pm_cls.config import Config
from pm_cls.config.kinds import as_number
from pm_cls.config.reading import (
    Settings,
    overridden,
    read_settings,
    resolve,
    set_key,
    validated,
)
from pm_cls.config.schema import Section
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.silence import silence

if TYPE_CHECKING:
    import optuna

RANGES = "ranges"
FIXED = {"experiment", "seed", "train.hold_out"} | {
    f"data.{key}" for key in ("name", "root", "limit", "classes", "split_seed", "validation_share")
}
HELD_OUT = 0.2  # where the config holds nothing out

Number = Annotated[int | float, BeforeValidator(as_number), Field(allow_inf_nan=False)]


class Range(Section):
    """Numbers from `low` to `high`, whole ones where both are."""

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log: true goes with a low above zero, and without a step")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"step {self.step} is not above zero and at most high - low")
        if self.is_whole and isinstance(self.step, float):
            raise ValueError(f"step {self.step} is no whole number, as low and high are")
        return self

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def tried(self) -> list[Number]:
        """Both ends and, of what is not whole, a number between that is hardly whole."""
        between = self.low + (self.high - self.low) / math.e
        return [self.low, self.high] if self.is_whole else [self.low, self.high, between]


@dataclass(frozen=True)
class Search:
    """What is looked for: a config without ranges, and what may stand for some of its keys."""

    settings: Settings
    ranges: Mapping[str, Range | list[Any]]
    source: str

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str]) -> "Search":
        """A YAML file; values from every range are tried as settings.

        Raises:
            UsageError: it says something wrong, or a range that its key does not allow.
        """
        settings = read_settings(path)
        given = settings.pop(RANGES, None)
        if not isinstance(given, dict) or not given:
            raise UsageError(f"{path}: `{RANGES}` is needed: by dotted key values, or low and high")
        train = overridden(settings, overrides).get("train") or {}
        if isinstance(train, dict) and "hold_out" not in train:
            overrides = [*overrides, f"train.hold_out={HELD_OUT}"]
        if not resolve(settings, str(path), overrides).train.hold_out:
            raise UsageError(
                f"{path}: `train.hold_out` is 0; trials are judged on what is held out: a share "
                f"above 0 is needed, or none, which is {HELD_OUT}"
            )
        settings = overridden(settings, overrides)
        ranges = {key: _range(value, f"{path}: {RANGES}.{key}") for key, value in given.items()}
        if fixed := sorted(
            key for key in ranges if any(f"{one}.".startswith(f"{key}.") for one in FIXED)
        ):
            raise UsageError(
                f"{path}: `{RANGES}.{fixed[0]}`: all trials of a search share it, so that they are "
                "judged on the same images"
            )
        found = cls(settings, ranges, str(path))
        for one in found._tried():
            found.config(one)
        return found

    def _tried(self) -> Iterator[dict[str, Any]]:
        """Each value of each key, then each two of two keys: of a range its ends."""
        tried = {
            key: values if isinstance(values, list) else values.tried
            for key, values in self.ranges.items()
        }
        for number in (1, 2):
            for keys in itertools.combinations(tried, number):
                for values in itertools.product(*(tried[key] for key in keys)):
                    yield dict(zip(keys, values, strict=True))

    def config(self, chosen: Mapping[str, Any], name: str = "") -> Config:
        """The config of a trial with these values; UsageError where one does not fit."""
        with silence():  # Paddle
            from pm_cls.train.keys import check

        settings = resolve(self.settings, self.source).model_dump(mode="json")
        for key, value in chosen.items():
            set_key(settings, key, value, self.source)
        words = f"{self.source}: {RANGES} with " + ", ".join(f"{k}: {v}" for k, v in chosen.items())
        if name:
            settings["experiment"] = name
        if "train.epochs" in chosen and "train.report_epochs" not in chosen:
            # Each is judged at its end.
            settings["train"]["report_epochs"] = [chosen["train.epochs"]]
        config = resolve(settings, words)
        try:
            check(config)
        except UsageError as error:
            raise UsageError(f"{words}: {error}")
        return config

    def stated(self) -> dict[str, Any]:
        """What all trials of a search share: ranges, the settings beside them, and the data."""
        from pm_cls.data import load_dataset

        config = self.config({})
        beside = {key: str(v) for key, v in config.flat().items() if key not in self.ranges}
        ranges = {key: str(values) for key, values in self.ranges.items()}
        data = load_dataset(config.data).digest
        return {RANGES: ranges, "settings": {**beside, "seed": config.seed}, "data": data}

    def suggest(self, trial: "optuna.Trial") -> dict[str, Any]:
        """Values of all keys, as the sampler proposes them."""
        return {key: _suggested(trial, key, values) for key, values in self.ranges.items()}


def _range(given: object, source: str) -> Range | list[Any]:
    if isinstance(given, list) and given:
        return given
    if isinstance(given, dict):
        return validated(Range, given, f"{source}: ")
    raise UsageError(f"{source}: is {given!r:.60}; a list of values, or low and high are needed")


def _suggested(trial: "optuna.Trial", key: str, values: Range | list[Any]) -> Any:
    if isinstance(values, list):
        return values[trial.suggest_categorical(key, list(range(len(values))))]
    if values.is_whole:
        low, high, step = int(values.low), int(values.high), int(values.step or 1)
        return trial.suggest_int(key, low, high, log=values.log, step=step)
    return trial.suggest_float(key, values.low, values.high, log=values.log, step=values.step)


def said(value: object) -> str:
    """A setting as people read it: four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
