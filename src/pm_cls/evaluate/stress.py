"""A run on the validation photographs under changes of camera and operator: `evaluate --stress`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pm_cls.data import load_dataset
from pm_cls.data.photographs.stress import STRENGTHS, WITHOUT_STRENGTH, Cell, cells, changed
from pm_cls.records import stress as records
from pm_cls.records.stress import Stressed
from pm_cls.report.text import Language
from pm_cls.runtime import journal
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import writing
from pm_cls.scores import metrics
from pm_cls.scores.target import Binary

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run
    from pm_cls.report.drawing import Figure

FIGURE = "stress.png"
NO_CHANGE = Cell("none", 0)


def stress(run: "Run", root: str | None, strengths: Sequence[int] = STRENGTHS) -> list[Stressed]:
    """Score a run under each change in these strengths, and keep it beside the run.

    A test that was stopped or killed goes on where it was.

    Args:
        root: where the data lie, if not where the run was trained.

    Raises:
        UsageError: its network does not answer yes or no to photographs.
        DataError: the photographs are missing or bad.
    """
    if not run.spec.of_photographs or run.spec.target != Binary():
        raise UsageError(
            f"{run.folder}: the stress test is for networks that answer yes or no to photographs"
        )
    config = run.config.data
    dataset = load_dataset(config if root is None else config.model_copy(update={"root": root}))
    images, labels = np.ascontiguousarray(dataset.validation.images), dataset.validation.labels
    todo = [NO_CHANGE, *cells(strengths)]
    names = [f"{cell.change} {cell.strength}" for cell in todo]
    asked = journal.digest(run.files, (run.epoch, dataset.digest), names)
    with writing(run.folder), journal.opened(run.folder / records.FILE, asked, names) as answers:
        left = zip(names[answers.done :], todo[answers.done :], strict=True)
        shown = tqdm(left, "stress", len(todo), False, initial=answers.done, disable=None)
        for name, cell in shown:
            answers.add([{"name": name, **asdict(_scored(run, cell, images, labels))}])
        found = [Stressed(**{k: v for k, v in one.items() if k != "name"}) for one in answers]
        records.write(run.folder, found)
        draw(found, run.folder / FIGURE)
    return found


def _scored(run: "Run", cell: Cell, images: np.ndarray, labels: np.ndarray) -> Stressed:
    if cell != NO_CHANGE:
        order = slice(None, None, -1 if run.config.data.channel_order == "bgr" else 1)
        images = np.ascontiguousarray(changed(images[:, order], cell)[:, order])
    logits = run.logits(images)
    scored = metrics.scores(logits, labels, Binary())
    at_threshold = None
    if run.calibration is not None:
        answers = run.calibration.probabilities(logits[:, 0]) >= run.calibration.threshold
        at_threshold = int((answers == labels).sum())
    return Stressed(
        cell.change, cell.strength, run.epoch, scored.n, scored.correct, at_threshold, scored.auc
    )


def lines(found: Sequence[Stressed]) -> Iterator[str]:
    """A table of the AUC, a line a change, and the mean and the worst of each strength."""
    by_change = {one.change: {} for one in found}  # type: dict[str, dict[int, Stressed]]
    for one in found:
        by_change[one.change][one.strength] = one
    yield f"{'AUC at strength':18}" + "".join(f"{s:>8}" for s in STRENGTHS)
    for change, by_strength in by_change.items():
        if change == "none":
            continue
        cells = [by_strength.get(s) for s in STRENGTHS]
        shown = ["" if one is None else _fraction(one.auc) for one in cells]
        yield f"{change:18}" + "".join(f"{cell:>8}" for cell in shown)
    changes = [one for one in found if one.strength > 0]
    for strength in sorted({one.strength for one in changes}):
        chosen = [one for one in changes if one.strength == strength]
        yield f"strength {strength}: {summary(chosen)}"


def summary(found: Sequence[Stressed]) -> str:
    """Mean and worst AUC and accuracy of some cells, in words."""
    known = [one for one in found if one.auc is not None]
    if not known:
        return "the AUC is undefined: the photographs are of one class"
    worst = min(known, key=lambda one: one.auc or 0)
    accuracy = min(found, key=lambda one: one.best_known)
    return (
        f"AUC {np.mean([one.auc for one in known]):.3f} on the mean, {worst.auc:.3f} at worst "
        f"({worst.change}); accuracy {100 * np.mean([o.best_known for o in found]):.1f}% and "
        f"{100 * accuracy.best_known:.1f}% ({accuracy.change})"
    )


def draw(found: Sequence[Stressed], path: Path) -> None:
    """The AUC as a heat map, a row a change, a column a strength."""
    from pm_cls.report import drawing

    drawing.save_png(partial(_heat_map, found), path)


def _heat_map(found: Sequence[Stressed], language: Language) -> "Figure":
    from pm_cls.report.drawing import Figure

    changes = list(dict.fromkeys(one.change for one in found if one.change != "none"))
    values = np.full((len(changes), len(STRENGTHS)), np.nan)
    for one in found:
        if one.change != "none" and one.auc is not None:
            columns = slice(None) if one.change in WITHOUT_STRENGTH else one.strength - 1
            values[changes.index(one.change), columns] = one.auc
    figure = Figure(figsize=(5.2, 0.24 * len(changes) + 1.0), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(values, cmap="RdYlGn", vmin=0.5, vmax=1, aspect="auto")
    for row, column in np.argwhere(np.isfinite(values)):
        axes.text(column, row, f"{values[row, column]:.3f}", ha="center", va="center", fontsize=6)
    axes.set_xticks(range(len(STRENGTHS)), list(map(str, STRENGTHS)))
    axes.set_yticks(range(len(changes)), changes, fontsize=7)
    axes.set_xlabel("strength")
    figure.colorbar(shown, label="AUC")
    return figure


def _fraction(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
