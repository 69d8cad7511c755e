"""Runs side by side, a process each, with their progress shown.

A run computes on one thread, so as many runs as there are cores go on at a time. What a process
has done is read from the metrics.jsonl of its run; nothing else is exchanged with it.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pm_cls import runs
from pm_cls.config import Config


@dataclass(frozen=True)
class Task:
    """A run to be made: what to call, and where its record goes.

    `seconds` is how long it takes by the committed records; 0 where there is none.
    """

    config: Config
    arguments: list[str]
    folder: Path
    finished: bool
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.config.experiment} seed {self.config.seed}"


@dataclass
class Running:
    """A task whose process is under way; `shown` of its epochs have been shown."""

    task: Task
    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    bar: tqdm
    shown: int = 0


def run_side_by_side(tasks: Sequence[Task], jobs: int, device_choice: str) -> list[str]:
    """Run the tasks, at most `jobs` at a time; a failing one does not stop the others.

    Returns:
        For each run that failed its name and the last words of its process.
    """
    waiting, failed = list(tasks), []
    slots = list(range(jobs))
    under_way: dict[int, Running] = {}
    try:
        while waiting or under_way:
            while waiting and slots:
                slot = slots.pop(0)
                under_way[slot] = _start(waiting.pop(0), slot, device_choice)
            time.sleep(0.2)
            for slot, run in list(under_way.items()):
                ended = run.process.poll() is not None  # asked first: then all epochs are on disk
                _show(run)
                if ended:
                    slots.append(slot)
                    del under_way[slot]
                    run.bar.close()
                    if run.process.returncode:
                        failed.append(f"{run.task.name}: {_last_words(run)}")
                        tqdm.write(f"FAILED {failed[-1]}")
                    run.errors.close()
    finally:
        for run in under_way.values():
            run.bar.close()
            run.process.terminate()
        for run in under_way.values():
            run.process.wait()
    return failed


def _start(task: Task, slot: int, device_choice: str) -> Running:
    command = [sys.executable, "-m", "pm_cls.train", "--device", device_choice, *task.arguments]
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the run ends)
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends its runs
    )
    epochs = task.config.train.epochs
    bar = tqdm(desc=task.name, total=epochs, unit="epoch", position=slot, leave=False, disable=None)
    done = len(runs.read_metrics(task.folder))  # of an unfinished run, which goes on
    bar.update(done)
    return Running(task, process, errors, bar, done)


def _show(run: Running) -> None:
    """Move the bar by the epochs that came to disk; without a terminal print a line for each."""
    lines = runs.read_metrics(run.task.folder)
    run.shown = min(run.shown, len(lines))  # an epoch without its checkpoint is made again
    for line in lines[run.shown :]:
        run.shown += 1
        accuracy = f"accuracy {100 * line['validation_correct'] / line['validation_n']:.2f}%"
        epochs = run.task.config.train.epochs
        if run.bar.disable:
            print(f"{run.task.name}: epoch {run.shown}/{epochs}, {accuracy}", flush=True)
            continue
        run.bar.set_postfix_str(accuracy, refresh=False)
        run.bar.update(1)
        if run.shown == epochs:
            tqdm.write(f"{run.task.name}: {accuracy}")


def _last_words(run: Running) -> str:
    if run.process.returncode < 0:
        name = signal.Signals(-run.process.returncode).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    run.errors.seek(0)
    words = run.errors.read().decode(errors="replace").strip()
    return words.rpartition("pm_cls: error: ")[2][-1000:] or "no word"
