"""Look for settings: trials of ranges, judged on training images that are held out.

    python -m pm_cls.search --ranges configs/search/lenet7.yaml --trials 30

The YAML has the sections of a config and `ranges`: by dotted key a list of values, or `low` and
`high` (and `log: true` or `step`). Each trial is a run of its own; the validation images are not
looked at. The same command goes on where it was stopped, and several machines that share the runs
and a --storage share the trials.
"""

import contextlib
import logging
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import filelock
from pydantic import Field, model_validator

from pm_cls.config import Config
from pm_cls.config.reading import Settings, read_settings, resolve, set_key, validated
from pm_cls.config.schema import Section
from pm_cls.runtime import device as devices
from pm_cls.runtime.command import add_device, new_parser, run_command
from pm_cls.runtime.errors import RunError, UsageError
from pm_cls.runtime.files import csv_text, write_text, writing
from pm_cls.runtime.paths import typed_path

if TYPE_CHECKING:
    import optuna

RANGES = "ranges"
FIXED = {"experiment", "seed", "train.hold_out"} | {
    f"data.{key}" for key in ("name", "root", "limit", "classes", "split_seed", "validation_share")
}
HELD_OUT = 0.2  # where the config holds nothing out
NEEDS = 'the search needs Optuna: pip install -c constraints.txt -e ".[cpu,search]"'

Number = Annotated[int | float, Field(allow_inf_nan=False)]


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
        resolve(settings, str(path), overrides)  # which stand in `settings` from now on
        ranges = {key: _range(value, f"{path}: {RANGES}.{key}") for key, value in given.items()}
        if fixed := sorted({*ranges} & FIXED):
            raise UsageError(
                f"{path}: `{RANGES}.{fixed[0]}`: all trials of a search share it, so that they are "
                "judged on the same images"
            )
        found = cls(settings, ranges, str(path))
        for key, values in ranges.items():
            for value in values if isinstance(values, list) else values.tried:
                found.config({key: value})
        return found

    def config(self, chosen: Mapping[str, Any], name: str = "") -> Config:
        """The config of a trial with these values; UsageError where one does not fit."""
        from pm_cls.train.keys import check

        settings = resolve(self.settings, self.source).model_dump(mode="json")
        for key, value in chosen.items():
            set_key(settings, key, value, self.source)
        words = f"{self.source}: {RANGES} with " + ", ".join(f"{k}: {v}" for k, v in chosen.items())
        if name:
            settings["experiment"] = name
        if not settings["train"]["hold_out"]:
            settings["train"]["hold_out"] = HELD_OUT
        config = resolve(settings, words)
        check(config)
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("search", __doc__)
    parser.add_argument(
        "--ranges", type=typed_path, required=True, metavar="FILE", help="a config with `ranges`"
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="in all, those made before counted"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as of pm-cls train"
    )
    parser.add_argument(
        "--runs-dir", type=typed_path, default=Path("runs-search"), help="default: runs-search"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="of Optuna (default: an SQLite file in the folder of runs), as postgresql://…",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.trials < 1:
        raise UsageError("--trials: a number from 1 on is needed")
    search(
        Search.read(args.ranges, args.set), args.runs_dir, args.trials, args.storage, args.device
    )


def search(what: Search, runs_dir: Path, trials: int, storage: str | None, device: str) -> Config:
    """Make trials until there are so many, and write what came out into `runs_dir`.

    Returns:
        The config with the least held-out loss, without its name.

    Raises:
        UsageError: Optuna is not there, or its storage cannot be used.
        RunError: no trial came to an end.
    """
    devices.prepare(device)
    try:
        import optuna
    except ImportError:
        raise UsageError(NEEDS)
    name = what.config({}).experiment
    with writing(runs_dir):
        runs_dir.mkdir(parents=True, exist_ok=True)
    study = _study(optuna, storage or f"sqlite:///{runs_dir.absolute()}/{name}.sqlite", name, what)
    while (claim := _claim(optuna, study, what, runs_dir, trials)) is not None:
        trial, values, lock = claim
        try:
            config = _fitting(what, values, f"{name}-{trial.number}")
            loss = _held_out_loss(config, runs_dir, device)
            study.tell(trial, loss)  # before another process can take it for one that was left
        except RunError as error:  # a loss that became NaN is an answer too
            print(f"trial {trial.number}: {error}")
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        finally:
            lock.release()
        said = ", ".join(f"{key} {_plain(value)}" for key, value in values.items())
        print(f"trial {trial.number}: held-out loss {loss:.4f}  {said}", flush=True)
    return _write(optuna, study, what, runs_dir / name)


def _study(optuna: Any, storage: str, name: str, what: Search) -> "optuna.Study":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        study = optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
    except Exception as error:  # of whatever storage was named
        raise UsageError(f"--storage {storage}: cannot be used ({str(error).splitlines()[0]})")
    for name_of_it, stated in what.stated().items():
        if study.user_attrs.get(name_of_it, stated) != stated:
            raise UsageError(
                f"{storage}: has trials of {name} with other {name_of_it}; `--set experiment=NAME` "
                "names another search"
            )
        study.set_user_attr(name_of_it, stated)
    return study


def _claim(
    optuna: Any, study: "optuna.Study", what: Search, runs_dir: Path, trials: int
) -> "tuple[optuna.Trial, dict[str, Any], filelock.FileLock] | None":
    """An unfinished trial that no process is at work on, else a new one; its values and its lock.

    None: there are enough. One process chooses at a time, and holds what it chose before the next
    one looks; a kill frees it.
    """
    with filelock.FileLock(runs_dir / f"{study.study_name}.lock"):
        running = optuna.trial.TrialState.RUNNING
        for frozen in study.get_trials(deepcopy=False, states=(running,)):
            lock = _lock(runs_dir, study.study_name, frozen.number)
            with contextlib.suppress(filelock.Timeout):
                lock.acquire(timeout=0)
                trial = optuna.Trial(study, frozen._trial_id)
                return trial, what.suggest(trial), lock
        count = len(study.get_trials(deepcopy=False))
        if count >= trials:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that some options of the sampler are new
            # Of its own seed, so that what is proposed follows from the trials before.
            seed = 1000 * what.config({}).seed + count
            study.sampler = optuna.samplers.TPESampler(seed=seed)
        trial = study.ask()
        lock = _lock(runs_dir, study.study_name, trial.number)
        lock.acquire()
        return trial, what.suggest(trial), lock


def _lock(runs_dir: Path, name: str, number: int) -> filelock.FileLock:
    return filelock.FileLock(runs_dir / f"{name}-{number}.lock")


def _fitting(what: Search, values: Mapping[str, Any], name: str) -> Config:
    """The config of a trial; RunError where values that fit alone do not fit together."""
    try:
        return what.config(values, name)
    except UsageError as error:
        raise RunError(str(error))


def _held_out_loss(config: Config, runs_dir: Path, device: str) -> float:
    """Train, or go on; the cross-entropy of the held-out images after the last reported epoch."""
    from pm_cls.data import load_dataset
    from pm_cls.data.order import held_out
    from pm_cls.train import train

    run = train(config, runs_dir, device)
    split, target = load_dataset(config.data).train, run.spec.target
    left = held_out(split, config.train.hold_out, config.seed)
    loss = target.cross_entropy(run.logits(split.images[left]), split.labels[left])
    if not math.isfinite(loss):
        raise RunError(f"{run.folder}: the held-out loss is {loss}")
    return loss


def _write(optuna: Any, study: "optuna.Study", what: Search, stem: Path) -> Config:
    """The trials as CSV and as a figure, and the best setting as a config."""
    from pm_cls.report import drawing, pictures

    done = optuna.trial.TrialState.COMPLETE
    found = study.get_trials(deepcopy=False, states=(done,))
    if not found:
        raise RunError("no trial came to an end")
    losses = [float(one.value or 0) for one in found]  # none of them is None
    values = [what.suggest(optuna.trial.FixedTrial(one.params)) for one in found]
    rows = [
        [one.number, f"{loss:.6g}", *map(_plain, each.values())]
        for one, loss, each in zip(found, losses, values, strict=True)
    ]
    best = losses.index(min(losses))
    config = what.config(values[best], f"{study.study_name}-best")
    with writing(stem):
        write_text(
            stem.with_suffix(".csv"), csv_text(["trial", "held_out_loss", *what.ranges], rows)
        )
        write_text(stem.with_name(f"{stem.name}-best.yaml"), config.to_yaml())
        drawing.save(partial(pictures.trials, [one.number for one in found], losses), stem)
    number = found[best].number
    print(f"\nbest of {len(found)}: trial {number}, held-out loss {losses[best]:.4f}")
    print(f"written: {stem}.csv, {stem}.png, {stem}-best.yaml")
    return config


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(run_command(main))
