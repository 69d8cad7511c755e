"""Drawn figures that are told by colour, by shape or by both (document 003).

28x28 pixels, one figure on black: a line of two pixels or a filled triangle, diamond, rectangle or
circle, in a box whose corners lie at random in the upper left and the lower right quarter. A
picture follows from its split and its index alone, and is the same everywhere. The original draws
three of the four kinds of triangle, by a slip; here all four are drawn: three corners of the box.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from pm_cls.config import DataConfig
from pm_cls.data.dataset import Dataset, Source, Spec, Split, counts_of
from pm_cls.data.transforms import in_order
from pm_cls.scores.target import Classes

SIZE = 28
SEED = 0  # of all pictures
STREAMS = {"training": 0, "validation": 1}
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
}
Box = tuple[int, int, int, int]  # left, top, right, bottom: the outermost pixels of the figure
Paint = tuple[int, int, int]
Draw = Callable[[ImageDraw.ImageDraw, Box, Paint, np.random.Generator], None]


def line(canvas: ImageDraw.ImageDraw, box: Box, paint: Paint, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    falls = bool(rng.integers(2))
    ends = [(left, top), (right, bottom)] if falls else [(left, bottom), (right, top)]
    canvas.line(ends, fill=paint, width=2)


def triangle(canvas: ImageDraw.ImageDraw, box: Box, paint: Paint, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    del corners[int(rng.integers(4))]
    canvas.polygon(corners, fill=paint)


def diamond(canvas: ImageDraw.ImageDraw, box: Box, paint: Paint, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    x, y = (left + right) // 2, (top + bottom) // 2
    canvas.polygon([(x, top), (right, y), (x, bottom), (left, y)], fill=paint)


def rectangle(
    canvas: ImageDraw.ImageDraw, box: Box, paint: Paint, rng: np.random.Generator
) -> None:
    canvas.rectangle(box, fill=paint)


def circle(canvas: ImageDraw.ImageDraw, box: Box, paint: Paint, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    canvas.ellipse((x, y, x + side, y + side), fill=paint)


SHAPES: dict[str, Draw] = {
    "line": line,
    "triangle": triangle,
    "diamond": diamond,
    "rectangle": rectangle,
    "circle": circle,
}


@dataclass(frozen=True)
class Task:
    """What is drawn, how many pictures of each in both splits, and by what they are told.

    Attributes:
        groups: a shape with the colours that it may have; each picture of a group takes one.
        classes: the class of a shape and a colour.
    """

    groups: Sequence[tuple[str, Sequence[str]]]
    each: tuple[int, int]
    classes: dict[tuple[str, str], int]

    def pictures(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [n, 3, SIZE, SIZE] and the class of each, int64 [n]."""
        count = self.each[STREAMS[split]]
        images = np.zeros((count * len(self.groups), 3, SIZE, SIZE), np.uint8)
        labels = np.zeros(len(images), np.int64)
        for index in range(len(images)):
            shape, colours = self.groups[index // count]
            rng = np.random.default_rng([SEED, STREAMS[split], index])
            colour = colours[int(rng.integers(len(colours)))]
            images[index] = draw(shape, COLOURS[colour], rng)
            labels[index] = self.classes[shape, colour]
        return images, labels


def draw(shape: str, paint: Paint, rng: np.random.Generator) -> np.ndarray:
    """A picture, uint8 [3, SIZE, SIZE] in the order red, green, blue."""
    image = Image.new("RGB", (SIZE, SIZE))
    left, top = rng.integers(SIZE // 2, size=2).tolist()
    right, bottom = rng.integers(SIZE // 2, SIZE, size=2).tolist()
    SHAPES[shape](ImageDraw.Draw(image), (left, top, right, bottom), paint, rng)
    return np.asarray(image).transpose(2, 0, 1)


_ANY = [(shape, tuple(COLOURS)) for shape in SHAPES]
_ONE = [(s, (c,)) for s in ("circle", "rectangle", "triangle") for c in ("red", "blue", "green")]
_OF_BOTH = {(shape, colour): i for i, (shape, (colour,)) in enumerate(_ONE)}
TASKS: dict[str, Task] = {
    "drawn_colours": Task(
        _ANY, (1000, 200), {(s, c): i for s in SHAPES for i, c in enumerate(COLOURS)}
    ),
    "drawn_shapes": Task(
        _ANY, (1000, 200), {(s, c): i for i, s in enumerate(SHAPES) for c in COLOURS}
    ),
    "drawn_both": Task(_ONE, (600, 100), _OF_BOTH),
}


def _load(task: Task, config: DataConfig) -> Dataset:
    digest, splits = hashlib.sha256(), {}
    for split in STREAMS:
        images, labels = task.pictures(split)
        digest.update(images.tobytes())
        digest.update(labels.tobytes())
        images = in_order(images, config.channel_order)
        splits[split] = Split(tuple(map(str, range(len(labels)))), labels, images)
    return Dataset(
        name=config.name,
        digest=digest.hexdigest(),
        train=splits["training"],
        validation=splits["validation"],
        spec=_spec(task),
        counts={
            name: counts_of(split.labels, len(set(task.classes.values())))
            for name, split in splits.items()
        },
    )


def _spec(task: Task) -> Spec:
    return Spec(channels=3, target=Classes(1 + max(task.classes.values())), image_size=SIZE)


SOURCES: dict[str, Source] = {
    name: Source(
        _spec(task),
        partial(_load, task),
        True,
        f"drawn figures of {len(set(task.classes.values()))} classes",
    )
    for name, task in TASKS.items()
}
