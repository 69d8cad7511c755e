"""Finished runs read back from disk, and which folders were left out and why.

Every score is computed anew from the predictions as they are published; logs are never read.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from pm_cls.config import SYNTHETIC, Config, load_stored
from pm_cls.presentation.text import Text
from pm_cls.records import (
    calibration,
    environment,
    epochs,
    evaluations,
    folder,
    gradients,
    predictions,
    responses,
    result,
    saliency,
    stress,
)
from pm_cls.records.environment import Data, Environment
from pm_cls.records.epochs import Epoch
from pm_cls.records.evaluations import Evaluation
from pm_cls.records.gradients import LayerState
from pm_cls.records.predictions import Predictions
from pm_cls.records.responses import Responses
from pm_cls.records.saliency import Saliency
from pm_cls.records.stress import Stressed
from pm_cls.report.published import essence
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.metrics import Scores

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")
NOT_FINISHED = Text("{name} is not finished and was left out.", "{name} 尚未完成，未计入。")
DAMAGED = Text(
    "{name} is damaged and was left out ({reason:.120}).",
    "{name} 已损坏，未计入（{reason:.120}）。",
)
LEFT_OUT = Text("{name} was left out ({reason}).", "{name} 未计入（{reason}）。")
UNLIKE = Text(
    "{name} was left out: {other} and others have other settings or data.",
    "{name} 未计入：其设置或数据与 {other} 等运行不同。",
)
# What reading a damaged run may raise.
UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, UsageError)
RUN = Text("1 seed", "1 个种子")
RUNS = Text("{n} seeds", "{n} 个种子")


class Renamed(ValueError):
    """The folders of a run have not its name and seed."""


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run.

    Attributes:
        dataset: the name of the data; `synthetic` for drawn photographs.
        predictions, scores: by reported epoch.
        evaluations: on other data, by their name.
        layers, saliency, responses: empty and None where `inspect` was not called.
        stress: empty where `evaluate --stress` was not called.
        calibration: None where the run does not know what its answers are worth.
    """

    folder: Path
    experiment: str
    seed: int
    dataset: str
    commit: str | None
    dirty: bool | None
    config: Config
    environment: Environment
    epochs: list[Epoch]
    predictions: dict[int, Predictions]
    scores: dict[int, Scores]
    evaluations: Mapping[str, tuple[Evaluation, Predictions]]
    layers: list[LayerState]
    saliency: Saliency | None
    responses: Responses | None
    stress: list[Stressed] = field(default_factory=list)
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        return f"{self.experiment} seed {self.seed}"

    @property
    def called(self) -> Text:
        """Its name in both languages."""
        return Text(self.name, f"{self.experiment} 种子 {self.seed}")

    @property
    def data(self) -> Data:
        return self.environment.data

    @property
    def last(self) -> Predictions:
        """Those of the last reported epoch."""
        return self.predictions[max(self.predictions)]

    @property
    def is_synthetic(self) -> bool:
        return self.dataset == SYNTHETIC

    @property
    def is_official(self) -> bool:
        """Whether the data are official, all of them; true where the record does not say."""
        return not self.is_synthetic and self.data.official is not False

    def distinct(self, epoch: int) -> np.ndarray:
        """Which validation images count once all repetitions are left out, bool [n].

        One that is also in the training set is left out; of those that stand more than once in the
        validation set the first stays.
        """
        names = self.predictions[epoch].names
        kept = dict.fromkeys(names, True)
        for group in self.data.repeated or []:
            within = sorted(set(group) & set(names))
            leaked = len(group) > len(within)
            for name in within if leaked else within[1:]:
                kept[name] = False
        return np.array([kept[name] for name in names])

    def files(self) -> list[Path]:
        """All that it was read from but predictions: neither weights nor logs."""
        names = [folder.CONFIG, environment.FILE, epochs.FILE, result.FILE]
        names += [gradients.FILE] if self.layers else []
        names += [saliency.FACTS, saliency.ARRAYS] if self.saliency else []
        names += [responses.FILE] if self.responses else []
        names += [stress.FILE] if self.stress else []
        names += [calibration.FILE] if self.calibration else []
        facts = [evaluations.file(self.folder, name) for name in self.evaluations]
        return [*(self.folder / name for name in names), *facts]

    def answers(self) -> list[Path]:
        """The predictions of the reported epochs, and of the evaluations."""
        own = [predictions.file(self.folder, epoch) for epoch in self.scores]
        return [*own, *(evaluations.answers(self.folder, name) for name in self.evaluations)]


def read_runs(runs_dir: Path) -> tuple[list[Record], dict[str, Text]]:
    """Read all runs below a folder.

    Of an experiment whose runs differ in more than the seed, the most of one kind are taken.

    Returns:
        The finished runs by experiment and seed, and by name (`alexnet/seed0`) a sentence on each
        folder that was left out.
    """
    found: list[Record] = []
    left_out: dict[str, Text] = {}
    for place in sorted(runs_dir.glob("*/seed*")):
        name = f"{place.parent.name}/{place.name}"
        if not folder.is_finished(place):
            left_out[name] = NOT_FINISHED.format(name=name)
            continue
        try:
            found.append(read_run(place, left_out))
        except UNREADABLE as error:
            if isinstance(error, Renamed):
                left_out[name] = LEFT_OUT.format(name=name, reason=str(error))
                continue
            cause = error.__cause__ or error
            reason = " ".join(f"{type(cause).__name__}: {cause}".split())
            left_out[name] = DAMAGED.format(name=name, reason=reason)
    found.sort(key=lambda run: (run.experiment, run.seed))
    unlike = dict(_unlike(found))
    left_out |= {name: UNLIKE.format(name=name, other=other) for name, other in unlike.items()}
    return [run for run in found if _place(run) not in unlike], left_out


def _unlike(runs: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Those that are not of the kind of most runs of their experiment, each with one that is."""
    for ours in grouped(runs, lambda run: run.experiment).values():
        kinds = grouped(ours, lambda run: (essence(run.config), run.data.digest))
        most = max(kinds.values(), key=len)
        yield from ((_place(run), _place(most[0])) for run in ours if run not in most)


def _place(run: Record) -> str:
    return f"{run.experiment}/seed{run.seed}"


def read_run(place: Path, left_out: dict[str, Text] | None = None) -> Record:
    """Read the finished run in a folder.

    Args:
        left_out: takes, by name, a sentence on each damaged file that a command put beside the run,
            which is read without it then.

    Raises:
        Renamed: its folders have another name and seed.
        UsageError: without `left_out`: such a file is damaged, and how to have it anew.
        UNREADABLE: it is damaged.
    """
    stored = result.read(place)
    if (place.parent.name, place.name) != (stored.experiment, f"seed{stored.seed}"):
        name = f"{stored.experiment}/seed{stored.seed}"
        raise Renamed(f"it holds the run {name}, and its folders need these names")
    answers, scores = {}, {}
    for epoch, known in stored.epochs.items():
        answers[epoch] = predictions.published(predictions.file(place, epoch))
        if len(answers[epoch].names) == known.n:
            scores[epoch] = answers[epoch].scores()
        if epoch not in scores or scores[epoch].correct != known.correct:
            raise ValueError(f"the predictions of epoch {epoch} do not give the stored counts")
    if not scores:
        raise ValueError(f"{result.FILE} names no epoch")
    config, lines = load_stored(place / folder.CONFIG), epochs.read(place)
    if [line.epoch for line in lines] != list(range(1, config.train.epochs + 1)):
        raise ValueError(f"{epochs.FILE} does not hold the epochs 1 to {config.train.epochs}")
    beside = partial(_beside, place, left_out)
    return Record(
        folder=place,
        experiment=stored.experiment,
        seed=stored.seed,
        dataset=stored.dataset,
        commit=stored.commit,
        dirty=stored.dirty,
        config=config,
        environment=environment.read(place),
        epochs=lines,
        predictions=answers,
        scores=scores,
        evaluations=beside(evaluations.read_all, f"{evaluations.FOLDER}/", "evaluate", {}),
        layers=beside(gradients.read, gradients.FILE, "inspect", []),
        saliency=beside(saliency.read, saliency.FACTS, "inspect", None),
        responses=beside(responses.read, responses.FILE, "inspect", None),
        stress=beside(stress.read, stress.FILE, "evaluate --stress", []),
        calibration=calibration.read(place, config, max(stored.epochs)),
    )


def _beside(
    place: Path,
    left_out: dict[str, Text] | None,
    read: Callable[[Path], T],
    file: str,
    command: str,
    nothing: T,
) -> T:
    """What a command put beside a run; `nothing` where it is damaged and that is noted."""
    try:
        return read(place)
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        mend = f"remove it, and `pm-cls {command}` writes it anew"
        if left_out is None:
            raise UsageError(f"{place / file}: is damaged ({reason}); {mend}") from error
        name = f"{place.parent.name}/{place.name}/{file}"
        left_out[name] = LEFT_OUT.format(name=name, reason=f"{reason}; {mend}")
        return nothing


def grouped(runs: Iterable[Record], key: Callable[[Record], Key]) -> dict[Key, list[Record]]:
    """The runs by any key, in the order in which the keys come."""
    groups: dict[Key, list[Record]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def seeds_words(runs: list[Record]) -> Text:
    return RUN if len(runs) == 1 else RUNS.format(n=len(runs))
