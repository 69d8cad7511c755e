"""The experiments on causes among all runs: which group each belongs to, when it left the prior."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pm_cls.config import Config
from pm_cls.config.kinds import Value
from pm_cls.presentation.text import Text
from pm_cls.report.published import differing, essence, load, studies
from pm_cls.report.published.statements import stated
from pm_cls.report.published.studies import thesis
from pm_cls.report.runs import Record, grouped
from pm_cls.scores.target import Classes


@dataclass(frozen=True)
class Grid:
    panel: str
    size: str


@dataclass(frozen=True)
class Group:
    """See causes.yaml."""

    name: str
    home: str
    title: Text
    may: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    one: bool = False
    own: bool = False

    def holds(self, config: Config) -> bool:
        keys = differing(config, thesis().reference(self.home))
        if study().is_outside(keys) or (not self.own and thesis().is_own(config)):
            return False
        rest = sorted(set(keys) - set(self.may))
        return len(rest) == 1 if self.one else rest == sorted(self.must)


@dataclass(frozen=True)
class Study:
    """causes.yaml."""

    grid: Grid
    order: tuple[str, ...]
    same: tuple[str, ...]
    threshold: float
    look_at_epoch: int
    clearly: float
    groups: tuple[Group, ...]

    def is_outside(self, keys: Iterable[str]) -> bool:
        """Whether a run that differs from a home in these keys is none of the study."""
        return any(f"{key}.".startswith(f"{same}.") for key in keys for same in self.same)

    @property
    def home(self) -> Config:
        """What the grid is laid around."""
        return thesis().reference(self.groups[0].home)

    @property
    def panel(self) -> str:
        """The home's panel."""
        return str(self.home.flat()[self.grid.panel])

    @property
    def full_size(self) -> int:
        return size_of(self.home)

    @property
    def short(self) -> int:
        """Epochs that the thesis trains."""
        return self.home.train.epochs

    def rank(self, panel: str) -> tuple[int, str]:
        """The place of a panel among others."""
        known = panel in self.order
        return (self.order.index(panel) if known else len(self.order), panel)


def study() -> Study:
    return load(Study, "causes.yaml")


@dataclass(frozen=True)
class Experiment:
    """The runs of one config, over seeds.

    Attributes:
        panel, size: where it lies on the grid.
        changes: its settings that are not the home's, by dotted key, but for those of the grid.
        images, updates: of the training set; steps an epoch.
        limit: epochs that were trained.
        left: for each run the first epoch whose mean training loss tells that it left the prior;
            None where none did.
    """

    name: str
    group: Group
    panel: str
    size: int
    changes: dict[str, Value]
    images: int
    updates: int
    limit: int
    runs: list[Record]
    left: list[int | None]

    @property
    def epochs(self) -> list[int]:
        """When those runs left the prior that did, sorted."""
        return sorted(epoch for epoch in self.left if epoch is not None)

    @property
    def all_left(self) -> bool:
        return None not in self.left

    def had(self, epochs: int) -> bool:
        """Whether it was trained for so many epochs, or needed fewer to leave in all its runs."""
        return self.limit >= epochs or self.all_left

    @property
    def change_words(self) -> str:
        """`optimizer.learning_rate 0.01`, or nothing."""
        return ", ".join(f"{key} {value}" for key, value in self.changes.items())

    @property
    def left_words(self) -> Text:
        """`epoch 277, 301`, or how many runs did not leave."""
        if not self.epochs:
            limit = "1 epoch" if self.limit == 1 else f"{self.limit} epochs"
            return Text(f"not within {limit}", f"{self.limit} 轮内未离开")
        epochs = [str(epoch) for epoch in self.epochs]
        words = Text(f"epoch {', '.join(epochs)}", f"第 {'、'.join(epochs)} 轮")
        if self.all_left:
            return words
        return words + Text(
            "; {stayed} of {n} not within {limit}",
            "（{n} 次中有 {stayed} 次在 {limit} 轮内未离开）",
        ).format(stayed=self.left.count(None), n=len(self.left), limit=self.limit)


@dataclass(frozen=True)
class Found:
    """The experiments in the order of their groups, and runs of the study that are in none.

    `outside` has by experiment the keys in which it differs from the home of its network.
    """

    experiments: list[Experiment]
    outside: dict[str, list[str]]

    def of(self, group: str) -> list[Experiment]:
        return [one for one in self.experiments if one.group.name == group]

    def by_size(self, panel: str) -> dict[int, Experiment]:
        """Those of a panel with no other change, by size.

        Where several share a size, one with runs that left the prior; else the longest.
        """
        ours = [one for one in self.of("size") if one.panel == panel]
        ours.sort(key=lambda one: (one.size, bool(one.epochs), one.limit))
        return {one.size: one for one in ours}

    def short_changes(self) -> list[Experiment]:
        """Those with one change that had the thesis' epochs and no more, or needed fewer."""
        short = study().short
        return [one for one in self.of("change") if one.limit <= short and one.had(short)]

    def inspected(self) -> list[tuple[Experiment, Record]]:
        """On the grid, the first run of each whose layers were looked into; by size, then panel."""
        chosen = [(one, run) for one in self.of("size") for run in one.runs[::-1] if run.layers]
        first = {(one.size, study().rank(one.panel)): (one, run) for one, run in chosen}
        return [first[key] for key in sorted(first)]


def find(runs: Iterable[Record]) -> Found:
    """The experiments on causes among all runs.

    A run on drawn or incomplete data, or whose record does not count them, is none of them.
    """
    counted = [run for run in runs if run.is_official and run.data.n_training]
    alike = grouped(counted, lambda run: (run.experiment, essence(run.config))).values()
    found = [one for ours in alike if (one := _experiment(ours)) is not None]
    groups = study().groups
    known = {one.name for one in found} | {*stated().names}
    known |= {name for other in studies.every() for name in other.names}
    outside = {
        run.experiment: keys
        for run in counted
        if run.experiment not in known and (keys := _keys_outside(run.config))
    }
    return Found(
        sorted(
            found,
            key=lambda e: (
                groups.index(e.group), study().rank(e.panel), e.size, -e.images, e.name,
            ),
        ),
        outside,
    )  # fmt: skip


def size_of(config: Config) -> int:
    size = config.flat()[study().grid.size]
    assert isinstance(size, int)
    return size


def threshold(run: Record) -> float:
    """The mean training loss below which a run has left the prior."""
    target = run.last.target
    return study().threshold * math.log2(target.outputs if isinstance(target, Classes) else 2)


def _experiment(ours: Sequence[Record]) -> Experiment | None:
    config, grid = ours[0].config, study().grid
    group = next((group for group in study().groups if group.holds(config)), None)
    if group is None:
        return None
    flat, images = config.flat(), ours[0].data.n_training
    keys = differing(config, thesis().reference(group.home))
    return Experiment(
        name=ours[0].experiment,
        group=group,
        panel=str(flat[grid.panel]),
        size=size_of(config),
        changes={key: flat.get(key) for key in keys if key not in (grid.panel, grid.size)},
        images=images,
        updates=math.ceil(images / config.train.batch_size),
        limit=config.train.epochs,
        runs=list(ours),
        left=[_left(run) for run in ours],
    )


def _keys_outside(config: Config) -> list[str]:
    """In which it differs from the home that shares its network and data; empty without one."""
    for group in study().groups:
        keys = differing(config, thesis().reference(group.home))
        if not study().is_outside(keys):
            return keys
    return []


def _left(run: Record) -> int | None:
    least = threshold(run)
    return next((line.epoch for line in run.epochs if line.train_loss < least), None)
