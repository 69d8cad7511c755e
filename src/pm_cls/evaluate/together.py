"""Several runs as one: `evaluate --ensemble`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.data import load_dataset
from pm_cls.data.photographs import external
from pm_cls.evaluate.outcome import OTHER_DATA, Evaluated, described, note_synthetic
from pm_cls.records.predictions import Predictions
from pm_cls.runtime.errors import UsageError

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run


@dataclass(frozen=True)
class Together:
    """How runs answer together; see `pm_cls.models.ensemble.Ensemble`."""

    kind: str
    snapshots: bool = False
    flips: bool = False


def of_ensemble(
    runs: "Sequence[Run]",
    together: Together,
    data: str | Path | None,
    labels: str | Path | None,
    name: str | None,
) -> Evaluated:
    """The runs as one, on the validation images or, with labels, on photographs from elsewhere."""
    from pm_cls.models.ensemble import Ensemble

    places = [run.folder.resolve() for run in runs]
    if twice := next((place for place in places if places.count(place) > 1), None):
        raise UsageError(f"--run {twice}: is named twice; name each run once")
    one = Ensemble(runs, together.kind, snapshots=together.snapshots, flips=together.flips)
    config, notes = runs[0].data_at(data if labels is None else None), []
    if labels is None or one.kind == "stacking":
        dataset = load_dataset(config)
        for run in runs:
            run.check_validation(dataset, config.root)
            if one.kind == "stacking":
                run.check_data(dataset, config.root)
            elif not run.is_of(dataset):
                notes.append(f"note: {run.folder}: {OTHER_DATA}")
    notes += [note_synthetic(run) for run in runs if labels is not None and run.is_synthetic]
    if any(run.calibration is not None for run in runs):
        notes.append("note: answered at one half; a threshold stored with a run is of it alone")
    if one.kind == "stacking":
        notes.append(f"note: fitted on {one.fit(dataset)} training images that all have held out")
    if labels is None or data is None:
        split, what = dataset.validation, f"validation images of {dataset.name}"
    elif not one.spec.of_photographs:
        raise UsageError(f"{one.folder}: its networks do not classify photographs")
    else:
        other = external.load(Path(data), Path(labels), config, name)
        split, what = other.split, other.name
        notes += described(other)
    found = Predictions(split.names, split.labels, one.logits(split.images), one.spec.target)
    first, answers = runs[0], len(one.runs)
    return Evaluated(first.folder, first.epoch, what, found, found.scores(), tuple(notes), answers)
