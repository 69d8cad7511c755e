"""The numbers of the thesis, for the reporting half alone."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True)
class ThesisRow:
    """One result of the thesis: accuracy is a fraction, loss a mean cross-entropy.

    `model` is the name of the network in a config, `network` that in the thesis.
    """

    row: int
    experiment: str
    model: str
    network: str
    activation: str
    epochs: int
    dataset: str
    accuracy: float
    loss: float
    source: str
    fc_layers: int | None = None


@cache
def _content() -> dict[str, Any]:
    text = resources.files("pm_cls").joinpath("thesis.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def rows() -> list[ThesisRow]:
    """The eight rows of the thesis' Table 1 and the three results of its text."""
    return [ThesisRow(**row) for row in _content()["rows"]]


def common_settings() -> dict[str, Any]:
    """The settings behind every result, by dotted key of a config."""
    return dict(_content()["settings"])


def settings(row: ThesisRow) -> dict[str, Any]:
    """The settings behind a result, by dotted key of a config."""
    return {
        **common_settings(),
        "data.image_size": _content()["image_size"][row.dataset],
        "model.name": row.model,
        "model.activation": row.activation,
        "model.fc_layers": row.fc_layers,
    }
