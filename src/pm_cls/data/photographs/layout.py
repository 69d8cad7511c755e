"""Where the photographs of both splits and their labels lie below a folder, and what marks them.

The official folders (`PALM-Training400/`, `PALM-Validation400/`, `labels.csv` or the xlsx), the
figshare layout (`PALM/Training/Images/`) and anything between them are read. Training labels come
from the file names, validation labels from a table, whatever its name: see `labelling`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pm_cls.config import SYNTHETIC
from pm_cls.data.photographs import labels as label_tables
from pm_cls.data.photographs import tables
from pm_cls.data.photographs.folders import Files, walk, walk_folders
from pm_cls.data.photographs.formats import EXAMPLES, is_photograph
from pm_cls.data.photographs.labelling import NoLabels, by_letter, by_table
from pm_cls.data.photographs.names import each_once, photograph_key
from pm_cls.data.photographs.splits import Photographs
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import SHOWN, enumerate_names

TRAINING_FOLDER, VALIDATION_FOLDER = "PALM-Training400", "PALM-Validation400"
OFFICIAL_NAME = "ichallenge_pm"
MARKER = "dataset.json"  # names a set that is not the official one
OFFICIAL_TRAINING = {"P": 213, "N": 161, "H": 26}
OFFICIAL_VALIDATION = {1: 211, 0: 189}
OFFICIAL_NAMES = {
    "training": OFFICIAL_TRAINING,
    "validation": {"V": sum(OFFICIAL_VALIDATION.values())},
}
OTHER_WORDS = {"mask", "masks", "annotation", "annotations", "test", "testing"}
LAYOUT = f"""expected:
  {TRAINING_FOLDER}/    P0001.jpg ... N0001.jpg ... H0001.jpg ...
  {VALIDATION_FOLDER}/  V0001.jpg ...
  {label_tables.FILE_NAMES[0]} or {label_tables.FILE_NAMES[1]}
data/README.md says where to get them; a synthetic set is drawn, and trained on, by
  pm-cls data synthesize --out data/synthetic
  pm-cls train --config configs/lenet7_relu.yaml --set data.root=data/synthetic"""
CLASSES = "one for each class of your own is `data.name: folder` and `pm-cls data check DIR`"
MAX_MARKER = 1_000_000  # bytes


class OtherLayout(DataError):
    """A folder has no photographs of both splits."""


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        name: of the data set.
        ignored: how many photographs lie in folders of neither split.
        notes: sentences about what people should know of it.
    """

    name: str
    training: Photographs
    validation: Photographs
    ignored: int
    notes: tuple[str, ...] = ()

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


@dataclass
class _Found:
    """What lies below some folders, by its use."""

    training: Files = field(default_factory=Files)
    validation: Files = field(default_factory=Files)
    tables: list[Path] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    ignored: int = 0
    elsewhere: list[str] = field(default_factory=list)

    def add(self, folder: Path, name: str, part: str | None) -> None:
        lower = name.lower()
        if is_photograph(name):
            if part == "training":
                self.training.add(folder, name)
            elif part == "validation":
                self.validation.add(folder, name)
            else:
                self.ignored += 1
                if part is None:
                    self.elsewhere.append(name)
        elif lower.endswith(".zip"):
            self.archives.append(name)
        elif lower.endswith((*tables.ENDINGS, *tables.UNREAD_ENDINGS)):
            if part != "other":
                self.tables.append(folder / name)
        elif part in ("training", "validation") and lower != MARKER:
            self.unread.append(name)

    def notes(self) -> list[str]:
        notes = []
        if self.unread:
            notes.append(
                f"{len(self.unread):,} files in the folders of the splits are not read "
                f"({enumerate_names(self.unread, SHOWN)}); photographs are read as {EXAMPLES}"
            )
        if self.elsewhere:
            notes.append(
                f"{len(self.elsewhere):,} images are left out, as the names of their folders tell "
                f"no split: {enumerate_names(self.elsewhere, SHOWN)}"
            )
        if self.archives:
            notes.append(f"archives are not looked into: {enumerate_names(self.archives, SHOWN)}")
        return notes


def find(*roots: Path, sources: Sequence[Path] = (), named: Sequence[Path] = ()) -> Listing:
    """List the photographs and labels below one or several folders.

    Args:
        sources: what the folders were unpacked from, if they were, for the messages.
        named: label tables beside those in the folders.

    Raises:
        OtherLayout: a folder or a split is missing.
        DataError: the label table is missing, or names and labels do not fit.
    """
    found = _Found()
    for root in roots:
        if not root.is_dir():
            raise OtherLayout(f"{root}: is no folder; {LAYOUT}")
        part_of_root = part_of([root.name])
        if part_of_root == "other":  # whoever names a folder wants what is in it
            part_of_root = None
        for folder, names in walk_folders(root):
            part = part_of(folder.relative_to(root).parts) or part_of_root
            for name in names:
                found.add(folder, name, part)
    where, advice = ", ".join(map(str, sources or roots)), LAYOUT
    if found.archives and not sources:
        advice = f"archives lie there ({enumerate_names(found.archives, SHOWN)})\n" + (
            f"`pm-cls data prepare {where} --out DIR` unpacks them"
        )
    if not found.training or not found.validation:
        unread = "".join(f"\n{note}" for note in found.notes() if found.unread)
        if not found.training and not found.validation:
            absent = "holds no photographs in a folder of either split"
            if found.elsewhere:
                advice = f"{len(found.elsewhere):,} lie in other folders ({CLASSES}); {advice}"
        else:
            part = "validation" if found.training else "training"
            absent = f"the {part} photographs are missing"
        raise OtherLayout(f"{where}: {absent}; {advice}{unread}")
    files, twice = each_once(found.training)
    training, odd = by_letter(files)
    files, also_twice = each_once(found.validation)
    usual_first = sorted(found.tables, key=lambda path: path.name not in label_tables.FILE_NAMES)
    try:
        validation, left = by_table(files, usual_first, named, training)
    except NoLabels as seen:
        raise DataError(
            f"{where}: the labels of the validation photographs are missing{seen}; {advice}"
        )
    return Listing(
        name=next((name for name in map(marked_name, roots) if name), OFFICIAL_NAME),
        training=training,
        validation=validation,
        ignored=found.ignored,
        notes=(*twice, *also_twice, *odd, *left, *found.notes()),
    )


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


def marked_name(root: Path) -> str | None:
    """The name in a dataset.json in `root` or below it; None where there is none.

    One beside `root` counts where it says `synthetic`: then `root` is a part of such a set.
    DataError where one is damaged.
    """
    for marker in (path for path in walk(root) if path.name == MARKER):
        if (name := _name_in(marker)) is None:
            raise DataError(f'{marker}: is damaged; {{"name": ...}} is needed')
        return name
    beside = _name_in(root.resolve().parent / MARKER)
    return SYNTHETIC if beside == SYNTHETIC else None


def _name_in(marker: Path) -> str | None:
    try:
        if not marker.is_file() or marker.stat().st_size > MAX_MARKER:  # a pipe would be waited for
            return None
        return str(json.loads(marker.read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def missing_names(listing: Listing) -> list[str]:
    """Names of the official set, as P0001, that are not there."""
    official = set.union(*map(_keys, OFFICIAL_NAMES.values()))
    return sorted(official - {photograph_key(name) for name in listing.files().names})


def names_of(part: str, names: Iterable[str]) -> list[str]:
    """Those that are names of official photographs, of `training` as P0001.jpg or `validation`."""
    official = _keys(OFFICIAL_NAMES[part])
    return [name for name in names if photograph_key(name) in official]


def _keys(letters: dict[str, int]) -> set[str]:
    return {f"{letter}{i:04d}" for letter, n in letters.items() for i in range(1, n + 1)}


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), reverse=True))
