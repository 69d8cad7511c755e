"""iChallenge-PM: finds both splits and their labels in a folder, and loads them as arrays.

The official folders (`PALM-Training400/`, `PALM-Validation400/`, `labels.csv` or the xlsx), the
figshare layout (`PALM/Training/Images/`) and anything between them are read. Training labels come
from the file names (thesis 3.2): P is pathological myopia, label 1; H (high myopia) and N (normal)
have label 0. Validation labels come from the table.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import labels as label_tables
from pm_cls.data import photographs
from pm_cls.data.arrays import Dataset
from pm_cls.data.folders import Files, walk, walk_folders
from pm_cls.data.images import SUFFIXES
from pm_cls.data.labels import photograph_key
from pm_cls.data.photographs import (
    Photographs,
    content_digests,
    described,
    digest_of,
    enumerate_names,
    load_split,
)
from pm_cls.errors import DataError
from pm_cls.runs import SYNTHETIC

TRAINING_FOLDER, VALIDATION_FOLDER = "PALM-Training400", "PALM-Validation400"
OFFICIAL_NAME = "ichallenge_pm"
MARKER = "dataset.json"  # names a set that is not the official one
LABEL_OF_LETTER = {"P": 1, "H": 0, "N": 0}
OFFICIAL_TRAINING = {"P": 213, "N": 161, "H": 26}
OFFICIAL_VALIDATION = {1: 211, 0: 189}
SPLIT_TABLE = label_tables.SPLIT_FILE_NAME.lower()
TABLE_NAMES = (*(name.lower() for name in label_tables.FILE_NAMES), SPLIT_TABLE)
OTHER_WORDS = {"mask", "masks", "annotation", "annotations", "test", "testing"}
LAYOUT = f"""expected:
  {TRAINING_FOLDER}/    P0001.jpg ... N0001.jpg ... H0001.jpg ...
  {VALIDATION_FOLDER}/  V0001.jpg ...
  {label_tables.FILE_NAMES[0]} or {label_tables.FILE_NAMES[1]}
data/README.md says where to get them"""


@dataclass(frozen=True)
class Listing:
    """What a folder holds: the name of the data set, its two splits, and how many other images."""

    name: str
    training: Photographs
    validation: Photographs
    ignored: int

    def files(self) -> Files:
        """Of both splits, training first."""
        return self.training.files + self.validation.files

    def counts(self) -> dict[str, dict[str, int]]:
        """How many photographs there are: by letter in training, by label in validation."""
        return {
            "training": _count(photograph_key(name)[0] for name in self.training.files.names),
            "validation": _count(str(label) for label in self.validation.labels),
        }

    def is_official(self) -> bool:
        """Whether name and counts are those of the official set."""
        official = {
            "training": OFFICIAL_TRAINING,
            "validation": {str(label): n for label, n in OFFICIAL_VALIDATION.items()},
        }
        return self.name == OFFICIAL_NAME and self.counts() == official


def load(config: DataConfig) -> Dataset:
    """Load both splits as the config's `data` section asks.

    Raises:
        DataError: something is missing, or photographs or labels are bad (all are listed).
    """
    listing = find(Path(config.root))
    digests = content_digests(listing.files())
    training, validation = np.split(digests, [len(listing.training.files)])
    return Dataset(
        name=listing.name,
        digest=_data_digest(listing, training, validation),
        train=load_split(listing.training, training, config),
        validation=load_split(listing.validation, validation, config),
        outputs=1,
        notes={
            "counts": listing.counts(),
            "official": listing.is_official(),
            "repeated": repeated(listing, digests),
        },
    )


def find(*roots: Path, sources: Sequence[Path] = ()) -> Listing:
    """List the photographs and labels below one or several folders.

    Args:
        sources: what the folders were unpacked from, if they were, for the messages.

    Raises:
        DataError: a folder, a split or the label table is missing, or names and labels do not fit.
    """
    training, validation = Files(), Files()
    tables, archives, ignored = [], [], 0
    for root in roots:
        if not root.is_dir():
            raise DataError(f"{root}: is no folder; {LAYOUT}")
        part_of_root = part_of([root.name])
        if part_of_root == "other":  # whoever names a folder wants what is in it
            part_of_root = None
        for folder, names in walk_folders(root):
            part = part_of(folder.relative_to(root).parts) or part_of_root
            for name in names:
                if _holds_labels(name.lower(), part):
                    tables.append(folder / name)
                elif name.lower().endswith(SUFFIXES):
                    if part == "training":
                        training.add(folder, name)
                    elif part == "validation":
                        validation.add(folder, name)
                    else:
                        ignored += 1
                elif name.lower().endswith(".zip"):
                    archives.append(name)
    where, advice = ", ".join(map(str, sources or roots)), LAYOUT
    if archives and not sources:
        advice = f"archives lie there ({enumerate_names(archives, 5)})\n" + (
            f"`pm-cls data prepare {where} --out DIR` unpacks them"
        )
    if not training and not validation:
        raise DataError(f"{where}: holds no photographs in a folder of either split; {advice}")
    if not training or not validation:
        absent = "validation" if training else "training"
        raise DataError(f"{where}: the {absent} photographs are missing; {advice}")
    if not tables:
        raise DataError(f"{where}: the labels of the validation photographs are missing; {advice}")
    return Listing(
        name=next((name for name in map(marked_name, roots) if name), OFFICIAL_NAME),
        training=_label_by_name(_by_name(training)),
        validation=_label_by_table(_by_name(validation), tables),
        ignored=ignored,
    )


def _holds_labels(name: str, part: str | None) -> bool:
    if name == SPLIT_TABLE:  # the training folder's agrees with the letters, and is not needed
        return part == "validation"
    return name in TABLE_NAMES and part != "other"


def part_of(folders: Sequence[str]) -> str | None:
    """`training`, `validation` or `other` (masks, tests) by the innermost folder that says."""
    for folder in reversed(folders):
        words = re.split("[^a-z]+", folder.lower())
        if OTHER_WORDS & set(words):
            return "other"
        for part, beginning in (("training", "train"), ("validation", "val")):
            if any(word.startswith(beginning) for word in words):
                return part
    return None


def _by_name(files: Files) -> Files:
    keys = [photograph_key(name) for name in files.names]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    twice = [f"{files[i]} and {files[j]}" for i, j in pairwise(order) if keys[i] == keys[j]]
    if twice:
        raise DataError(f"one name for two photographs: {enumerate_names(twice)}")
    return Files([files.folders[i] for i in order], [files.names[i] for i in order])


def _label_by_name(files: Files) -> Photographs:
    wrong = [name for name in files.names if photograph_key(name)[0] not in LABEL_OF_LETTER]
    if wrong:
        names = enumerate_names(wrong)
        raise DataError(f"training photographs whose names start with neither P, H nor N: {names}")
    labels = (LABEL_OF_LETTER[photograph_key(name)[0]] for name in files.names)
    return Photographs(files, np.fromiter(labels, np.int64, len(files)))


def _label_by_table(files: Files, tables: Sequence[Path]) -> Photographs:
    table, *others = tables
    labels = label_tables.read_labels(table)
    for other in others:
        if label_tables.read_labels(other) != labels:
            raise DataError(f"{table} and {other} hold different labels; keep one of them")
    keys = [photograph_key(name) for name in files.names]
    unlabelled = [name for name, key in zip(files.names, keys, strict=True) if key not in labels]
    if unlabelled:
        raise DataError(f"{table}: no row for {enumerate_names(unlabelled)}")
    if len(labels) > len(keys):
        extra = sorted(labels.keys() - keys)
        raise DataError(f"{table}: rows without a photograph: {enumerate_names(extra)}")
    return Photographs(files, np.fromiter((labels[key] for key in keys), np.int64, len(keys)))


def marked_name(root: Path) -> str | None:
    """The name in a dataset.json in `root` or below it; None where there is none.

    One beside `root` counts where it says `synthetic`: then `root` is a part of such a set.
    """
    for marker in (path for path in walk(root) if path.name == MARKER):
        try:
            return str(json.loads(marker.read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(f'{marker}: is damaged; {{"name": ...}} is needed')
    try:
        beside = json.loads((root.resolve().parent / MARKER).read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return SYNTHETIC if beside == SYNTHETIC else None


def repeated(listing: Listing, digests: np.ndarray) -> list[list[str]]:
    """Groups of photographs with the same content, within or across the splits, by name."""
    return photographs.repeated(listing.files().names, digests)


def _data_digest(listing: Listing, training: np.ndarray, validation: np.ndarray) -> str:
    """SHA-256 over names, labels and contents of both splits: equal data, equal digest."""
    return digest_of(
        f"{split} {line}"
        for split, part, digests in (
            ("training", listing.training, training),
            ("validation", listing.validation, validation),
        )
        for line in described(part, digests, photograph_key)
    )


def missing_names(listing: Listing) -> list[str]:
    """Names of the official set, as P0001, that are not there."""
    letters = {**OFFICIAL_TRAINING, "V": sum(OFFICIAL_VALIDATION.values())}
    official = {f"{letter}{i:04d}" for letter, n in letters.items() for i in range(1, n + 1)}
    return sorted(official - {photograph_key(name) for name in listing.files().names})


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), reverse=True))
