"""What the sources report, study by study: their numbers, and the settings behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from pm_cls.config import Config
from pm_cls.config.kinds import Value
from pm_cls.presentation.text import Text
from pm_cls.report.published import differing, load
from pm_cls.report.runs import Record
from pm_cls.scores.target import Classes

OTHERS = ("tutorial", "digits", "shapes")
Sections = dict[str, dict[str, Value | dict[str, float]]]


@dataclass(frozen=True)
class Stated:
    """One result of a source.

    Attributes:
        network: its name in the source.
        n_images: how many validation images the source scores.
        accuracy, loss: a fraction and a mean cross-entropy; None where none is stated.
        is_of_test: False of what the source took from other images than the test set.
    """

    row: int
    experiment: str
    network: str
    activation: str
    dataset: str
    n_images: int
    epochs: int
    accuracy: float | None
    loss: float | None
    source: str
    is_of_test: bool = True


@dataclass(frozen=True)
class _Result:
    row: int
    experiment: str
    epochs: int
    source: str
    accuracy: float | None = None
    loss: float | None = None
    is_of_test: bool = True


@dataclass(frozen=True)
class _Experiment:
    network: str
    settings: Sections


@dataclass(frozen=True)
class Study:
    """A YAML file of this folder.

    Attributes:
        name: of its folder in configs; `thesis` for the files at the top.
        table: the stem of its files.
        title: of its table; `nav` in the navigation.
        called: the source in a word.
        images: validation images by data set.
        data_names: of data sets, for people.
        settings: which its experiments share; they have others over them, by name.
        results: in the order of its table.
        classes: by data set the names of its classes.
        chinese: words of names, which are replaced in this order.
    """

    name: str
    table: str
    title: Text
    nav: Text
    called: Text
    images: dict[str, int]
    data_names: dict[str, str]
    settings: Sections
    experiments: dict[str, _Experiment]
    results: list[_Result]
    notes: list[Text]
    chinese: dict[str, str]
    classes: dict[str, list[Text]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Stated]:
        rows = []
        for one in self.results:
            config = self.reference(one.experiment)
            rows.append(
                Stated(
                    row=one.row,
                    experiment=one.experiment,
                    network=self.experiments[one.experiment].network,
                    activation=config.model.activation,
                    dataset=config.data.name,
                    n_images=self.images[config.data.name],
                    epochs=one.epochs,
                    accuracy=one.accuracy,
                    loss=one.loss,
                    source=one.source,
                    is_of_test=one.is_of_test,
                )
            )
        return rows

    @property
    def is_thesis(self) -> bool:
        """Whose verdicts, learning curves and pairs have sections of their own."""
        return self.name == thesis().name

    @property
    def names(self) -> list[str]:
        """The experiments in the order of the rows."""
        return list(dict.fromkeys(one.experiment for one in self.results))

    def reference(self, experiment: str) -> Config:
        """The config behind the rows of an experiment: defaults, and what the source states."""
        return _reference(self.name, experiment)

    def is_own(self, config: Config) -> bool:
        """Whether it is one of these experiments, trained no longer than there."""
        return any(
            not differing(config, stated) and config.train.epochs <= stated.train.epochs
            for stated in map(self.reference, self.names)
        )

    def runs(self, found: Sequence[Record]) -> list[Record]:
        """Those of its experiments, by their names."""
        names = set(self.names)
        return [run for run in found if run.experiment in names]

    def deviations(self, run: Record) -> list[Text]:
        """In words, each setting of a run that is not that of its rows."""
        stated = self.reference(run.experiment)
        ours, theirs = run.config.flat(), stated.flat()
        words = Text("`{key}` is {own} instead of {stated}", "`{key}` 为 {own}，而非 {stated}")
        return [
            words.format(key=key, own=ours.get(key), stated=theirs.get(key))
            for key in differing(run.config, stated)
        ]

    def is_comparable(self, run: Record) -> bool:
        """Whether a run may be held against its rows: same data, official, and same settings."""
        same_data = run.dataset == self.reference(run.experiment).data.name and run.is_official
        return same_data and not self.deviations(run)

    def named(self, name: str) -> Text:
        """A network, a data set, or where in the source something stands."""
        chinese = name
        for english, word in self.chinese.items():
            chinese = chinese.replace(english, word)
        return Text(name, chinese)


def thesis() -> Study:
    return load(Study, "thesis.yaml")


def others() -> list[Study]:
    """The studies of the other documents."""
    return [load(Study, f"{name}.yaml") for name in OTHERS]


def every() -> list[Study]:
    return [thesis(), *others()]


def of(experiment: str) -> Study | None:
    """The study that has an experiment of this name."""
    return next((study for study in every() if experiment in study.names), None)


def classes_of(run: Record) -> list[Text]:
    """The names of its classes by label; numbers where they have none."""
    target = run.last.target
    n = target.outputs if isinstance(target, Classes) else 2
    study = of(run.experiment)
    known = study.classes.get(run.dataset, []) if study else []
    if own := run.config.data.classes:
        known = [Text(name, name) for name in own]
    return known if len(known) == n else [Text(str(i), str(i)) for i in range(n)]


@cache
def _reference(study: str, experiment: str) -> Config:
    of = load(Study, f"{study}.yaml")
    epochs = sorted({one.epochs for one in of.results if one.experiment == experiment})
    common, own = of.settings, of.experiments[experiment].settings
    sections = {name: {**common.get(name, {}), **own.get(name, {})} for name in {*common, *own}}
    train = {**sections.get("train", {}), "epochs": epochs[-1], "report_epochs": epochs}
    return Config.model_validate({"experiment": experiment, **sections, "train": train})
