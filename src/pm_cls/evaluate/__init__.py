"""Finished runs -> scores: each alone, all together, or under changes of camera and operator."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pm_cls.evaluate.alone import on_external, on_validation
from pm_cls.evaluate.outcome import Evaluated
from pm_cls.evaluate.together import Together, of_ensemble
from pm_cls.runtime import device as devices
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.verbs import callable_as


def evaluate(
    run: str | Path | Sequence[str | Path],
    data: str | Path | None = None,
    labels: str | Path | None = None,
    *,
    name: str | None = None,
    device: str = "auto",
    ensemble: str | None = None,
    snapshots: bool = False,
    flips: bool = False,
) -> list[Evaluated]:
    """Score finished runs: each reported epoch on the validation images, or, with labels, the last
    one on other photographs, which is kept beside the run. As an ensemble they are scored once, and
    nothing is kept.

    Args:
        run: folders of finished runs, one or many.
        data: where the data lie, if not where the run was trained; with labels: a folder of
            photographs from elsewhere.
        labels: a CSV with the columns `file` and `label` (1 pathological, 0 not; of a
            run with classes of its own the name of the class).
        name: what to call those photographs; default: their folder.
        ensemble: `average`, `vote` or `stacking`: the runs answer together.
        snapshots, flips: of the ensemble; see `pm_cls.models.ensemble.Ensemble`.

    Raises:
        UsageError: a run or its weights are missing or damaged, no network takes photographs, a
            folder cannot be written, or holds scores of other photographs under this name; or what
            is asked for does not go together.
        DataError: photographs or labels are missing or bad (the first ones are listed).
        RunError: the disk is full, or a network answers with NaN or infinity.
    """
    folders = [run] if isinstance(run, str | Path) else run
    if ensemble is None and (snapshots or flips):
        raise UsageError("snapshots and flips go with an ensemble")
    if name is not None and labels is None:
        raise UsageError("name goes with labels: what to call those photographs")
    together = Together(ensemble, snapshots, flips) if ensemble is not None else None
    found = evaluated(folders, data, labels, name=name, device=device, together=together)
    return list(found)


def evaluated(
    folders: Sequence[str | Path],
    data: str | Path | None,
    labels: str | Path | None,
    *,
    name: str | None,
    device: str,
    together: Together | None,
) -> Iterator[Evaluated]:
    if labels is not None and data is None:
        raise UsageError("labels need the folder of their photographs too")
    devices.prepare(device)
    from pm_cls.models.classifier import Run

    runs = [Run.read(Path(folder)) for folder in folders]
    if together is not None:
        yield of_ensemble(runs, together, data, labels, name)
    elif labels is None:
        for one in runs:
            yield from on_validation(one, None if data is None else str(data))
    elif data is not None:
        yield from on_external(runs, Path(data), Path(labels), name)


callable_as(evaluate)
