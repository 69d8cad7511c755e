"""networks.csv: what the network of each experiment costs. It stands beside the report."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import csv_text, from_cells, read_csv, write_text
from pm_cls.runtime.locks import shared_folder

FILE = "networks.csv"


@dataclass(frozen=True)
class Network:
    """Of an experiment: trained parameters, and multiplications for one image."""

    experiment: str
    parameters: int
    multiplications: int


def write(found: Iterable[Network], path: Path) -> None:
    """Write these and what stands there of other experiments, sorted."""
    names = [field.name for field in fields(Network)]
    with shared_folder(path.parent):
        both = {one.experiment: one for one in (*read(path), *found)}
        write_text(path, csv_text(names, [list(astuple(both[name])) for name in sorted(both)]))


def read(path: Path) -> list[Network]:
    """Read what `write` wrote; nothing where there is no such file.

    Raises:
        UsageError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [from_cells(Network, line) for line in read_csv(path)]
    except (LookupError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: is damaged ({error}); `pm-cls reproduce` writes it anew")
