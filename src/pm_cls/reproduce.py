"""Train every experiment of a study and write its tables and figures.

python -m pm_cls.reproduce --data DIR --seeds 1 --jobs 2

data -> a task for each experiment and seed -> processes side by side -> report
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pm_cls import baselines
from pm_cls.config import Config, DataConfig, load_config
from pm_cls.config.studies import experiments_in
from pm_cls.data import (
    DATASETS,
    Dataset,
    is_synthetic,
    load_dataset,
    named_roots,
    spec_of,
    with_classes,
)
from pm_cls.data.mnist import DOWNLOAD
from pm_cls.data.mnist import OFFICIAL as FILES_OF_MNIST
from pm_cls.data.photographs.layout import OFFICIAL_NAME
from pm_cls.data.photographs.synthetic import synthesize
from pm_cls.records import epochs, folder
from pm_cls.records import networks as network_records
from pm_cls.report import report
from pm_cls.runtime import device
from pm_cls.runtime.command import add_device, new_parser, run_command
from pm_cls.runtime.errors import RunError, UsageError
from pm_cls.runtime.files import writing
from pm_cls.runtime.jobs import Task, run_side_by_side
from pm_cls.runtime.paths import OUT, OUT_SYNTHETIC, check_folder, typed_path
from pm_cls.runtime.processes import processors
from pm_cls.runtime.wording import counted

# In the repository:
CONFIGS, RECORDS = "configs", "results/records"  # the latter tell how long a run takes
REAL_DATA, SYNTHETIC_DATA, MNIST_DATA = "data/ichallenge_pm", "data/synthetic", "data/mnist"
THESIS = "thesis"  # the study at the top of the configs; every other one has a folder in there
QUICK_IMAGE_SIZE = 72  # pixels; the least that all networks of the quick look take
QUICK_IMAGES, QUICK_EPOCHS = 100, 2  # of every study but the thesis, which is quick as it is


@dataclass
class Plan:
    """What to train on which data, and where it goes."""

    runs_dir: Path
    seeds: range
    device: str
    records: Path
    tasks: list[Task] = field(default_factory=list)
    finished: int = 0
    seconds: list[float] = field(default_factory=list)  # of each task; 0 where it is not known
    configs: list[Config] = field(default_factory=list)
    datasets: dict[DataConfig, Dataset] = field(default_factory=dict)

    def add(self, file: Path, experiment: str, overrides: Sequence[str]) -> None:
        """A task for each seed of an experiment, after all that can be checked before training."""
        config = with_classes(load_config(file, overrides, experiment))
        self.configs.append(config)
        if config.data not in self.datasets:
            self.datasets[config.data] = load_dataset(config.data)  # also decodes the photographs
        for seed in self.seeds:
            place = folder.run_folder(self.runs_dir, experiment, seed)
            folder.check_folder(place, config)
            if folder.is_finished(place):
                folder.check_same_data(place, self.datasets[config.data].digest)
                self.finished += 1
                continue
            arguments = ["-m", "pm_cls.train", "--device", self.device, "--config", str(file)]
            arguments += ["--experiment", experiment, "--seed", str(seed)]
            arguments += ["--runs-dir", str(self.runs_dir)]
            for override in overrides:
                arguments += ["--set", override]
            self.tasks.append(
                Task(
                    f"{experiment} seed {seed}",
                    arguments,
                    config.train.epochs,
                    done=partial(_accuracies, place),
                    is_finished=partial(folder.is_finished, place),
                    is_held=partial(folder.is_held, place),
                )
            )
            self.seconds.append(self._seconds(config))

    def longest_first(self) -> list[Task]:
        """So that the cores end together."""
        order = sorted(range(len(self.tasks)), key=self.seconds.__getitem__, reverse=True)
        return [self.tasks[i] for i in order]

    def _seconds(self, config: Config) -> float:
        """How long a run takes by the records: with their quickest epoch, as others were shared."""
        records = (self.records / config.experiment).glob("seed*")
        each = [line.seconds for record in records for line in epochs.known(record)]
        return config.train.epochs * min(each, default=0)


def _accuracies(place: Path) -> list[float]:
    return [line.accuracy for line in epochs.known(place)]


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
        help=f"the MNIST files, or `{DOWNLOAD}` (default: {MNIST_DATA} where it is filled)",
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="the files of another data set, as cifar10=DIR (default: as the config says)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--study",
        default=THESIS,
        metavar="NAME",
        help=f"a folder in {CONFIGS} (default: {THESIS}, the files at its top)",
    )
    what.add_argument("--configs", type=typed_path, metavar="DIR", help="a folder of other configs")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="runs of each experiment (default: 1)"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="runs side by side (default: one a core; GPU: one)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a first look in two minutes or three: photographs of {QUICK_IMAGE_SIZE} pixels; the "
        f"{THESIS} without MNIST, other studies with 2 epochs of 100 images",
    )
    parser.add_argument(
        "--runs-dir",
        type=typed_path,
        metavar="DIR",
        help="folder for the runs (default: runs; runs-synthetic, runs-quick as for --out)",
    )
    parser.add_argument(
        "--out",
        type=typed_path,
        metavar="DIR",
        help=f"folder for table and figures (default: {OUT}; {OUT_SYNTHETIC} for SYNTHETIC "
        "photographs, results-quick for the quick look)",
    )
    add_device(parser)
    parser.add_argument(
        "--repository",
        type=typed_path,
        default=Path(),
        metavar="DIR",
        help="where configs/, data/, runs/ and results/ lie (default: the current folder)",
    )
    args = parser.parse_args(arguments)
    if args.seeds < 1 or (args.jobs is not None and args.jobs < 1):
        raise UsageError("--seeds and --jobs: a number from 1 on is needed")
    folder_of_all = args.repository / CONFIGS
    configs = args.configs or folder_of_all / ("" if args.study == THESIS else args.study)
    if not configs.is_dir() and args.configs is None and folder_of_all.is_dir():
        others = sorted(
            file.stem for file in folder_of_all.glob("*/*.yaml") if file.stem == file.parent.name
        )
        raise UsageError(f"--study {args.study}: none of {', '.join([THESIS, *others])}")
    if args.device == "gpu":
        device.prepare("gpu")  # which says where there is none
    plan, out = _planned(configs, configs == folder_of_all, args)
    gpu = args.device != "cpu" and "paddlepaddle-gpu" in device.installed_wheels()
    jobs = args.jobs or (1 if gpu else processors())
    print(_outlook(plan, jobs, args.quick), flush=True)
    failed = run_side_by_side(plan.longest_first(), jobs)
    baselines.write_missing(plan.datasets, out)
    _count_costs(plan.configs, out)
    total = plan.finished + len(plan.tasks)
    if len(failed) < total:
        made = report(plan.runs_dir, out, args.seeds)
        told = made.summary_of({config.experiment for config in plan.configs})
        print(f"\n{told}\nwritten: {out}; the report is {made.page}")
    if failed:
        raise RunError(f"{len(failed)} of {total} runs failed:\n" + "\n".join(failed))


def _planned(configs: Path, at_top: bool, args: argparse.Namespace) -> tuple[Plan, Path]:
    """What is to be trained of a folder of configs, and where the report goes.

    Raises:
        UsageError, DataError: something cannot be done; nothing is trained then.
    """
    experiments = {
        experiment: (file, load_config(file, experiment=experiment))
        for file, experiment in experiments_in(configs)
    }
    if not experiments:
        raise UsageError(f"{configs.absolute()} holds no YAML file; name the --repository, or a "
                         "folder of configs with --study or --configs")  # fmt: skip
    roots = _roots_given(args)
    needed = {config.data.name for _, config in experiments.values()}
    if idle := sorted({*named_roots(args.root)} - needed):
        raise UsageError(f"--root {idle[0]}: no experiment of {configs} takes these data")
    if OFFICIAL_NAME in needed and OFFICIAL_NAME not in roots:
        roots[OFFICIAL_NAME] = _photographs(args.repository)
    placed: list[tuple[Path, Config]] = []
    for experiment, (file, config) in experiments.items():
        if args.quick and at_top and not spec_of(config.data).of_photographs:
            print(f"{experiment}: left out of the quick look")
        elif (root := _root(config, args.repository, roots)) is not None:
            data = config.data.model_copy(update={"root": root})
            placed.append((file, config.model_copy(update={"data": data})))
    synthetic = any(is_synthetic(config.data) for _, config in placed)
    runs_dir, out = _places(args, synthetic)
    plan = Plan(runs_dir, range(args.seeds), args.device, args.repository / RECORDS)
    for file, config in placed:
        settings = [f"data.root={config.data.root}"] if config.data.root else []
        settings += _quick(config, at_top) if args.quick else []
        plan.add(file, config.experiment, settings)
    if not plan.configs:
        raise UsageError(f"{configs}: no experiment has its data; data/README.md says where to "
                         "get them")  # fmt: skip
    if synthetic:
        print("SYNTHETIC photographs: the figures will say nothing about the thesis.")
    return plan, out


def _places(args: argparse.Namespace, synthetic: bool) -> tuple[Path, Path]:
    """Where runs and report go. Quick, real and made photographs never block each other."""
    ending = "-quick" if args.quick else "-synthetic" if synthetic else ""
    inner = "synthetic" if args.quick and synthetic else ""
    runs_dir = args.runs_dir or args.repository / f"runs{ending}" / inner
    out = args.out or args.repository / (f"results{ending}" if ending else OUT)
    check_folder("--out", out)
    return runs_dir, out


def _root(config: Config, repository: Path, roots: Mapping[str, str]) -> str | None:
    """Where an experiment's data lie; "" where they are drawn, None (and said) if nowhere."""
    name = config.data.name
    if DATASETS[name].is_generated:
        return ""
    own = config.data.root
    is_fetched = name in FILES_OF_MNIST and own == DOWNLOAD
    root = roots.get(name, own if is_fetched else str(repository / typed_path(own)))
    if name in roots or is_fetched or _is_filled(Path(root)):
        return root
    option = "--mnist names another" if name == "mnist" else f"--root {name}=DIR names it"
    print(f"{config.experiment}: left out, as {root} is not filled; {option}")
    return None


def _roots_given(args: argparse.Namespace) -> dict[str, str]:
    """By the name of a data set the folder that the command line names; UsageError of an empty."""
    given, named = {OFFICIAL_NAME: args.data, "mnist": args.mnist}, named_roots(args.root)
    if twice := [name for name in named if given.get(name) is not None]:
        raise UsageError(f"--root {twice[0]}: an option of its own names these data already")
    found = {name: root for name, root in {**given, **named}.items() if root is not None}
    for root in found.values():
        typed_path(root)
    return found


def _quick(config: Config, at_top: bool) -> list[str]:
    """The settings of a first look."""
    settings = []
    if not at_top:
        n = min(QUICK_EPOCHS, config.train.epochs)  # a regression has one
        images = min(QUICK_IMAGES, config.data.limit or QUICK_IMAGES)
        settings = [f"data.limit={images}", f"train.epochs={n}", f"train.report_epochs=[{n}]"]
    if spec_of(config.data).of_photographs:
        settings.append(f"data.image_size={min(QUICK_IMAGE_SIZE, config.data.image_size)}")
    return settings


def _is_filled(place: Path) -> bool:
    return place.is_dir() and any(place.iterdir())


def _photographs(repository: Path) -> str:
    """The real photographs where they lie in their place; else the synthetic ones, made at once."""
    if _is_filled(repository / REAL_DATA):
        return str(repository / REAL_DATA)
    print(
        f"{REAL_DATA} holds no photographs and --data was not given: going on with SYNTHETIC "
        f"photographs in {SYNTHETIC_DATA}. data/README.md says how to get the real ones.",
        flush=True,
    )
    synthesize(repository / SYNTHETIC_DATA)
    return str(repository / SYNTHETIC_DATA)


def _count_costs(configs: Iterable[Config], out: Path) -> None:
    """Write what the networks cost into `out`."""
    device.prepare("cpu")
    from pm_cls.models.cost import cost  # Paddle, which nothing before it needs here

    costs = [cost(config, spec_of(config.data)) for config in configs]
    with writing(f"--out {out}"):
        network_records.write(costs, out / network_records.FILE)


def _outlook(plan: Plan, jobs: int, quick: bool) -> str:
    count = counted(plan.finished + len(plan.tasks), "run")
    text = f"{count}, {plan.finished} finished already, {jobs} at a time"
    if not plan.tasks:
        return f"{text}."
    if quick:
        return f"{text}: some two minutes on two cores."
    if not all(plan.seconds):
        return f"{text}. How long it takes is not known: {RECORDS} has no record of some."
    minutes = round(max(max(plan.seconds), sum(plan.seconds) / jobs) / 60)
    words = f"about {minutes} minutes" if minutes > 1 else "a minute or less"
    return f"{text}: {words} on a machine like that of {RECORDS}."


if __name__ == "__main__":
    sys.exit(run_command(main))
