"""Where a run lies, whether one can be made there, and who is at work on it."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

import filelock
import yaml

from pm_cls.config import Config, load_stored
from pm_cls.records import calibration, evaluations, result, saliency, stress
from pm_cls.runtime.errors import Taken, UsageError
from pm_cls.runtime.locks import alone
from pm_cls.runtime.paths import closed

CONFIG, LOG, CHECKPOINT, LOCK = "config.yaml", "train.log", "checkpoint", ".lock"
KEEP_BOTH = (
    "keep both by giving this one another place, --runs-dir DIR, or name, "
    "pm-cls train --set experiment=NAME"
)


def run_folder(runs_dir: Path, experiment: str, seed: int) -> Path:
    """Name plus seed and nothing else, so that a look tells what is done."""
    return runs_dir / experiment / f"seed{seed}"


def run_name(folder: Path) -> str:
    """Experiment and seed, however the folder was named: `lenet7_relu/seed0`."""
    return "/".join(folder.resolve().parts[-2:])


def weights_file(folder: Path, epoch: int) -> Path:
    return folder / f"weights_epoch{epoch}.safetensors"


def is_finished(folder: Path) -> bool:
    return (folder / result.FILE).is_file()


def finished_below(folder: Path) -> list[Path]:
    """Folders of finished runs, up to three levels down, sorted."""
    patterns = (f"{inner}/{result.FILE}" for inner in ("*", "*/*", "*/*/*"))
    return sorted(file.parent for pattern in patterns for file in folder.glob(pattern))


def check_same_data(folder: Path, data_digest: str) -> None:
    """Raise Taken where a finished run was trained on other data than those of the digest."""
    if result.read(folder).data_digest != data_digest:
        raise Taken(f"{folder} holds a finished run on other data; {KEEP_BOTH}")


def check_folder(folder: Path, config: Config) -> None:
    """Check that a run of this config can be made in the folder; nothing is written.

    Raises:
        Taken: it holds a run of another config, or cannot be written.
    """
    stored = load_stored(folder / CONFIG) if (folder / CONFIG).is_file() else config
    if different := stored.differing(config):
        keys = ", ".join(f"`{key}`" for key in different)
        raise Taken(f"{folder} holds a run with other settings ({keys}); {KEEP_BOTH}")
    if obstacle := closed(folder):
        raise Taken(f"{folder}: {obstacle} cannot be written; --runs-dir can name another place")


def read_config(folder: Path) -> Config:
    """The config that a finished run was made with; UsageError where no finished run is."""
    if not is_finished(folder):
        places = [one for one in (folder, *list(folder.parents)[:2]) if one.is_dir()]
        near = finished_below(places[0]) if places and places[0] != places[0].parent else []
        near = [folder.parent] if is_finished(folder.parent) else near
        example = near[0] if near else "runs/<experiment>/seed<k>"
        kinds = {folder.is_dir(): "holds no finished run", folder.is_file(): "is a file"}
        what = kinds.get(True, "is not there")
        raise UsageError(f"{folder}: {what}; a finished run is in {example}")
    return load_stored(folder / CONFIG)


def published_config(file: Path) -> str:
    """The text of a stored config, in which an absolute `data.root` is the name of its folder."""

    def named(line: re.Match[str]) -> str:
        root = yaml.safe_load(line[0])["root"]  # a long one may stand on several lines
        kinds = (PurePosixPath, PureWindowsPath)
        kind = next((k for k in kinds if isinstance(root, str) and k(root).is_absolute()), None)
        return line[0] if kind is None else f"  root: {json.dumps(kind(root).name or 'data')}"

    text = file.read_text(encoding="utf-8")
    return re.sub(r"^(  root: ).*(?:\n    .*)*$", named, text, count=1, flags=re.MULTILINE)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder of a run and keep other processes from it; a kill frees it too.

    Raises:
        Taken: another process is at work on this run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:  # `is_held` of another process has it for a moment
            held.enter_context(alone(folder / LOCK, timeout=1))
        except filelock.Timeout:
            raise Taken(f"{folder}: another process is at work on this run; let it finish")
        yield


def is_held(folder: Path) -> bool:
    """Whether a process is at work on the run, on this machine or another that has the folder.

    A lock that cannot be opened is held by nobody that can be waited for.
    """
    if not (folder / LOCK).exists():
        return False
    try:
        with alone(folder / LOCK, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


def discard(folder: Path) -> None:
    """Take away what a run left in its folder but for its config, environment, epochs and log."""
    (folder / result.FILE).unlink(missing_ok=True)  # first: without it the run is unfinished
    remove_checkpoints(folder)
    for file in [*folder.glob("weights_epoch*"), *folder.glob("predictions_epoch*")]:
        file.unlink()
    for name in (calibration.FILE, calibration.FAMILIAR, stress.FILE, stress.FIGURE):
        (folder / name).unlink(missing_ok=True)
    for measured in (evaluations.FOLDER, saliency.FOLDER):
        shutil.rmtree(folder / measured, ignore_errors=True)


def remove_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
