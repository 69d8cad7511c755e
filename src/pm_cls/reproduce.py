"""Train every network of configs/ and write the table beside the thesis' numbers.

python -m pm_cls.reproduce --data DIR --seeds 1 --jobs 2

data -> runs side by side, a process each -> report
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pm_cls import device, runs
from pm_cls.config import Config, load_config
from pm_cls.data import load_dataset, mnist
from pm_cls.data.__main__ import make_synthetic
from pm_cls.data.ichallenge_pm import marked_name
from pm_cls.errors import RunError, UsageError, run_command
from pm_cls.report import report

# In the repository:
CONFIGS = "configs"
REAL_DATA, SYNTHETIC_DATA, MNIST_DATA = "data/ichallenge_pm", "data/synthetic", "data/mnist"
RECORDS = "results/records"  # of earlier runs; they tell how long a run takes
QUICK_IMAGE_SIZE = 80
QUICK_MINUTES = 1


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="pm_cls.reproduce", description=__doc__.splitlines()[0])
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
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each network")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="runs side by side (default: one a core; GPU: one)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a first look in a minute: photographs of {QUICK_IMAGE_SIZE} pixels, without MNIST",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for table and figures")
    parser.add_argument(
        "--device", choices=device.CHOICES, default="auto", help="default: a GPU if there is one"
    )
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
    home = Path(os.path.relpath(args.repository))  # relative: paths in records tell no machine's
    root = args.data or _photographs(home)
    synthetic = marked_name(Path(root)) is not None
    ending = "-quick" if args.quick else "-synthetic" if synthetic else ""
    # The quick look keeps made and real photographs apart, so that neither blocks the other.
    runs_dir = home / f"runs{ending}" / ("synthetic" if args.quick and synthetic else "")
    out = args.out or home / f"results{ending}"
    tasks = _tasks(home, root, args.mnist, args.seeds, args.quick, runs_dir)
    jobs = args.jobs or (1 if "paddlepaddle-gpu" in device.installed_wheels() else _cores())
    if synthetic:
        print("SYNTHETIC photographs: the figures will say nothing about the thesis.")
    print(_outlook(tasks, jobs, args.quick))
    failed = run_side_by_side([task for task in tasks if not task.finished], jobs, args.device)
    report(runs_dir, out, args.seeds)
    print(f"\n{(out / 'table1.md').read_text(encoding='utf-8')}\nwritten: {out}")
    if failed:
        raise RunError(f"{len(failed)} of {len(tasks)} runs failed:\n  " + "\n  ".join(failed))


@dataclass
class Task:
    """One run: what to call, where its record goes, and its process while it runs.

    `seconds` is how long it took when the committed record was made; 0 where there is none.
    """

    config: Config
    arguments: list[str]
    folder: Path
    finished: bool
    seconds: float
    process: subprocess.Popen[bytes] | None = None
    errors: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    @property
    def name(self) -> str:
        return f"{self.config.experiment} seed {self.config.seed}"


def _photographs(home: Path) -> str:
    """The real photographs where they lie in their place; else the synthetic ones, made at once."""
    place, made = home / REAL_DATA, home / SYNTHETIC_DATA
    if place.is_dir() and any(place.iterdir()):
        return str(place)
    print(
        f"{place} is empty and --data was not given: going on with SYNTHETIC photographs "
        f"in {made}. data/README.md says how to get the real ones."
    )
    make_synthetic(made)
    return str(made)


def _tasks(
    home: Path, root: str, mnist_root: str | None, seeds: int, quick: bool, runs_dir: Path
) -> list[Task]:
    """A task for each config and seed, after all that can be checked before training."""
    files = sorted((home / CONFIGS).glob("*.yaml"))
    if not files:
        raise UsageError(f"{home / CONFIGS} holds no YAML file; run this from the repository")
    tasks = []
    for file in files:
        overrides = [_set_root(root)]
        if load_config(file).data.name == "mnist":
            place = mnist_root or str(home / MNIST_DATA)
            if quick:
                print(f"{file.stem}: left out of the quick look")
                continue
            if mnist_root is None and not mnist.is_there(Path(place)):
                print(f"{file.stem}: left out, as {place} is not filled; --mnist names another")
                continue
            overrides = [_set_root(place)]
        elif quick:
            overrides.append(f"data.image_size={QUICK_IMAGE_SIZE}")
        config = load_config(file, overrides)
        digest = load_dataset(config.data).digest  # also decodes the photographs, once
        record = runs.run_folder(home / RECORDS, config.experiment, seed=0)
        seconds = sum(line["seconds"] for line in runs.read_metrics(record))
        for seed in range(seeds):
            seeded = config.model_copy(update={"seed": seed})
            folder = runs.run_folder(runs_dir, config.experiment, seed)
            runs.open_folder(folder, seeded)
            finished = runs.is_finished(folder)
            if finished:
                runs.check_same_data(folder, digest)
            arguments = ["--config", str(file), "--seed", str(seed), "--runs-dir", str(runs_dir)]
            for override in overrides:
                arguments += ["--set", override]
            tasks.append(Task(seeded, arguments, folder, finished, seconds))
    tasks.sort(key=lambda task: task.seconds, reverse=True)  # so that the cores end together
    return tasks


def _set_root(folder: str) -> str:
    return f"data.root={json.dumps(folder)}"  # quoted: YAML would read 2024 as a number


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outlook(tasks: Sequence[Task], jobs: int, quick: bool) -> str:
    waiting = [task for task in tasks if not task.finished]
    text = f"{len(tasks)} runs, {len(tasks) - len(waiting)} finished already, {jobs} at a time"
    if not waiting:
        return f"{text}."
    if quick:
        return f"{text}: about {QUICK_MINUTES} minute on two cores."
    seconds = [task.seconds for task in waiting]
    if not all(seconds):
        return f"{text}. How long it takes is not known: {RECORDS} has no record of some."
    minutes = max(max(seconds), sum(seconds) / jobs) / 60
    return f"{text}: about {minutes:.0f} minutes on a machine like that of {RECORDS}."


def run_side_by_side(tasks: Sequence[Task], jobs: int, device_choice: str) -> list[str]:
    """Run the tasks, at most `jobs` at a time; a failing one does not stop the others.

    Returns:
        A line for each run that failed: its name and the last words of its process.
    """
    waiting, failed = list(tasks), []
    slots = list(range(jobs))
    running: dict[int, tuple[Task, tqdm]] = {}
    try:
        while waiting or running:
            while waiting and slots:
                task, slot = waiting.pop(0), slots.pop(0)
                running[slot] = (task, _start(task, slot, device_choice))
            time.sleep(0.2)
            for slot, (task, bar) in list(running.items()):
                _show(task, bar)
                if task.process is None or task.process.poll() is None:
                    continue
                bar.close()
                slots.append(slot)
                del running[slot]
                if task.process.returncode:
                    task.errors.seek(0)
                    words = task.errors.read().decode(errors="replace").strip().splitlines()
                    failed.append(f"{task.name}: {words[-1] if words else 'no word'}")
                    tqdm.write(f"FAILED {failed[-1]}")
    finally:
        for task, bar in running.values():
            bar.close()
            if task.process is not None:
                task.process.terminate()
                task.process.wait()
    return failed


def _start(task: Task, slot: int, device_choice: str) -> tqdm:
    command = [sys.executable, "-m", "pm_cls.train", "--device", device_choice, *task.arguments]
    (task.folder / runs.METRICS).unlink(missing_ok=True)  # of an unfinished run, which begins anew
    task.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=task.errors)
    epochs = task.config.train.epochs
    return tqdm(
        desc=task.name, total=epochs, unit="epoch", position=slot, leave=False, disable=None
    )


def _show(task: Task, bar: tqdm) -> None:
    """Bring the bar to the epochs that are on disk; without a terminal, a line an epoch."""
    done = runs.read_metrics(task.folder)
    for line in done[bar.n :]:
        accuracy = f"{100 * line['validation_correct'] / line['validation_n']:.2f}%"
        bar.set_postfix_str(f"accuracy {accuracy}", refresh=False)
        bar.update(1)
        if bar.disable:
            bar.n += 1
            print(
                f"{task.name}: epoch {line['epoch']}/{bar.total}, accuracy {accuracy}", flush=True
            )
        elif bar.n == bar.total:
            tqdm.write(f"{task.name}: accuracy {accuracy}")


if __name__ == "__main__":
    sys.exit(run_command(main))
