"""Data sets by name. A new one is a file with `load(config.data) -> Dataset` and a line here."""

from collections.abc import Callable

from pm_cls.config import DataConfig
from pm_cls.data import ichallenge_pm, mnist
from pm_cls.data.arrays import Dataset, Split
from pm_cls.errors import UsageError

DATASETS: dict[str, Callable[[DataConfig], Dataset]] = {
    "ichallenge_pm": ichallenge_pm.load,
    "mnist": mnist.load,
}


def load_dataset(config: DataConfig) -> Dataset:
    """Load the data set that a config's `data` section names.

    Raises:
        UsageError: there is no data set of that name.
        DataError: the data are missing or bad.
    """
    if config.name not in DATASETS:
        raise UsageError(f"`data.name` is {config.name!r}; known: {', '.join(DATASETS)}")
    return DATASETS[config.name](config)


__all__ = ["DATASETS", "Dataset", "Split", "load_dataset"]
