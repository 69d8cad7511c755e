"""Train every config of a folder and write the table beside the thesis' numbers.

python -m pm_cls.reproduce --data DIR --seeds 1 --jobs 2

data -> a task for each config and seed -> processes side by side -> report
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pm_cls import baselines, device, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.config import DataConfig, load_config
from pm_cls.data import Dataset, load_dataset, mnist
from pm_cls.data.cache import workers
from pm_cls.data.ichallenge_pm import marked_name
from pm_cls.data.synthetic import synthesize
from pm_cls.errors import DataError, RunError, UsageError
from pm_cls.files import writing
from pm_cls.jobs import Task, run_side_by_side
from pm_cls.report import OUT, report

# In the repository:
CONFIGS = Path("configs")
REAL_DATA, SYNTHETIC_DATA, MNIST_DATA = "data/ichallenge_pm", "data/synthetic", "data/mnist"
RECORDS = Path("results/records")  # of earlier runs; they tell how long a run takes
QUICK_IMAGE_SIZE = 72  # the least that LeNet-9 takes
QUICK_MINUTES = 1


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("reproduce", __doc__)
    parser.add_argument(
        "--data",
        metavar="DIR",
        help=f"the photographs (default: {REAL_DATA} where it is filled, else a SYNTHETIC set)",
    )
    parser.add_argument(
        "--mnist",
        metavar="DIR",
        help=f"the MNIST files, or `{mnist.DOWNLOAD}` (default: {MNIST_DATA} where it is filled)",
    )
    parser.add_argument(
        "--configs",
        metavar="DIR",
        help=f"folder of the configs, as {CONFIGS / 'causes'} (default: {CONFIGS})",
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each network")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="runs side by side (default: one a core; GPU: one)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a first look in a minute: photographs of {QUICK_IMAGE_SIZE} pixels, without MNIST",
    )
    parser.add_argument(
        "--runs-dir", metavar="DIR", help="folder for the runs (default: runs, or as for --out)"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help=f"folder for table and figures (default: {OUT}; results-synthetic for SYNTHETIC "
        "photographs, results-quick for the quick look)",
    )
    add_device(parser)
    parser.add_argument(
        "--repository",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where configs/, data/, runs/ and results/ lie (default: the current folder)",
    )
    args = parser.parse_args(arguments)
    if args.seeds < 1 or (args.jobs is not None and args.jobs < 1):
        raise UsageError("--seeds and --jobs: a number from 1 on is needed")
    _enter(args)
    reproduce(args)


def _enter(args: argparse.Namespace) -> None:
    """Go to the repository, where all other paths begin; those of the user keep their meaning."""
    if args.repository.resolve() != Path.cwd():
        for option in ("configs", "data", "mnist", "out", "runs_dir"):
            value = getattr(args, option)
            if value is not None and value != mnist.DOWNLOAD:
                setattr(args, option, str(Path(value).resolve()))
        try:
            os.chdir(args.repository)
        except OSError as error:
            raise UsageError(f"--repository {args.repository}: {error.strerror}")


def reproduce(args: argparse.Namespace) -> None:
    """Do what the command line asks, in the current folder.

    Raises:
        UsageError, DataError: something cannot be done; nothing has been trained then.
        RunError: runs failed; the others are finished and stand in the table.
    """
    place = Path(args.configs or CONFIGS)
    configs = sorted(place.glob("*.yaml"))
    if not configs:
        mend = "--configs names another" if args.configs else "name the --repository"
        raise UsageError(f"{place.absolute()} holds no YAML file; {mend}")
    if args.quick and args.configs:
        raise UsageError(f"--quick changes the image size; it is for {CONFIGS} alone")
    photographs = _photographs() if args.data is None else args.data
    synthetic = marked_name(Path(photographs)) == runs.SYNTHETIC
    ending = "-quick" if args.quick else "-synthetic" if synthetic else ""
    # The quick look keeps made and real photographs apart, so that neither blocks the other.
    inner = "synthetic" if args.quick and synthetic else ""
    runs_dir = Path(args.runs_dir or Path(f"runs{ending}") / inner)
    out = Path(args.out or (f"results{ending}" if ending else OUT))
    gpu = args.device != "cpu" and "paddlepaddle-gpu" in device.installed_wheels()
    jobs = args.jobs or (1 if gpu else workers())

    tasks = []
    datasets: dict[DataConfig, Dataset] = {}
    for config in configs:
        overrides = _overrides(config, photographs, args.mnist, args.quick)
        if overrides is not None:
            tasks += _tasks(config, overrides, range(args.seeds), runs_dir, datasets)
    tasks.sort(key=lambda task: task.seconds, reverse=True)  # so that the cores end together
    if synthetic:
        print("SYNTHETIC photographs: the figures will say nothing about the thesis.")
    print(_outlook(tasks, jobs, args.quick), flush=True)

    failed = run_side_by_side([task for task in tasks if not task.finished], jobs, args.device)
    _score_baselines(datasets.values(), out)
    if len(failed) < len(tasks):
        print(f"\n{report(runs_dir, out, args.seeds)}\nwritten: {out}")
    if failed:
        raise RunError(f"{len(failed)} of {len(tasks)} runs failed:\n" + "\n".join(failed))


def _photographs() -> str:
    """The real photographs where they lie in their place; else the synthetic ones, made at once."""
    place = Path(REAL_DATA)
    if place.is_dir() and any(place.iterdir()):
        return REAL_DATA
    print(
        f"{REAL_DATA} is empty and --data was not given: going on with SYNTHETIC photographs "
        f"in {SYNTHETIC_DATA}. data/README.md says how to get the real ones.",
        flush=True,
    )
    synthesize(Path(SYNTHETIC_DATA))
    return SYNTHETIC_DATA


def _overrides(config: Path, photographs: str, digits: str | None, quick: bool) -> list[str] | None:
    """The `--set` values for a config: its data, and the image size of the quick look.

    None where it is left out, which is said.
    """
    if load_config(config).data.name != "mnist":
        size = [f"data.image_size={QUICK_IMAGE_SIZE}"] if quick else []
        return [_root(photographs), *size]
    if quick:
        print(f"{config.stem}: left out of the quick look")
        return None
    if digits is None and not mnist.is_there(Path(MNIST_DATA)):
        print(f"{config.stem}: left out, as {MNIST_DATA} is not filled; --mnist names another")
        return None
    return [_root(digits or MNIST_DATA)]


def _root(folder: str) -> str:
    return f"data.root={json.dumps(folder)}"  # quoted: YAML would read 2024 as a number


def _tasks(
    file: Path,
    overrides: list[str],
    seeds: range,
    runs_dir: Path,
    datasets: dict[DataConfig, Dataset],
) -> list[Task]:
    """A task for each seed of a config, after all that can be checked before training.

    `datasets` are those loaded so far, which are not read again.
    """
    config = load_config(file, overrides)
    if config.data not in datasets:
        datasets[config.data] = load_dataset(config.data)  # also decodes the photographs
    records = (RECORDS / config.experiment).glob("seed*")
    epochs = [line["seconds"] for record in records for line in runs.read_metrics(record)]
    # The quickest epoch: the others shared their machine with something.
    seconds = config.train.epochs * min(epochs, default=0)
    tasks = []
    for seed in seeds:
        folder = runs.run_folder(runs_dir, config.experiment, seed)
        runs.check_folder(folder, config)
        finished = runs.is_finished(folder)
        if finished:
            runs.check_same_data(folder, datasets[config.data].digest)
        arguments = ["--config", str(file), "--seed", str(seed), "--runs-dir", str(runs_dir)]
        for override in overrides:
            arguments += ["--set", override]
        seeded = config.model_copy(update={"seed": seed})
        tasks.append(Task(seeded, arguments, folder, finished, seconds))
    return tasks


def _score_baselines(datasets: Iterable[Dataset], out: Path) -> None:
    """Write the baselines of the photographs into `out`, unless they stand there."""
    dataset = next((one for one in datasets if one.outputs == 1), None)
    if dataset is None:
        return
    if any(one.digest == dataset.digest for one in baselines.read(out / baselines.FILE)):
        return
    try:
        fitted = baselines.fit(dataset.train)
        scored = list(baselines.score(fitted, dataset.validation, dataset.name, dataset.digest))
    except DataError as error:
        print(f"baselines: left out, {error}")
        return
    with writing(f"--out {out}"):
        baselines.write(scored, out / baselines.FILE)


def _outlook(tasks: Sequence[Task], jobs: int, quick: bool) -> str:
    waiting = [task for task in tasks if not task.finished]
    count = "1 run" if len(tasks) == 1 else f"{len(tasks)} runs"
    text = f"{count}, {len(tasks) - len(waiting)} finished already, {jobs} at a time"
    if not waiting:
        return f"{text}."
    if quick:
        return f"{text}: about {QUICK_MINUTES} minute on two cores."
    seconds = [task.seconds for task in waiting]
    if not all(seconds):
        return f"{text}. How long it takes is not known: {RECORDS} has no record of some."
    minutes = round(max(max(seconds), sum(seconds) / jobs) / 60)
    words = f"about {minutes} minutes" if minutes > 1 else "a minute or less"
    return f"{text}: {words} on a machine like that of {RECORDS}."


if __name__ == "__main__":
    sys.exit(run_command(main))
