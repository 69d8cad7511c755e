"""Score the stored weights of finished runs, on the validation images or on other photographs.

    python -m pm_cls.evaluate --run runs/lenet7_relu/seed0
    python -m pm_cls.evaluate --run runs/*/seed* --data FOLDER --labels FILE.csv
    python -m pm_cls.evaluate --run runs/lenet9_relu/seed* --ensemble average

With labels, what comes out is kept beside each run as evaluations/NAME.json and .csv, and the
report shows it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pm_cls.config import SYNTHETIC, DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.photographs import external
from pm_cls.records import evaluations, predictions, result
from pm_cls.records.predictions import Predictions
from pm_cls.runtime import device as devices
from pm_cls.runtime.command import (
    add_device,
    add_labels,
    add_runs,
    check_labels,
    new_parser,
    run_command,
)
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import writing
from pm_cls.runtime.paths import typed_path
from pm_cls.runtime.verbs import callable_as
from pm_cls.scores.ensembles import KINDS
from pm_cls.scores.metrics import Scores

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run


@dataclass(frozen=True)
class Evaluated:
    """What a run came to on some images.

    Attributes:
        folder, epoch: of the run, and whose weights answered; of an ensemble those of the first.
        data: the name of the images.
        predictions, scores: of them.
        notes: what a reader has to know, as whole sentences.
        members: how many answered together.
    """

    folder: Path
    epoch: int
    data: str
    predictions: Predictions
    scores: Scores
    notes: tuple[str, ...] = ()
    members: int = 1


@dataclass(frozen=True)
class Together:
    """How runs answer together; see `pm_cls.models.ensemble.Ensemble`."""

    kind: str
    snapshots: bool = False
    flips: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("evaluate", __doc__)
    add_runs(parser)
    parser.add_argument(
        "--data",
        type=typed_path,
        metavar="FOLDER",
        help="where the data lie, if not where the run was trained; with --labels: other ones",
    )
    add_labels(parser)
    parser.add_argument(
        "--ensemble",
        choices=KINDS,
        help="score the runs as one: mean of their probabilities, votes, or weighed by a "
        "regression on the training images that all have held out",
    )
    parser.add_argument(
        "--snapshots",
        action="store_true",
        help="with --ensemble: every reported epoch of a run is a member",
    )
    parser.add_argument(
        "--flips",
        action="store_true",
        help="with --ensemble: the mean over each image and its mirror image",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    check_labels(args, "--data", args.data if args.labels else None)
    if args.ensemble is None and (args.snapshots or args.flips):
        raise UsageError("--snapshots and --flips go with --ensemble")
    together = Together(args.ensemble, args.snapshots, args.flips) if args.ensemble else None
    found = _evaluated(
        args.run, args.data, args.labels, name=args.name, device=args.device, together=together
    )
    for one in found:
        for note in one.notes:
            print(note)
        area = "undefined" if one.scores.auc is None else f"{one.scores.auc:.4f}"
        who = f"{one.folder}  epoch {one.epoch:3d}"
        if together is not None:
            who = f"{together.kind} of {one.members} answers"
        print(
            f"{who}  {one.data}  accuracy "
            f"{100 * one.scores.accuracy:.2f}% ({one.scores.correct} of {one.scores.n})  "
            f"loss {one.scores.loss:.4f}  AUC {area}",
            flush=True,
        )


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
        labels: a CSV with the columns `file` and `label` (1 pathological, 0 not).
        name: what to call those photographs; default: their folder.
        ensemble: `average`, `vote` or `stacking`: the runs answer together.
        snapshots, flips: of the ensemble; see `pm_cls.models.ensemble.Ensemble`.

    Raises:
        UsageError: a run or its weights are missing or damaged, no network takes photographs, a
            folder cannot be written, or holds scores of other photographs under this name.
        DataError: photographs or labels are missing or bad (all are listed).
    """
    folders = [run] if isinstance(run, str | Path) else run
    together = Together(ensemble, snapshots, flips) if ensemble is not None else None
    found = _evaluated(folders, data, labels, name=name, device=device, together=together)
    return list(found)


def _evaluated(
    folders: Sequence[str | Path],
    data: str | Path | None,
    labels: str | Path | None,
    *,
    name: str | None,
    device: str,
    together: Together | None,
) -> Iterator[Evaluated]:
    devices.prepare(device)
    from pm_cls.models.classifier import Run

    runs = [Run.read(Path(folder)) for folder in folders]
    if together is not None:
        yield _of_ensemble(runs, together, data, labels, name)
    elif labels is None:
        for one in runs:
            yield from _on_validation(one, None if data is None else str(data))
    elif data is None:
        raise UsageError("labels need the folder of their photographs too")
    else:
        yield from _on_external(runs, Path(data), Path(labels), name)


def _of_ensemble(
    runs: "Sequence[Run]",
    together: Together,
    data: str | Path | None,
    labels: str | Path | None,
    name: str | None,
) -> Evaluated:
    """The runs as one, on the validation images or, with labels, on photographs from elsewhere."""
    from pm_cls.models.ensemble import Ensemble

    one = Ensemble(runs, together.kind, snapshots=together.snapshots, flips=together.flips)
    config, notes = one.config.data, []
    if labels is None and data is not None:
        config = config.model_copy(update={"root": str(data)})
    if labels is None or one.kind == "stacking":
        dataset = load_dataset(config)
    if one.kind == "stacking":
        notes.append(f"note: fitted on {one.fit(dataset)} training images that all have held out")
    if labels is None:
        split, what = dataset.validation, f"validation images of {dataset.name}"
    elif data is None:
        raise UsageError("labels need the folder of their photographs too")
    else:
        other = external.load(Path(data), Path(labels), config, name)
        split, what = other.split, other.name
        notes += _described(other)
    found = Predictions(split.names, split.labels, one.logits(split.images), one.spec.target)
    first, answers = runs[0], len(one.runs)
    return Evaluated(first.folder, first.epoch, what, found, found.scores(), tuple(notes), answers)


def _on_validation(run: "Run", root: str | None) -> Iterator[Evaluated]:
    """Each reported epoch, and whether the stored predictions came out again."""
    from pm_cls.models.classifier import Run

    config = run.config.data
    dataset = load_dataset(config if root is None else config.model_copy(update={"root": root}))
    split, folder = dataset.validation, run.folder
    same_data = dataset.digest == result.read(folder).data_digest
    for epoch in run.config.train.report_epochs:
        logits = Run(folder, run.config, epoch).logits(split.images)
        found = Predictions(split.names, split.labels, logits, dataset.spec.target)
        stored = predictions.file(folder, epoch)
        note = _compare(stored, logits) if same_data else "other data than the run's"
        data = f"validation images of {dataset.name}"
        yield Evaluated(folder, epoch, data, found, found.scores(), (f"note: {note}",))


def _on_external(
    runs: "Sequence[Run]", root: Path, labels: Path, name: str | None
) -> Iterator[Evaluated]:
    """The last reported epoch of each run on photographs from elsewhere; kept beside the run."""
    loaded: dict[DataConfig, external.External] = {}
    notes: list[str] = []
    for run in runs:
        if not run.spec.of_photographs:
            notes.append(
                f"{run.folder}: {run.config.model.name} does not classify photographs; left out"
            )
            continue
        if run.config.data not in loaded:
            loaded[run.config.data] = external.load(root, labels, run.config.data, name)
            if len(loaded) == 1:
                notes += _described(loaded[run.config.data])
        data = loaded[run.config.data]
        target = run.spec.target
        if data.split.labels.max() >= max(target.outputs, 2):
            raise UsageError(f"{run.folder}: knows no label {data.split.labels.max()}")
        found = Predictions(
            data.split.names, data.split.labels, run.logits(data.split.images), target
        )
        file = evaluations.file(run.folder, data.name)
        if file.is_file() and evaluations.read_facts(file).data_digest != data.digest:
            raise UsageError(f"{file} has the scores of other photographs; --name names these")
        facts = evaluations.Evaluation(
            data.name, data.dataset, data.digest, data.repeated, run.epoch
        )
        with writing(file):
            evaluations.write(run.folder, facts, found)
        yield Evaluated(run.folder, run.epoch, data.name, found, found.scores(), tuple(notes))
        notes = []
    if not loaded:
        raise UsageError("--run names no run of a network that classifies photographs")


def _described(data: external.External) -> Iterator[str]:
    mark = " (SYNTHETIC)" if data.dataset == SYNTHETIC else ""
    yield f"{len(data.split.labels)} photographs of {data.name}{mark}"
    if data.ignored:
        yield f"note: {data.ignored} more photographs in the folder have no label and are left out"
    if data.repeated:
        groups = ", ".join(" = ".join(group) for group in data.repeated)
        yield f"note: {len(data.repeated)} photographs stand more than once: {groups}"
    yield from (f"note: {note}" for note in data.notes)


def _compare(stored: Path, logits: np.ndarray) -> str:
    try:
        before = predictions.read(stored).logits
    except (OSError, ValueError, LookupError) as error:
        raise UsageError(f"{stored}: cannot be read ({error})")
    if before.shape != logits.shape:
        raise UsageError(f"{stored}: holds {before.shape} logits; {logits.shape} are needed")
    largest = float(np.abs(logits - before).max())
    if largest == 0:
        return "bit for bit the stored predictions"
    return f"logits differ from the stored ones by up to {largest:.1e}"


callable_as(evaluate)

if __name__ == "__main__":
    sys.exit(run_command(main))
