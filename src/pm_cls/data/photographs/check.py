"""What is wrong with a folder of photographs, before anything is trained on it.

Exact repeats are found by digest. Near repeats have nearly the same signs of the lowest frequencies
of a cosine transform (64 bits, as pHash), and nearly the same pixels when small: copies of another
size, format or brightness.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from pm_cls.config import DataConfig
from pm_cls.data.photographs import layout
from pm_cls.data.photographs.classes import Found, find
from pm_cls.data.photographs.colours import BadPhotograph
from pm_cls.data.photographs.draw import drawn
from pm_cls.data.photographs.folders import Files
from pm_cls.data.photographs.images import nearly_black, read_photograph
from pm_cls.data.photographs.splits import content_digests, repeated
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.processes import processors
from pm_cls.runtime.silence import silence
from pm_cls.runtime.wording import counted, enumerate_names

SIDE = 32  # pixels of the small pictures that are compared
BANDS = 4  # of 16 bits; hashes that differ in fewer bits than there are bands share one of them
BESIDE = 50  # hashes of one band that each is compared with, so that many alike cost no square
ALIKE = 0.1  # root mean square of the difference of small pictures, each with deviation 1
EVEN = 2.0  # grey levels of deviation below which a picture has nothing to compare


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        root: what was looked at.
        files: n; `classes` and `splits` of each (`all` where the folder has no split).
        sizes: "width x height" -> how many.
        exact, near: groups of numbers of files; those across splits first.
        dark: numbers of nearly black files.
        bad: number of each unreadable file -> why.
        small: uint8 [n, 3, SIDE, SIDE], RGB.
        notes: sentences about what was left out.
    """

    root: Path
    files: Files
    classes: Sequence[str]
    splits: Sequence[str]
    sizes: Counter[str]
    exact: list[list[int]]
    near: list[list[int]]
    dark: list[int]
    bad: dict[int, str]
    small: np.ndarray
    notes: Sequence[str]

    def counts(self) -> Iterator[tuple[str, list[tuple[str, int]]]]:
        """Each split with the number of files in each class."""
        for split in dict.fromkeys(self.splits):
            of = Counter(c for c, s in zip(self.classes, self.splits, strict=True) if s == split)
            yield split, sorted(of.items())

    def is_across(self, group: Sequence[int]) -> bool:
        """Whether a group stands in both splits, so that scores would be of what was learned."""
        return len({self.splits[i] for i in group}) > 1

    def is_torn(self, group: Sequence[int]) -> bool:
        """Whether a group stands in more than one class."""
        return len({self.classes[i] for i in group}) > 1

    def told(self, group: Sequence[int]) -> str:
        """A group in words."""
        marks = [", ACROSS SPLITS"] * self.is_across(group) + [", IN TWO CLASSES"] * (
            self.is_torn(group)
        )
        return " = ".join(self.files.names[i] for i in group) + "".join(marks)

    def lines(self) -> Iterator[str]:
        """All of it in words."""
        yield f"{self.root}: {len(self.files):,} pictures"
        for split, of in self.counts():
            split = "classes" if split == "all" else split
            yield f"{split:12}" + ", ".join(f"{n:,} {name}" for name, n in of)
        sizes = [f"{size} ({n:,})" for size, n in self.sizes.most_common()]
        yield f"{'sizes':12}{enumerate_names(sizes, 5)}"
        yield from (f"{'unreadable':12}{self.files.names[i]} {why}" for i, why in self.bad.items())
        yield from (f"{'repeated':12}{self.told(group)}" for group in self.exact)
        yield from (f"{'alike':12}{self.told(group)}" for group in self.near)
        if self.dark:
            names = [self.files.names[i] for i in self.dark]
            yield f"{'dark':12}nearly black: {enumerate_names(names)}"
        yield from (f"{'note':12}{note}" for note in self.notes)
        if not (self.bad or self.exact or self.near or self.dark):
            yield "nothing unreadable, repeated or nearly black"


def check(root: Path) -> Checked:
    """Read every photograph of a folder in the layout of `ichallenge_pm` or of `folder`.

    Raises:
        DataError: it is in neither, or a file cannot be read from the disk.
    """
    files, classes, splits, notes = _listed(root)
    small, sizes, bad = _read(files)
    groups = repeated([str(i) for i in range(len(files))], content_digests(files))
    exact = [[int(i) for i in group] for group in groups]
    dark = [int(i) for i in np.flatnonzero(nearly_black(small)) if i not in bad]
    again = {i for group in exact for i in group[1:]}
    usable = [i for i in range(len(files)) if i not in bad and i not in again and i not in dark]
    found = Checked(root, files, classes, splits, sizes, exact, [], dark, bad, small, notes)
    near = _grouped([(usable[a], usable[b]) for a, b in alike(small[usable])])

    def first(group: list[int]) -> tuple[bool, list[int]]:
        return not found.is_across(group), group

    return replace(found, exact=sorted(exact, key=first), near=sorted(near, key=first))


def _listed(root: Path) -> tuple[Files, list[str], list[str], Sequence[str]]:
    """The files with their classes and splits."""
    try:
        official = layout.find(root)
    except DataError as error:
        try:
            found = find(root)
        except DataError as other:
            if root.is_dir() and (root / layout.TRAINING_FOLDER).is_dir():
                raise error
            if isinstance(error, layout.OtherLayout):
                raise other
            raise DataError(f"{other}\nread as {layout.OFFICIAL_NAME}: {error}")
        held = found.is_validation
        splits = ["all"] * len(found.names)
        if held is not None:
            splits = ["validation" if one else "training" for one in held]
        of_whom = [counted(len(set(found.patients)), "patient")] if found.patients else []
        return found.files, found.names, splits, [*of_whom, *found.notes, *_doubts(found)]
    parts = {"training": official.training, "validation": official.validation}
    classes = [f"label {label}" for part in parts.values() for label in part.labels]
    splits = [name for name, part in parts.items() for _ in part.labels]
    return official.files(), classes, splits, official.notes


def _doubts(found: Found) -> Iterator[str]:
    """Sentences on classes that may be meant as one, and on a split that cannot be drawn."""
    classes, alike = found.classes(), dict[object, list[str]]()
    for name in classes:
        alike.setdefault(_meant(name), []).append(name)
    for names in (names for names in alike.values() if len(names) > 1):
        yield f"{enumerate_names(names)} are {len(names)} classes; are they meant as one?"
    if found.is_validation is None:
        labels = np.array([classes.index(name) for name in found.names])
        together = found.patients or content_digests(found.files)
        try:
            drawn(labels, together, DataConfig(name="folder"), classes)
        except DataError as error:
            yield f"no validation part can be drawn: {error}"


def _meant(name: str) -> object:
    """What is equal of `Cat` and `cat`, and of `1` and `1.0`."""
    try:
        return float(name)
    except ValueError:
        return name.casefold()


def _read(files: Files) -> tuple[np.ndarray, Counter[str], dict[int, str]]:
    small = np.zeros((len(files), 3, SIDE, SIDE), np.uint8)
    sizes: Counter[str] = Counter()
    bad: dict[int, str] = {}

    def one(row: int) -> str | BadPhotograph:
        try:
            image = read_photograph(files[row])
        except BadPhotograph as error:
            return error
        pixels = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        small[row] = np.asarray(pixels).transpose(2, 0, 1)
        return f"{image.width} x {image.height}"

    with silence(), ThreadPoolExecutor(processors()) as pool:
        done = tqdm(pool.map(one, range(len(files))), "decoding", len(files), False, disable=None)
        for row, found in enumerate(done):
            if isinstance(found, BadPhotograph):
                bad[row] = str(found)
            else:
                sizes[found] += 1
    return small, sizes, bad


def hashes(images: np.ndarray) -> np.ndarray:
    """bool [n, 64] of grey images float [n, h, w]: which low frequencies are above their median."""
    from scipy.fft import dctn

    low = dctn(images, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(images), 64)
    return low > np.median(low, axis=1, keepdims=True)


def alike(images: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of near repeats among uint8 images [n, 3, h, w]."""
    if len(images) < 2:
        return []
    grey = images.mean(axis=1)
    deviation = grey.std(axis=(1, 2))
    rows = np.flatnonzero(deviation > EVEN)
    grey = grey[rows] - grey[rows].mean(axis=(1, 2), keepdims=True)
    grey /= deviation[rows, np.newaxis, np.newaxis]
    bits = hashes(grey)
    pairs: set[tuple[int, int]] = set()
    for band in np.packbits(bits, axis=1).view(np.uint16).T:
        order = np.argsort(band, kind="stable")
        for step in range(1, min(BESIDE, len(rows) - 1) + 1):
            one, other = order[:-step], order[step:]
            same = band[one] == band[other]
            if not same.any():
                break
            one, other = one[same], other[same]
            close = (bits[one] != bits[other]).sum(axis=1) < BANDS
            pairs.update(zip(one[close].tolist(), other[close].tolist(), strict=True))
    apart = {pair: np.sqrt(((grey[pair[0]] - grey[pair[1]]) ** 2).mean()) for pair in pairs}
    return sorted({(int(rows[min(p)]), int(rows[max(p)])) for p, d in apart.items() if d < ALIKE})


def _grouped(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """What pairs join, as groups."""
    group: dict[int, list[int]] = {}
    for one, other in pairs:
        first, second = group.get(one, [one]), group.get(other, [other])
        if first is not second:
            joined = sorted(first + second)
            group.update(dict.fromkeys(joined, joined))
    return list({id(each): each for each in group.values()}.values())
