"""The trials of a search: each a run of its own, shared by all processes that work on it."""

import logging
import math
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from pm_cls.config import Config
from pm_cls.runtime import device as devices
from pm_cls.runtime.errors import Diverged, RunError, Taken, UsageError
from pm_cls.runtime.files import writing
from pm_cls.runtime.locks import alone
from pm_cls.search.ranges import Search, said

if TYPE_CHECKING:
    import optuna

SEEDS = 2**32  # that NumPy takes
NEEDS = 'the search needs Optuna: pip install -c constraints.txt -e ".[cpu,search]"'


def search(what: Search, runs_dir: Path, trials: int, storage: str | None, device: str) -> Config:
    """Make trials until there are so many, and write what came out into `runs_dir`.

    Returns:
        The config with the least held-out loss, called NAME-best.

    Raises:
        UsageError: Optuna is not there, or its storage cannot be used.
        RunError: no trial came to an end, or a file cannot be written; the trial is gone on with.
    """
    devices.prepare(device)
    try:
        import optuna
    except ImportError:
        raise UsageError(NEEDS)
    name = what.config({}).experiment
    with writing(runs_dir):
        runs_dir.mkdir(parents=True, exist_ok=True)
    with alone(runs_dir / f"{name}.lock"):  # two would make the tables at once
        place = storage or _url(runs_dir.absolute() / f"{name}.sqlite")
        study = _study(optuna, place, name, what)
    while (claim := _claim(optuna, study, what, runs_dir, trials)) is not None:
        trial, values, held = claim
        with held:  # until it is told: another process would take it for one that was left
            try:
                config = what.config(values, f"{name}-{trial.number}")
                loss = _held_out_loss(config, runs_dir, device)
            except Taken:
                raise
            except (UsageError, Diverged) as error:  # values that do not fit: an answer too
                print(f"trial {trial.number}: {error}")
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            study.tell(trial, loss)
        settings = ", ".join(f"{key} {said(value)}" for key, value in values.items())
        print(f"trial {trial.number}: held-out loss {loss:.4f}  {settings}", flush=True)
    with alone(runs_dir / f"{name}.lock"):
        return _write(optuna, study, what, runs_dir / name)


def _url(file: Path) -> str:
    """Of an SQLite file; what follows a question mark would be taken for options."""
    return f"sqlite:///{file.as_uri()}?uri=true" if "?" in str(file) else f"sqlite:///{file}"


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
) -> "tuple[optuna.Trial, dict[str, Any], ExitStack] | None":
    """An unfinished trial that no process is at work on, else a new one; its values, and its lock.

    None: there are enough. One process chooses at a time, and holds what it chose before the next
    one looks; a kill frees it.
    """
    name, held = study.study_name, ExitStack()
    with alone(runs_dir / f"{name}.lock"):
        running = optuna.trial.TrialState.RUNNING
        for frozen in study.get_trials(deepcopy=False, states=(running,)):
            with suppress(filelock.Timeout):
                held.enter_context(alone(_lock(runs_dir, name, frozen.number), timeout=0))
                if study.get_trials(deepcopy=False)[frozen.number].state == running:
                    study.sampler = _sampler(optuna, what, frozen.number)
                    trial = optuna.Trial(study, frozen._trial_id)
                    return trial, what.suggest(trial), held
                held.close()  # another process has ended it meanwhile
        count = len(study.get_trials(deepcopy=False))
        if count >= trials:
            return None
        study.sampler = _sampler(optuna, what, count)
        trial = study.ask()
        held.enter_context(alone(_lock(runs_dir, name, trial.number)))
        return trial, what.suggest(trial), held


def _sampler(optuna: Any, what: Search, number: int) -> "optuna.samplers.BaseSampler":
    """Each trial has a seed of its own, so that what is proposed follows from those before it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some options of the sampler are new
        seed = (1000 * what.config({}).seed + number) % SEEDS
        return optuna.samplers.TPESampler(seed=seed)


def _lock(runs_dir: Path, name: str, number: int) -> Path:
    return runs_dir / f"{name}-{number}.lock"


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
        raise Diverged(f"{run.folder}: the held-out loss is {loss}")
    return loss


def _write(optuna: Any, study: "optuna.Study", what: Search, stem: Path) -> Config:
    """What came out, beside the runs; the best setting comes back."""
    from pm_cls.search import history  # with Matplotlib, which takes a second

    done = optuna.trial.TrialState.COMPLETE
    found = study.get_trials(deepcopy=False, states=(done,))
    if not found:
        raise RunError("no trial came to an end")
    losses = [float(one.value or 0) for one in found]  # none of them is None
    values = [what.suggest(optuna.trial.FixedTrial(one.params)) for one in found]
    best = losses.index(min(losses))
    config = what.config(values[best], f"{study.study_name}-best")
    history.write(stem, [one.number for one in found], losses, values, config)
    number = found[best].number
    print(f"\nbest of {len(found)}: trial {number}, held-out loss {losses[best]:.4f}")
    print(f"written: {stem}.csv, {stem}.png, {stem}-best.yaml")
    return config
