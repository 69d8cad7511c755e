"""environment.json: where a run came from: code, versions, machine, device, data."""

import platform
import subprocess
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pm_cls.runtime.device import versions
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import read_record, write_json
from pm_cls.runtime.threads import mkl_code_path, settings_in_effect, threads_in_effect

FILE = "environment.json"
RECORDED_PACKAGES = (
    "numba", "numpy", "paddlepaddle", "paddlepaddle-gpu", "pillow", "safetensors", "scikit-learn",
    "scipy",
)  # fmt: skip


@dataclass(frozen=True)
class Data:
    """The data of a run.

    Attributes:
        name: of the data set; `synthetic` for drawn photographs.
        digest: SHA-256 (hex) over names, labels and contents.
        counts: images, in each split by label or letter, or in all (older MNIST records).
        official: whether these are all the official ones; None where that cannot be told.
        repeated: groups of names with the same content; None where they were not compared.
        limit: where only so many of each split were taken.
    """

    name: str | None = None
    digest: str | None = None
    counts: dict[str, int | dict[str, int]] | None = None
    official: bool | None = None
    repeated: list[list[str]] | None = None
    limit: int | None = None

    @property
    def n_training(self) -> int:
        """Training images as counted, at most `limit`; 0 where the record does not tell."""
        counts = self.counts or {}
        found = counts.get("training", counts.get("train", 0))
        total = sum(found.values()) if isinstance(found, dict) else found
        return min(total, self.limit or total)


@dataclass(frozen=True)
class Place:
    """The code and the machine that compute; None where it is not known.

    `dirty` tells whether the package's files differ from the commit. `threads` of the CPU and
    `mkl_code_path` are what the libraries say themselves; `settings` are those of the environment.
    """

    commit: str | None = None
    dirty: bool | None = None
    python: str | None = None
    packages: dict[str, str] | None = None
    platform: str | None = None
    processor: str | None = None
    device: str | None = None
    threads: int | None = None
    ranks: int = 1
    mkl_code_path: str | None = None
    settings: dict[str, str] | None = None


@dataclass(frozen=True)
class Resumed(Place):
    """Where a run went on after an epoch."""

    after_epoch: int = 0


@dataclass(frozen=True)
class Environment(Place):
    """Where a run was begun, on which data, and where it went on since."""

    data: Data = field(kw_only=True)
    resumed: tuple[Resumed, ...] = ()


def write(folder: Path, environment: Environment) -> None:
    content = asdict(environment)
    content["data"] = {k: v for k, v in content["data"].items() if v is not None}
    if not environment.resumed:
        del content["resumed"]
    write_json(folder / FILE, content)


def read(folder: Path) -> Environment:
    """UsageError where it is not there or damaged."""
    return read_record(Environment, folder / FILE)


def begun(place: Place, data: Data) -> Environment:
    return Environment(**asdict(place), data=data)


def went_on(stored: Environment, now: Place, epoch: int, folder: Path) -> Environment:
    """The environment of an unfinished run, with the place where it goes on after an epoch.

    `dirty` says whether any part of the run was of changed code.

    Raises:
        UsageError: it was begun with another number of ranks, which rounds otherwise.
    """
    if stored.ranks != now.ranks:
        raise UsageError(
            f"{folder}: was begun with {stored.ranks} ranks and goes on with as many; here there "
            f"are {now.ranks}, with which --restart begins anew"
        )
    resumed = Resumed(**asdict(now), after_epoch=epoch)
    return replace(stored, dirty=stored.dirty or now.dirty, resumed=(*stored.resumed, resumed))


def here(device: str, ranks: int) -> Place:
    """The place where this process computes."""
    commit, dirty = _commit()
    return Place(
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        packages=versions(RECORDED_PACKAGES),
        platform=platform.platform(),
        processor=_processor(),
        device=device,
        threads=threads_in_effect(),
        ranks=ranks,
        mkl_code_path=mkl_code_path(),
        settings=settings_in_effect(),
    )


def _commit() -> tuple[str | None, bool | None]:
    """The commit of the package's own files, and whether they differ from it; None outside git."""
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # not some other project's git
        return git("rev-parse", "HEAD"), bool(git("status", "-s", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
