"""A validation part drawn from photographs that have none: of each class the same share."""

from collections.abc import Sequence

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data.photographs.cache import as_items
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import enumerate_names


def drawn(
    labels: np.ndarray,
    together: Sequence[str] | np.ndarray,
    config: DataConfig,
    classes: Sequence[str],
) -> np.ndarray:
    """Which photographs are for validation: bool [n], the same for the same files and seed.

    Args:
        labels: int64 [n].
        together: what must not stand on both sides: the patient of each, or the digest of each
            content, uint8 [n, 32].

    Raises:
        DataError: a class has too few photographs or patients for both sides.
    """
    whole = as_items(together) if isinstance(together, np.ndarray) else np.array(together)
    groups = np.unique(whole, return_inverse=True)[1]
    few = [name for i, name in enumerate(classes) if len(set(groups[labels == i].tolist())) < 2]
    if few:
        what = "photographs" if isinstance(together, np.ndarray) else "patients"
        raise DataError(
            f"{enumerate_names(few)}: two different {what} or more are needed, one for training "
            "and one for validation"
        )
    if isinstance(together, np.ndarray):
        return _of_contents(labels, groups, config)
    return _of_patients(labels, groups, config)


def _of_contents(labels: np.ndarray, groups: np.ndarray, config: DataConfig) -> np.ndarray:
    rng, held = np.random.default_rng(config.split_seed), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        # In the order of the files, so that the draw does not change with their contents.
        first = {int(groups[i]): None for i in np.flatnonzero(labels == label)}
        each = np.array(list(first))
        count = min(max(round(len(each) * config.validation_share), 1), len(each) - 1)
        held |= np.isin(groups, rng.permutation(each)[:count])
    return held


def _of_patients(labels: np.ndarray, groups: np.ndarray, config: DataConfig) -> np.ndarray:
    """By the fold, of as many as the share asks for, that has all classes and fits it best.

    Where it is off by a quarter of the share or more, as with patients of many photographs, by the
    best fold of fewer.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    least = min(len(set(groups[labels == label].tolist())) for label in set(labels.tolist()))
    fewest = int(np.bincount(labels).min())
    most = max(min(round(1 / config.validation_share), least, fewest), 2)
    every, best = len(set(labels.tolist())), None
    for count in range(most, 1, -1):
        folds = StratifiedGroupKFold(count, shuffle=True, random_state=config.split_seed)
        for train, validation in folds.split(labels, labels, groups):
            if len(set(labels[train].tolist())) == len(set(labels[validation].tolist())) == every:
                off = abs(len(validation) / len(labels) - config.validation_share)
                if best is None or off < best[0]:
                    best = off, validation
        if best is not None and best[0] < config.validation_share / 4:
            break
    if best is None:
        raise DataError(
            "no draw by patients gives both sides every class; another `data.split_seed` may, or "
            "a column split"
        )
    held = np.zeros(len(labels), bool)
    held[best[1]] = True
    return held
