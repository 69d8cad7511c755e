"""Time the ten-row table by this package, by PyTorch and by a script in the tutorial's manner.

./benchmarks/run.sh            the table as it is: 10 epochs, evaluated after 5 and 10
./benchmarks/run.sh --short    one epoch and one evaluation of each network

originals -> sides in turn, round by round -> medians and ratios -> benchmarks/README.md

What was measured is kept in --work: the same command on the same commit and machine goes on where
it was stopped.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.photographs.synthetic import synthesize

HERE = Path(__file__).parent
README, SIDES = HERE / "README.md", HERE / "sides"
MARK = "<!-- Below: written by run.py -->"
# Longest first, so that two processes end together.
TABLE = [
    ("alexnet", "relu"),
    ("lenet9", "relu"),
    ("lenet9", "sigmoid"),
    ("lenet7", "relu"),
    ("lenet7", "sigmoid"),
]
NETWORKS = ("lenet7", "lenet9", "alexnet")
ORIGINAL_SIZE = 2056  # the height of most originals of iChallenge-PM
CHANGES = {  # in the order in which they were made
    "mkl": "MKL's fast code on AMD processors",
    "bias": "bias added as [c, 1, 1]",
    "memory": "freed memory kept",
    "filtering": "minimal filtering",
    "pooling": "places of the maxima kept",
    "tiles": "minimal filtering in two dimensions",
    "stages": "convolution and pooling in one pass",
    "steps": "wide layers step on the way",
}
OURS, TORCH, COMPILED, TUTORIAL = "pm_cls", "PyTorch, eager", "PyTorch, compiled", "tutorial's way"
PEERS = (TORCH, COMPILED, TUTORIAL)


@dataclass
class Side:
    """How the table is made: a script for each network, `processes` of them at a time."""

    script: str
    data: Path
    processes: int
    options: dict[str, list[str]] = field(default_factory=dict)  # by network

    def command(self, network: str, activation: str, *arguments: str) -> list[str]:
        script, data = str(SIDES / self.script), str(self.data)
        options = self.options.get(network, [])
        return [sys.executable, script, network, activation, "--data", data, *arguments, *options]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="one epoch and one evaluation")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument(
        "--beside",
        nargs="*",
        choices=PEERS,
        default=PEERS,
        metavar="SIDE",
        help=f"the sides to time this package beside (default: all of {', '.join(PEERS)})",
    )
    parser.add_argument(
        "--work", type=Path, default=HERE / "work", help="folder for made photographs and caches"
    )
    args = parser.parse_args()
    epochs, reported = (1, [1]) if args.short else (10, [5, 10])
    originals, arrays, preparation = make_data(args.work)
    cores = len(os.sched_getaffinity(0))
    conditions = machine(epochs, args.rounds)
    kept = Kept.read(args.work / "measured.json", conditions)
    choice, probes = kept.once("PyTorch's best", lambda: best_pytorch(arrays, cores))
    sides = {
        OURS: Side("pm_cls_table.py", originals, cores),
        TORCH: Side("pytorch_table.py", arrays, choice[0], choice[1]),
        COMPILED: Side(
            "pytorch_table.py", arrays, choice[0],
            {name: [*options, "--compile"] for name, options in choice[1].items()},
        ),
        TUTORIAL: Side("tutorial_table.py", originals, 1),
    }  # fmt: skip
    sides = {name: side for name, side in sides.items() if name in (OURS, *args.beside)}
    walls: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in sides}
    for number in range(1, args.rounds + 1):
        for name, side in sides.items():
            if name == TUTORIAL and number > 1:
                continue  # several times slower than the rest together
            wall, results = kept.once(
                f"round {number}: {name}", partial(make_table, side, epochs, reported)
            )
            walls[name].append(wall)
            found[name].append(results)
            print(f"round {number}: {name} {wall:.0f} s", flush=True)
    parts = [
        conditions,
        table_of_sides(walls, found),
        table_of_steps(found),
        f"PyTorch's best: {describe(choice)}. Probed, milliseconds a step: {probes}.",
        kept.once("changes", lambda: table_of_changes(originals)),
        kept.once("layers", table_of_layers),
        kept.once("predictions", table_of_predictions),
        kept.once("commands", lambda: one_photograph(originals, args.work, preparation)),
    ]
    text = README.read_text(encoding="utf-8").partition(MARK)[0]
    README.write_text(f"{text}{MARK}\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"written: {README}")


@dataclass
class Kept:
    """What was measured under the same conditions, as JSON on disk."""

    file: Path
    conditions: str
    found: dict[str, Any]

    @classmethod
    def read(cls, file: Path, conditions: str) -> "Kept":
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return cls(file, conditions, stored.get(conditions, {}))

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """What was measured under this name, now or before."""
        if name not in self.found:
            self.found[name] = measure()
            content = json.dumps({self.conditions: self.found}, indent=1)
            self.file.write_text(content, encoding="utf-8")
        return self.found[name]


def make_data(work: Path) -> tuple[Path, Path, float | None]:
    """Photographs of full size, the same sampled to 224x224, and what the sampling took."""
    originals, arrays = work / "originals", work / "arrays.npz"
    os.environ["PM_CLS_CACHE"] = str(work / "cache")
    if not (originals / "labels.csv").is_file():
        print("drawing 800 photographs of full size, once; ten to thirty minutes", flush=True)
        synthesize(originals, seed=0, train=400, validation=400, size=ORIGINAL_SIZE)
    fresh = not (work / "cache").is_dir()
    began = time.perf_counter()
    dataset = load_dataset(DataConfig(root=str(originals)))
    seconds = time.perf_counter() - began if fresh else None
    if not arrays.is_file():
        splits = {"train": dataset.train, "validation": dataset.validation}
        content = {f"{name}_images": split.images for name, split in splits.items()}
        content |= {f"{name}_labels": split.labels for name, split in splits.items()}
        np.savez(arrays, **content)
    return originals, arrays, seconds


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "BENCHMARK_STARTED": str(time.time())}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def answer(process: subprocess.Popen[str]) -> Any:
    """The JSON on the last line that a side printed."""
    out, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, process.args))}\n{errors[-2000:]}")
    return json.loads(out.splitlines()[-1])


def make_table(
    side: Side, epochs: int, reported: Sequence[int]
) -> tuple[float, dict[str, dict[str, float]]]:
    """Train all networks of the table; the seconds it took, and what each process measured."""
    arguments = ["--epochs", str(epochs), "--report", *map(str, reported)]
    began = time.perf_counter()
    waiting, running, results = list(TABLE), {}, {}
    while waiting or running:
        while waiting and len(running) < side.processes:
            row = waiting.pop(0)
            running[" ".join(row)] = start(side.command(*row, *arguments))
        time.sleep(0.05)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            results[name] = answer(running.pop(name))
    return time.perf_counter() - began, results


def best_pytorch(arrays: Path, cores: int) -> tuple[tuple[int, dict[str, list[str]]], str]:
    """Processes and, by network, options with which PyTorch's table takes least; and all probes."""
    estimates, probes = [], []
    for processes in sorted({1, cores}):
        chosen, seconds = {}, 0.0
        for network in NETWORKS:
            steps = {}
            for form in ([], ["--channels-last"]):
                options = ["--threads", str(cores // processes), *form]
                side = Side("pytorch_table.py", arrays, processes, {network: options})
                probe = ("--epochs", "1", "--report", "2", "--steps", "14")
                together = [start(side.command(network, "relu", *probe)) for _ in range(processes)]
                steps[" ".join(options)] = max(answer(process)["step"] for process in together)
            best = min(steps, key=lambda name: steps[name])
            chosen[network] = best.split()
            seconds += steps[best] * sum(row[0] == network for row in TABLE) / processes
            probes += [
                f"{network} {processes} x {name.removeprefix('--')} {1e3 * step:.0f}"
                for name, step in steps.items()
            ]
        estimates.append((seconds, (processes, chosen)))
    return min(estimates, key=lambda pair: pair[0])[1], "; ".join(probes)


def describe(choice: tuple[int, dict[str, list[str]]]) -> str:
    options = "; ".join(f"{name} {' '.join(words)}" for name, words in choice[1].items())
    return f"{choice[0]} at a time, {options}"


def machine(epochs: int, rounds: int) -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("paddlepaddle", "torch", "numpy"))
    commit = subprocess.run(
        ["git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    form = "each network once for 10 epochs, evaluated after 5 and 10"
    if epochs == 1:
        form = (
            "SHORT form: each network for 1 epoch with 1 evaluation, so that start-up weighs more"
        )
    return (
        f"{name}, {cores} cores, {platform.system()}, Python {platform.python_version()}; "
        f"{versions}; commit {commit}. 400 training and 400 validation photographs, SYNTHETIC, "
        f"{ORIGINAL_SIZE} pixels high; batch 10; {form}. "
        f"Medians of {rounds} interleaved rounds; the tutorial's way, if named, in the first alone."
    )


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *body))


def table_of_sides(
    walls: dict[str, list[float]], found: dict[str, list[dict[str, dict[str, float]]]]
) -> str:
    body = []
    for name, seconds in walls.items():
        ratios = sorted(a / b for a, b in zip(walls[OURS], seconds, strict=False))
        every = [side for results in found[name] for side in results.values()]
        body.append(
            [
                name,
                f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                f"{median(seconds):.0f}",
                f"{median(side['start_up'] for side in every):.1f}",
                f"{max(side['peak_mb'] for side in every):.0f}",
            ]
        )
    head = ["the table by", "pm_cls' time / its time", "seconds", "s to first step", "peak MB"]
    return "### The table\n\n" + rows(head, body)


def table_of_steps(found: dict[str, list[dict[str, dict[str, float]]]]) -> str:
    names = [" ".join(row) for row in TABLE]
    body = [
        [
            side,
            *(
                f"{1e3 * median(r[name]['step'] for r in results):.0f} / "
                f"{median(r[name]['evaluation'] for r in results):.1f}"
                for name in names
            ),
        ]
        for side, results in found.items()
    ]
    return (
        "### A step and an evaluation\n\nMilliseconds a step / seconds for 400 photographs, while "
        "the table is made; to compare sides, divide by the processes at a time.\n\n"
        + rows(["", *names], body)
    )


def table_of_changes(originals: Path) -> str:
    """Steps of this package with its changes added one after the other, one process."""
    body = []
    for count in range(len(CHANGES) + 1):
        without = list(CHANGES)[count:]
        cells = []
        for network in NETWORKS:
            side = Side("pm_cls_table.py", originals, 1)
            probe = ["--epochs", "1", "--report", "2", "--steps", "12"]
            command = side.command(network, "relu", *probe, "--without", *without)
            cells.append(f"{1e3 * answer(start(command))['step']:.0f}")
        body.append(["+ " + list(CHANGES.values())[count - 1] if count else "Paddle alone", *cells])
    head = ["milliseconds a step, one process", *NETWORKS]
    return "### What each change gave\n\n" + rows(head, body)


def table_of_layers() -> str:
    parts = []
    for network in NETWORKS:
        ways = [
            answer(start([sys.executable, str(SIDES / "layers.py"), network, way]))
            for way in ("paddle", "pm_cls", "pytorch")
        ]
        body = [
            [layers[0][0], *(f"{value:.1f}" for layer in layers for value in layer[1:])]
            for layers in zip(*ways, strict=True)
            if max(layers[0][1:]) >= 0.5
        ]
        heads = (f"{side} forward | backward" for side in ("Paddle", "pm_cls", "PyTorch"))
        parts.append(rows(" | ".join([network, *heads]).split(" | "), body))
    words = (
        "Milliseconds, batch 10, relu, one thread, Paddle and pm_cls with MKL's fast code, PyTorch "
        "with channels last; 0.5 and more."
    )
    return f"### Layers\n\n{words}\n\n" + "\n\n".join(parts)


def table_of_predictions() -> str:
    ways = ("dynamic graph as Paddle comes", "dynamic graph", "pm_cls", "Paddle Inference, oneDNN")
    times = {
        (way, network): answer(start([sys.executable, str(SIDES / "prediction.py"), network, way]))[
            "seconds_per_image"
        ]
        for network, way in product(NETWORKS, ways)
    }
    body = [[way, *(f"{1 / times[way, network]:.0f}" for network in NETWORKS)] for way in ways]
    words = "Photographs a second, batch 10, one thread; `dynamic graph` has MKL's fast code."
    return f"### Prediction in bulk\n\n{words}\n\n" + rows(["", *NETWORKS], body)


def one_photograph(originals: Path, work: Path, preparation: float | None) -> str:
    """Whole commands: one photograph and 400 from a cold start, preparation of the data."""
    train = [sys.executable, "-m", "pm_cls.train", "--config", str(HERE.parent / "configs")]
    train[-1] += "/lenet7_relu.yaml"
    settings = [f"data.root={originals}", "train.epochs=1", "train.report_epochs=[1]"]
    train += [word for setting in settings for word in ("--set", setting)]
    quiet = {"check": True, "capture_output": True}
    subprocess.run([*train, "--runs-dir", str(work / "runs")], **quiet)
    run = work / "runs/lenet7_relu/seed0"
    photographs = sorted((originals / "PALM-Validation400").glob("*.jpg"))
    predict = [sys.executable, "-m", "pm_cls.predict", "--run", str(run)]
    seconds = {}
    for count in (1, 400):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([*predict, *map(str, photographs[:count])], **quiet)
            times.append(time.perf_counter() - began)
        seconds[count] = median(times)
    prepared = "" if preparation is None else f" Preparing the 800 once: {preparation:.0f} s."
    return (
        f"One photograph of full size from a cold start (`pm_cls.predict`, LeNet-7): "
        f"{seconds[1]:.1f} s; 400 of them, decoding included: {seconds[400]:.1f} s, "
        f"{399 / (seconds[400] - seconds[1]):.0f} photographs a second.{prepared}"
    )


if __name__ == "__main__":
    main()
