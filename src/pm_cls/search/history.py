"""What came out of a search: its trials as a table and a figure, the best setting as a config."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pm_cls.config import Config
from pm_cls.presentation import drawing
from pm_cls.presentation.text import Language, Text
from pm_cls.runtime.files import csv_text, write_text, writing
from pm_cls.search.ranges import said


def write(
    stem: Path,
    numbers: Sequence[int],
    losses: Sequence[float],
    values: Sequence[Mapping[str, object]],
    best: Config,
) -> None:
    """Write `stem`.csv, `stem`.png, `stem`.svg and `stem`-best.yaml.

    Args:
        numbers, losses, values: of each trial that came to an end.
    """
    rows = [
        [number, f"{loss:.6g}", *map(said, each.values())]
        for number, loss, each in zip(numbers, losses, values, strict=True)
    ]
    with writing(stem):
        header = ["trial", "held_out_loss", *values[0]]
        write_text(stem.with_name(f"{stem.name}.csv"), csv_text(header, rows))
        write_text(stem.with_name(f"{stem.name}-best.yaml"), best.to_yaml())
        drawing.save(partial(draw, numbers, losses), stem)


def draw(
    numbers: Sequence[int], losses: Sequence[float], language: Language = "en"
) -> drawing.Figure:
    """The held-out loss of each trial, and the least so far."""
    figure = drawing.Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    least = [min(losses[: i + 1]) for i in range(len(losses))]
    a_trial, best = Text("a trial", "单次试验"), Text("best so far", "当前最优")
    axes.plot(numbers, losses, "o", color=drawing.PALETTE[0], label=a_trial.of(language))
    axes.step(numbers, least, where="post", color=drawing.PALETTE[2], label=best.of(language))
    axes.set_xlabel(Text("trial", "试验").of(language))
    axes.set_ylabel(Text("held-out loss", "留出图像上的损失").of(language))
    drawing.plain(axes)
    axes.legend(frameon=False)
    return figure
