"""What the sources state, as YAML beside this file, and the rules that judge it.

Only the reporting half reads these numbers. Settings are compared as whole configs: every key in
which two differ counts, but for those of IMMATERIAL.
"""

import json
from functools import cache
from importlib import resources
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

from pm_cls.config import Config

Read = TypeVar("Read")
IMMATERIAL = {
    "experiment": "it is a name",
    "model.fast": "it computes the same function, with other last bits",
    "train.epochs": "a row of the thesis is one epoch of a run, however long that goes on",
    "train.report_epochs": "what is kept does not change what is computed",
}


@cache
def load(kind: type[Read], file: str) -> Read:
    """A YAML file of this folder as a dataclass."""
    text = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    return TypeAdapter(kind).validate_python(yaml.safe_load(text))


def differing(config: Config, reference: Config) -> list[str]:
    """Dotted keys, sorted, of the settings in which two configs are different experiments."""
    return [key for key in reference.differing(config) if key not in IMMATERIAL]


def essence(config: Config) -> str:
    """The settings that make an experiment, and how long it was trained; equal where those are."""
    flat = {key: value for key, value in config.flat().items() if key not in IMMATERIAL}
    return json.dumps([flat, config.train.epochs], sort_keys=True)
