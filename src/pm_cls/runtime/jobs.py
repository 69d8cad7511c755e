"""Runs side by side, a process each, with their progress shown.

A run computes on one thread, so as many runs as there are cores go on at a time. What a process
has done is read from its files; nothing else is exchanged with it. It ends with this process,
however that ends. Runs that another machine is at work on, which shares the folder, are left to it
and looked at again.
"""

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from tqdm import tqdm

from pm_cls.runtime.processes import GRACE, ending_with_this

LOOK_AGAIN = 2.0  # seconds until a run that another process holds is looked at again


@dataclass(frozen=True)
class Task:
    """A run to be made.

    Attributes:
        name: for people.
        arguments: of `python`.
        epochs: how many it has.
        done: the accuracy, a fraction, of each epoch that is on disk.
        is_finished: whether nothing is left to do.
        is_held: whether another process is at work on it.
    """

    name: str
    arguments: Sequence[str]
    epochs: int
    done: Callable[[], Sequence[float]]
    is_finished: Callable[[], bool] = lambda: False
    is_held: Callable[[], bool] = lambda: False


@dataclass
class Running:
    """A task whose process is under way; `shown` of its epochs have been shown."""

    task: Task
    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    bar: tqdm
    shown: int = 0


def run_side_by_side(tasks: Sequence[Task], jobs: int) -> list[str]:
    """Run the tasks, at most `jobs` at a time; a failing one does not stop the others.

    One that another process holds is waited for, and taken over where that one is killed.

    Returns:
        For each run that failed its name and the last words of its process.
    """
    waiting, failed = list(tasks), []
    held: list[Task] = []
    left_to_others: set[str] = set()
    slots = list(range(jobs))
    under_way: dict[int, Running] = {}
    looked = time.monotonic()
    try:
        while waiting or under_way or held:
            if not waiting and time.monotonic() - looked > LOOK_AGAIN:
                waiting, held, looked = held, [], time.monotonic()
            while waiting and slots:
                task = waiting.pop(0)
                if task.is_held():
                    held.append(task)
                    if task.name not in left_to_others:
                        left_to_others.add(task.name)
                        tqdm.write(f"{task.name}: left to the process that is at work on it")
                elif not task.is_finished():
                    slot = slots.pop(0)
                    under_way[slot] = _start(task, slot)
            time.sleep(0.2)
            for slot, run in list(under_way.items()):
                ended = run.process.poll() is not None  # asked first: then all epochs are on disk
                _show(run)
                if ended:
                    slots.append(slot)
                    del under_way[slot]
                    run.bar.close()
                    if run.process.returncode and run.task.is_held():
                        held.append(run.task)  # another process was quicker
                    elif run.process.returncode and not run.task.is_finished():
                        failed.append(f"{run.task.name}: {_last_words(run)}")
                        tqdm.write(f"FAILED {failed[-1]}")
                    _close(run)
    finally:
        _end(list(under_way.values()))
    return failed


def _end(runs: Sequence[Running]) -> None:
    """Stop the processes first: the terminal may be gone, and nothing can be shown."""
    for run in runs:
        run.process.terminate()
    for run in runs:
        try:
            run.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            run.process.kill()
            run.process.wait()
    for run in runs:
        run.bar.close()
        _close(run)


def _close(run: Running) -> None:
    run.errors.close()
    if run.process.stdin is not None:
        run.process.stdin.close()


def _start(task: Task, slot: int) -> Running:
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the run ends)
    process = subprocess.Popen(
        ending_with_this(task.arguments),
        stdin=subprocess.PIPE,  # ends when this process does, however that ends
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends its runs
    )
    bar = tqdm(
        desc=task.name, total=task.epochs, unit="epoch", position=slot, leave=False, disable=None
    )
    done = len(task.done())  # of an unfinished run, which goes on
    bar.update(done)
    return Running(task, process, errors, bar, done)


def _show(run: Running) -> None:
    """Move the bar by the epochs that came to disk; without a terminal print a line for each."""
    accuracies = run.task.done()
    run.shown = min(run.shown, len(accuracies))  # an epoch without its checkpoint is made again
    for fraction in accuracies[run.shown :]:
        run.shown += 1
        accuracy = f"accuracy {100 * fraction:.2f}%"
        if run.bar.disable:
            print(f"{run.task.name}: epoch {run.shown}/{run.task.epochs}, {accuracy}", flush=True)
            continue
        run.bar.set_postfix_str(accuracy, refresh=False)
        run.bar.update(1)
        if run.shown == run.task.epochs:
            tqdm.write(f"{run.task.name}: {accuracy}")


def _last_words(run: Running) -> str:
    if run.process.returncode < 0:
        name = signal.Signals(-run.process.returncode).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    run.errors.seek(0)
    words = run.errors.read().decode(errors="replace").strip()
    return words.rpartition("pm_cls: error: ")[2][-1000:] or "no word"
