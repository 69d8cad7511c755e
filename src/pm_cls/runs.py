"""A run on disk: where it lives, what it consists of, and how it is written and read.

runs/lenet7_relu/seed0/
  config.yaml         resolved, written first
  environment.json    provenance: commit, versions, device, facts of the data
  metrics.jsonl       one object an epoch
  train.log           for people; nothing reads it
  checkpoint/         what going on needs (see `pm_cls.checkpoints`); gone once it is finished
  weights_epoch5.safetensors, predictions_epoch5.csv    at each reported epoch
  result.json         written last: it exists if and only if the run is finished
  evaluations/        of other data, by `evaluate`: NAME.json (what was scored), NAME.csv
  inspection/         by `inspect`: gradients.csv, a line a layer and epoch; see `pm_cls.inspection`
"""

import csv
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np

from pm_cls.config import Config, load_config
from pm_cls.device import MKL_CODE_PATH
from pm_cls.errors import UsageError
from pm_cls.files import csv_text, read_json, write_text

SCHEMA = 1
SYNTHETIC = "synthetic"  # the name of the drawn photographs in every record
CONFIG, ENVIRONMENT, METRICS = "config.yaml", "environment.json", "metrics.jsonl"
LOG, RESULT = "train.log", "result.json"
CHECKPOINT = "checkpoint"
EVALUATIONS = "evaluations/*.json"
GRADIENTS = "inspection/gradients.csv"
GRADIENT_COLUMNS = ("epoch", "update", "layer", "gradient_norm", "saturated")
KEEP_BOTH = (
    "keep both by giving this one another place, --runs-dir DIR, or name, "
    "pm-cls train --set experiment=NAME"
)
RECORDED_PACKAGES = (
    "numpy", "paddlepaddle", "paddlepaddle-gpu", "pillow", "safetensors", "scikit-learn", "scipy",
)  # fmt: skip


class Predictions(NamedTuple):
    """Names, labels int64 [n] and logits float32 [n, outputs] of scored images."""

    names: tuple[str, ...]
    labels: np.ndarray
    logits: np.ndarray


def run_folder(runs_dir: Path, experiment: str, seed: int) -> Path:
    """Name plus seed and nothing else, so that a look tells what is done."""
    return runs_dir / experiment / f"seed{seed}"


def weights_file(folder: Path, epoch: int) -> Path:
    return folder / f"weights_epoch{epoch}.safetensors"


def predictions_file(folder: Path, epoch: int) -> Path:
    return folder / f"predictions_epoch{epoch}.csv"


def is_finished(folder: Path) -> bool:
    return (folder / RESULT).is_file()


def check_same_data(folder: Path, data_digest: str) -> None:
    """Raise UsageError where a finished run was trained on other data than those of the digest."""
    if read_json(folder / RESULT)["data_digest"] != data_digest:
        raise UsageError(f"{folder} holds a finished run on other data; {KEEP_BOTH}")


def check_folder(folder: Path, config: Config) -> None:
    """Check that a run of this config can be made in the folder; nothing is written.

    Raises:
        UsageError: it holds a run of another config, or cannot be written.
    """
    # The stored config is read through today's schema: a new key with a default orphans no run.
    if (folder / CONFIG).is_file():
        stored = load_config(folder / CONFIG)
        if stored.digest() != config.digest():
            keys = ", ".join(f"`{key}`" for key in stored.differing(config))
            raise UsageError(f"{folder} holds a run with other settings ({keys}); {KEEP_BOTH}")
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UsageError(f"{folder}: {above} cannot be written; --runs-dir can name another place")


def read_config(folder: Path) -> Config:
    """The config that a finished run was made with; UsageError where no finished run is."""
    if not is_finished(folder):
        raise UsageError(f"{folder}: holds no finished run; runs/<experiment>/seed<k> is needed")
    return load_config(folder / CONFIG)


def evaluation_file(folder: Path, name: str) -> Path:
    """The JSON of an evaluation on other data; its predictions stand beside it as CSV."""
    return folder / "evaluations" / f"{name}.json"


def write_predictions(
    path: Path, names: tuple[str, ...], labels: np.ndarray, logits: np.ndarray
) -> None:
    """Write `image,label,logit` (or logit_0 ... logit_9), nine significant digits."""
    outputs = logits.shape[1]
    columns = ["logit"] if outputs == 1 else [f"logit_{i}" for i in range(outputs)]
    rows = [
        [name, label, *(f"{logit:.9g}" for logit in row)]
        for name, label, row in zip(names, labels, logits, strict=True)
    ]
    write_text(path, csv_text(["image", "label", *columns], rows))


def read_predictions(path: Path) -> Predictions:
    """Read the very values that were written."""
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    names = tuple(row[0] for row in rows)
    labels = np.array([int(row[1]) for row in rows], np.int64)
    return Predictions(names, labels, np.array([row[2:] for row in rows], np.float32))


def write_metrics(folder: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Begin metrics.jsonl with these epochs."""
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    write_text(folder / METRICS, text)


def append_metrics(folder: Path, line: dict[str, Any]) -> None:
    """Add an epoch to metrics.jsonl."""
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The epochs done so far, one mapping each; a line that is still being written is left out."""
    try:
        text = (folder / METRICS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder of a run and keep other processes from it; a kill frees it too.

    Raises:
        UsageError: another process is at work on this run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(f"{folder}: another process is at work on this run; let it finish")
    try:
        yield
    finally:
        (folder / ".lock").unlink(missing_ok=True)
        lock.release()


def discard(folder: Path) -> None:
    """Take away what a run left in its folder, but for the log and evaluations on other data."""
    (folder / RESULT).unlink(missing_ok=True)  # first: without it the run is unfinished
    remove_checkpoints(folder)
    for file in [*folder.glob("weights_epoch*"), *folder.glob("predictions_epoch*")]:
        file.unlink()


def remove_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)


def went_on(folder: Path, now: dict[str, Any], epoch: int) -> dict[str, Any]:
    """The stored environment of an unfinished run, with that in which it goes on after an epoch.

    `dirty` says whether any part of the run was of changed code.

    Raises:
        UsageError: it was begun with another number of ranks, which rounds otherwise.
    """
    stored = read_json(folder / ENVIRONMENT)
    begun = stored.get("ranks", 1)
    if begun != now["ranks"]:
        raise UsageError(
            f"{folder}: was begun with {begun} ranks and goes on with as many; here there are "
            f"{now['ranks']}, with which --restart begins anew"
        )
    resumed = [*stored.get("resumed", []), {"after_epoch": epoch, **now}]
    return {**stored, "dirty": stored["dirty"] or now["dirty"], "resumed": resumed}


def environment(device: str, ranks: int) -> dict[str, Any]:
    """Where a run takes place: the code's commit, versions, machine, device, threads and ranks."""
    versions = {}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        **_commit(),
        "python": platform.python_version(),
        "packages": versions,
        "platform": platform.platform(),
        "processor": _processor(),
        "device": device,
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
        "ranks": ranks,
        "mkl_code_path": os.environ.get(MKL_CODE_PATH),
    }


def _commit() -> dict[str, Any]:
    """The commit of the package's own files, and whether they differ from it; None outside git."""
    package = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not some other project's git
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "-s", "--", "."))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
