"""A run on the validation photographs under changes of camera and operator: `evaluate --stress`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pm_cls.data import load_dataset
from pm_cls.data.photographs.stress import (
    CHANGES,
    STRENGTHS,
    WITHOUT_STRENGTH,
    Cell,
    cells,
    changed,
)
from pm_cls.data.photographs.views import resampled
from pm_cls.presentation.text import Language, fraction
from pm_cls.records import stress as records
from pm_cls.records.stress import Stressed
from pm_cls.runtime import journal
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import writing
from pm_cls.scores import metrics
from pm_cls.scores.calibration import right

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run
    from pm_cls.presentation.drawing import Figure

NO_CHANGE = Cell("none", 0)
AS_THEY_ARE = {"field_of_view": "as_it_is", "colour": "as_it_is", "channel_order": "rgb"}


def stress(run: "Run", root: str | None, strengths: Sequence[int] = STRENGTHS) -> list[Stressed]:
    """Score a run under each change in these strengths, and keep it beside the run.

    What is changed are the photographs, in the size that the network takes; the run crops them, and
    evens their colours, after that, as it would those of another camera.

    What is known of other strengths stays there. A test that was stopped or killed goes on
    where it was.

    Args:
        root: where the data lie, if not where the run was trained.

    Raises:
        UsageError: its network does not take photographs, or these are others than the run's.
        DataError: the photographs are missing or bad.
    """
    if not run.spec.of_photographs:
        raise UsageError(f"{run.folder}: the stress test is for networks that take photographs")
    dataset = load_dataset(run.data_at(root).model_copy(update=AS_THEY_ARE))
    run.check_data(dataset, root)
    images, labels = dataset.validation.images, dataset.validation.labels
    todo = [NO_CHANGE, *cells(strengths)]
    names = [f"{cell.change} {cell.strength}" for cell in todo]
    asked = journal.digest(run.files, (run.epoch, dataset.digest), names)
    with writing(run.folder), journal.opened(run.folder / records.FILE, asked, names) as answers:
        left = zip(names[answers.done :], todo[answers.done :], strict=True)
        shown = tqdm(left, "stress", len(todo), False, initial=answers.done, disable=None)
        for name, cell in shown:
            answers.add([{"name": name, **asdict(_scored(run, cell, images, labels))}])
        found = [Stressed(**{k: v for k, v in one.items() if k != "name"}) for one in answers]
        known = _beside(found, _before(run.folder))
        records.write(run.folder, known)
        draw(run, known, run.folder / records.FIGURE)
    return found


def _before(folder: Path) -> list[Stressed]:
    try:
        return records.read(folder)
    except (OSError, LookupError, ValueError, TypeError):  # damaged, and written anew
        return []


def _beside(found: Sequence[Stressed], before: Sequence[Stressed]) -> list[Stressed]:
    """These and those before of the same epoch, each cell once, in the order of all cells."""
    epoch, order = found[0].epoch, (NO_CHANGE.change, *CHANGES)
    kept = [one for one in before if one.epoch == epoch and one.change in order]
    known = {(order.index(one.change), one.strength): one for one in (*kept, *found)}
    return [known[place] for place in sorted(known)]


def _scored(run: "Run", cell: Cell, images: np.ndarray, labels: np.ndarray) -> Stressed:
    if cell != NO_CHANGE:
        images = changed(images, cell)
    logits = run.logits(resampled(images, run.config.data))
    scored, at_threshold = metrics.scores(logits, labels, run.spec.target), None
    if run.calibration is not None:
        at_threshold = int(right(run.calibration, run.spec.target, logits, labels).sum())
    return Stressed(
        cell.change, cell.strength, run.epoch, scored.n, scored.correct, at_threshold, scored.auc
    )


def lines(found: Sequence[Stressed]) -> Iterator[str]:
    """A table of AUC and accuracy, a line a change, and the mean and the worst of each strength."""
    by_change, strengths = _table(found)
    for one in found:
        if one.change == NO_CHANGE.change:
            yield f"{'as they are':18}{_cell(one):>15}"
    yield f"{'strength':18}" + "".join(f"{strength:>15}" for strength in strengths)
    for change, by_strength in by_change.items():
        cells = (by_strength.get(strength) for strength in strengths)
        yield f"{change:18}" + "".join(f"{_cell(one):>15}" for one in cells)
    where = "one half" if found[0].at_threshold is None else "the threshold stored with the run"
    yield f"In each cell: AUC, accuracy in percent at {where}."
    changes = [one for one in found if one.strength > 0]
    for strength in sorted({one.strength for one in changes}):
        chosen = [one for one in changes if one.strength == strength]
        yield f"strength {strength}: {summary(chosen)}"


def _table(found: Sequence[Stressed]) -> tuple[dict[str, dict[int, Stressed]], list[int]]:
    """Cells by change and strength, and the strengths; what has no strength is the same in all."""
    by_change: dict[str, dict[int, Stressed]] = {}
    for one in found:
        if one.change != NO_CHANGE.change:
            by_change.setdefault(one.change, {})[one.strength] = one
    graded = {name: by for name, by in by_change.items() if name not in WITHOUT_STRENGTH}
    strengths = sorted({strength for by in (graded or by_change).values() for strength in by})
    for name in by_change.keys() & WITHOUT_STRENGTH:
        by_change[name] = dict.fromkeys(strengths, *by_change[name].values())
    return by_change, strengths


def _cell(one: Stressed | None) -> str:
    return "" if one is None else f"{fraction(one.auc)} {100 * one.best_known:6.2f}"


def summary(found: Sequence[Stressed]) -> str:
    """Mean and worst AUC and accuracy of some cells, one or more, in words."""
    held = records.held(found)
    assert held is not None
    area, accuracy = held.worst_auc, held.worst_accuracy
    of_auc = "AUC undefined, as the photographs lack a class"
    if area is not None:
        of_auc = f"AUC {held.auc:.3f} on the mean, {area.auc:.3f} at worst ({area.change})"
    return (
        f"{of_auc}; accuracy {100 * held.accuracy:.2f}% and {100 * accuracy.best_known:.2f}% "
        f"({accuracy.change})"
    )


def draw(run: "Run", found: Sequence[Stressed], path: Path) -> None:
    """AUC and accuracy as heat maps, a row a change, a column a strength."""
    from pm_cls.presentation import drawing

    mark = " (SYNTHETIC)" if run.is_synthetic else ""
    title = f"{run.config.experiment}, seed {run.config.seed}: validation photographs{mark}"
    drawing.save_png(partial(_heat_maps, title, found), path)


def _heat_maps(title: str, found: Sequence[Stressed], language: Language) -> "Figure":
    from pm_cls.presentation.drawing import Figure

    by_change, strengths = _table(found)
    figure = Figure(figsize=(8.4, 0.24 * len(by_change) + 1.3), layout="constrained")
    figure.suptitle(title, fontsize=9)
    both = figure.subplots(1, 2, sharey=True)
    scores = (
        ("AUC", lambda one: one.auc, ".3f", 0.5, 1),
        ("accuracy %", lambda one: 100 * one.best_known, ".1f", 50, 100),
    )
    for axes, (name, score, form, low, high) in zip(both, scores, strict=True):
        cells = [[by.get(strength) for strength in strengths] for by in by_change.values()]
        values = np.array([[None if o is None else score(o) for o in row] for row in cells], float)
        shown = axes.imshow(values, cmap="RdYlGn", vmin=low, vmax=high, aspect="auto")
        for row, column in np.argwhere(np.isfinite(values)):
            text = format(values[row, column], form)
            axes.text(column, row, text, ha="center", va="center", fontsize=6)
        axes.set_xticks(range(len(strengths)), list(map(str, strengths)))
        axes.set_yticks(range(len(by_change)), list(by_change), fontsize=7)
        axes.set_xlabel("strength")
        figure.colorbar(shown, ax=axes, label=name)
    return figure
