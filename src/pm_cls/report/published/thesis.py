"""The numbers of the thesis and the settings behind them."""

from dataclasses import dataclass
from functools import cache

from pm_cls.config import Config
from pm_cls.config.schema import Value
from pm_cls.report.published import differing, load
from pm_cls.report.runs import Record
from pm_cls.report.text import Text

Sections = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Row:
    """One result of the thesis: accuracy is a fraction, loss a mean cross-entropy."""

    row: int
    experiment: str
    epochs: int
    accuracy: float
    loss: float
    source: str

    @property
    def network(self) -> str:
        """Its name in the thesis."""
        return thesis().experiments[self.experiment].network

    @property
    def activation(self) -> str:
        return reference(self.experiment).model.activation

    @property
    def dataset(self) -> str:
        return reference(self.experiment).data.name

    @property
    def n_images(self) -> int:
        """How many validation images the thesis scores."""
        return thesis().images[self.dataset]


@dataclass(frozen=True)
class _Experiment:
    network: str
    settings: Sections


@dataclass(frozen=True)
class _Thesis:
    """thesis.yaml."""

    images: dict[str, int]
    data_names: dict[str, str]
    settings: Sections
    experiments: dict[str, _Experiment]
    rows: list[Row]
    notes: list[Text]
    places: dict[str, str]


def thesis() -> _Thesis:
    return load(_Thesis, "thesis.yaml")


def rows() -> list[Row]:
    return thesis().rows


def experiments() -> list[str]:
    """In the order of the rows."""
    return list(dict.fromkeys(row.experiment for row in rows()))


@cache
def reference(experiment: str) -> Config:
    """The config behind the rows of an experiment: defaults, and what the thesis states."""
    epochs = sorted(row.epochs for row in rows() if row.experiment == experiment)
    common, own = thesis().settings, thesis().experiments[experiment].settings
    sections = {name: {**common.get(name, {}), **own.get(name, {})} for name in {*common, *own}}
    train = {**sections["train"], "epochs": epochs[-1], "report_epochs": epochs}
    return Config.model_validate({"experiment": experiment, **sections, "train": train})


def is_own(config: Config) -> bool:
    """Whether it is one of the thesis' experiments, trained no longer than there."""
    return any(
        not differing(config, stated) and config.train.epochs <= stated.train.epochs
        for stated in map(reference, experiments())
    )


def deviations(run: Record) -> list[str]:
    """In words, each setting of a run that is not that of its rows."""
    stated = reference(run.experiment)
    ours, theirs = run.config.flat(), stated.flat()
    return [
        f"`{key}` is {ours.get(key)} instead of {theirs.get(key)}"
        for key in differing(run.config, stated)
    ]


def is_comparable(run: Record) -> bool:
    """Whether a run may be held against its rows: same data, official, and same settings."""
    same_data = run.dataset == reference(run.experiment).data.name and run.is_official
    return same_data and not deviations(run)


def place(name: str) -> Text:
    """Where in the thesis something stands."""
    chinese = name
    for english, word in thesis().places.items():
        chinese = chinese.replace(english, word)
    return Text(name, chinese)
