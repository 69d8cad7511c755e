"""One run after the other, on its validation images or on photographs from elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.photographs import external
from pm_cls.evaluate import worth
from pm_cls.evaluate.outcome import OTHER_DATA, Evaluated, described, note_synthetic
from pm_cls.records import evaluations, folder, predictions
from pm_cls.records.predictions import Predictions
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.files import writing

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run


def on_validation(run: "Run", root: str | None) -> Iterator[Evaluated]:
    """Each reported epoch, and whether the stored predictions came out again."""
    from pm_cls.models.classifier import Run

    try:
        dataset = load_dataset(run.data_at(root))
    except DataError as error:
        if root is None:
            raise
        raise DataError(f"{error}\nwith labels (a CSV of file,label) any photographs are scored")
    run.check_validation(dataset, root)
    split = dataset.validation
    for epoch in run.config.train.report_epochs:
        there = Run(run.folder, run.config, epoch)
        logits, known = there.logits(split.images), there.calibration
        found = Predictions(split.names, split.labels, logits, dataset.spec.target)
        stored = predictions.file(run.folder, epoch)
        note = _compare(stored, logits) if run.is_of(dataset) else OTHER_DATA
        data = f"validation images of {dataset.name}"
        told = () if known is None else tuple(worth.lines(found, known, None))
        yield Evaluated(
            run.folder, epoch, data, found, found.scores(), (f"note: {note}",), worth=told
        )


def on_external(
    runs: "Sequence[Run]", root: Path, labels: Path, name: str | None
) -> Iterator[Evaluated]:
    """The last reported epoch of each run on photographs from elsewhere; kept beside the run."""
    loaded: dict[DataConfig, external.External] = {}
    able = [run for run in runs if run.spec.of_photographs]
    if not able:
        raise UsageError("--run names no run of a network that classifies photographs")
    if (name or root.resolve().name) == evaluations.OWN:
        raise UsageError(
            f"`{evaluations.OWN}` is what a run's own images are called; --name can name these"
        )
    notes = [
        f"{run.folder}: {run.config.model.name} does not classify photographs; left out"
        for run in runs
        if run not in able
    ]
    for run in able:
        if run.config.data not in loaded:
            loaded[run.config.data] = external.load(root, labels, run.config.data, name)
            if len(loaded) == 1:
                notes += described(loaded[run.config.data])
        data = loaded[run.config.data]
        if data.split.labels.max() >= max(run.spec.target.outputs, 2):
            raise UsageError(f"{run.folder}: knows no label {data.split.labels.max()}")
        logits, unlike = run.looked_at(data.split.images)
        found = Predictions(data.split.names, data.split.labels, logits, run.spec.target)
        file = evaluations.file(run.folder, data.name)
        facts = evaluations.Evaluation(
            data.name, data.dataset, data.digest, data.repeated, run.epoch
        )
        with writing(file), folder.locked(run.folder):
            if file.is_file() and evaluations.read_facts(file).data_digest != data.digest:
                raise UsageError(
                    f"{file} has the scores of other photographs; --name gives these another name"
                )
            evaluations.write(run.folder, facts, found)
        told = tuple(worth.lines(found, run.calibration, unlike))
        if run.is_synthetic:
            notes.append(note_synthetic(run))
        yield Evaluated(
            run.folder, run.epoch, data.name, found, found.scores(), tuple(notes), worth=told
        )
        notes = []


def _compare(stored: Path, logits: np.ndarray) -> str:
    try:
        before = predictions.read(stored).logits
    except (OSError, ValueError, LookupError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{stored}: cannot be read ({reason}); train the run anew with --restart")
    if before.shape != logits.shape:
        raise UsageError(f"{stored}: holds {before.shape} logits; {logits.shape} are needed")
    largest = float(np.abs(logits - before).max())
    if largest == 0:
        return "bit for bit the stored predictions"
    return f"logits differ from the stored ones by up to {largest:.1e}"
