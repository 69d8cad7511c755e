"""iChallenge-PM: finds both splits and their labels in a folder, and loads them as arrays.

The official folders (`PALM-Training400/`, `PALM-Validation400/`, `labels.csv` or the xlsx), the
figshare layout (`PALM/Training/Images/`) and anything between them are read. Training labels come
from the file names (thesis 3.2): P is pathological myopia, label 1; H (high myopia) and N (normal)
have label 0. Validation labels come from the table.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pm_cls.config import DataConfig
from pm_cls.data import labels as label_tables
from pm_cls.data import photographs
from pm_cls.data.arrays import Dataset
from pm_cls.data.folders import walk
from pm_cls.data.images import SUFFIXES
from pm_cls.data.labels import photograph_key
from pm_cls.data.photographs import Photographs, content_digests, enumerate_names, load_split
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

    def paths(self) -> list[Path]:
        return [*self.training.paths, *self.validation.paths]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many photographs there are: by letter in training, by label in validation."""
        return {
            "training": _count(photograph_key(name)[0] for name in self.training.names),
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
    digests = content_digests(listing.paths())
    return Dataset(
        name=listing.name,
        digest=_data_digest(listing, digests),
        train=load_split(listing.training, digests, config),
        validation=load_split(listing.validation, digests, config),
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
    training, validation, tables, archives, ignored = [], [], [], [], 0
    for root in roots:
        if not root.is_dir():
            raise DataError(f"{root}: is no folder; {LAYOUT}")
        part_of_root = part_of([root.name])
        if part_of_root == "other":  # whoever names a folder wants what is in it
            part_of_root = None
        for path in walk(root):
            part = part_of(path.relative_to(root).parts[:-1]) or part_of_root
            if _holds_labels(path.name.lower(), part):
                tables.append(path)
            elif path.suffix.lower() in SUFFIXES:
                if part == "training":
                    training.append(path)
                elif part == "validation":
                    validation.append(path)
                else:
                    ignored += 1
            elif path.suffix.lower() == ".zip":
                archives.append(path.name)
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
        for part, beginning in (("training", "train"), ("validation", "valid")):
            if any(word.startswith(beginning) for word in words):
                return part
    return None


def _by_name(paths: Iterable[Path]) -> list[Path]:
    by_key: dict[str, Path] = {}
    twice = []
    for path in paths:
        first = by_key.setdefault(photograph_key(path.name), path)
        if first is not path:
            twice.append(f"{first} and {path}")
    if twice:
        raise DataError(f"one name for two photographs: {enumerate_names(twice)}")
    return [by_key[key] for key in sorted(by_key)]


def _label_by_name(paths: Sequence[Path]) -> Photographs:
    wrong = [path.name for path in paths if photograph_key(path.name)[0] not in LABEL_OF_LETTER]
    if wrong:
        names = enumerate_names(wrong)
        raise DataError(f"training photographs whose names start with neither P, H nor N: {names}")
    labels = [LABEL_OF_LETTER[photograph_key(path.name)[0]] for path in paths]
    return _photographs(paths, labels)


def _label_by_table(paths: Sequence[Path], tables: Sequence[Path]) -> Photographs:
    table, *others = tables
    labels = label_tables.read_labels(table)
    for other in others:
        if label_tables.read_labels(other) != labels:
            raise DataError(f"{table} and {other} hold different labels; keep one of them")
    keys = [photograph_key(path.name) for path in paths]
    unlabelled = [path.name for path, key in zip(paths, keys, strict=True) if key not in labels]
    if unlabelled:
        raise DataError(f"{table}: no row for {enumerate_names(unlabelled)}")
    if extra := sorted(set(labels) - set(keys)):
        raise DataError(f"{table}: rows without a photograph: {enumerate_names(extra)}")
    return _photographs(paths, [labels[key] for key in keys])


def _photographs(paths: Sequence[Path], labels: Sequence[int]) -> Photographs:
    return Photographs(tuple(paths), tuple(labels), tuple(path.name for path in paths))


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


def repeated(listing: Listing, digests: Mapping[Path, str]) -> list[list[str]]:
    """Groups of photographs with the same content, within or across the splits, by name."""
    return photographs.repeated((path.name, digests[path]) for path in listing.paths())


def _data_digest(listing: Listing, digests: dict[Path, str]) -> str:
    """SHA-256 over names, labels and contents of both splits: equal data, equal digest."""
    lines = [
        f"{split} {photograph_key(path.name)} {label} {digests[path]}"
        for split, part in (("training", listing.training), ("validation", listing.validation))
        for path, label in zip(part.paths, part.labels, strict=True)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def missing_names(listing: Listing) -> list[str]:
    """Names of the official set, as P0001, that are not there."""
    letters = {**OFFICIAL_TRAINING, "V": sum(OFFICIAL_VALIDATION.values())}
    official = {f"{letter}{i:04d}" for letter, n in letters.items() for i in range(1, n + 1)}
    there = [*listing.training.names, *listing.validation.names]
    return sorted(official - {photograph_key(name) for name in there})


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), reverse=True))
