"""Records on disk -> the figures of each run -> the rows of the table beside the thesis.

Every score is computed anew from the stored predictions; logs are never read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from pm_cls import metrics, runs, thesis

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Run:
    """A finished run as it was read back; `scores` by reported epoch."""

    folder: Path
    experiment: str
    seed: int
    dataset: str
    commit: str | None
    dirty: bool | None
    config: dict[str, Any]
    environment: dict[str, Any]
    epochs: list[dict[str, Any]]
    scores: dict[int, metrics.Scores]


@dataclass(frozen=True)
class TableRow:
    """A result of the thesis beside the mean of our runs; None where there is nothing to say."""

    thesis: thesis.ThesisRow
    dataset: str
    accuracy: float | None
    loss: float | None
    accuracy_difference: float | None
    loss_difference: float | None
    n_runs: int
    n_images: int | None


@dataclass(frozen=True)
class Table:
    """The eleven rows, the seeds that were looked for, and what a reader has to know.

    `marks` are words that belong in the title of every table and figure: SYNTHETIC, for one.
    """

    marks: str
    rows: list[TableRow]
    seeds: tuple[int, ...]
    notes: list[str]


def read_runs(runs_dir: Path) -> tuple[list[Run], list[str]]:
    """Read all runs below a folder.

    Returns:
        The finished runs by experiment and seed, and a sentence on each folder that was left out.
    """
    found, problems = [], []
    for folder in sorted(runs_dir.glob("*/seed*")):
        name = f"{folder.parent.name}/{folder.name}"
        if not runs.is_finished(folder):
            problems.append(f"{name} is not finished and was left out.")
            continue
        try:
            found.append(_read_run(folder))
        except (OSError, ValueError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            problems.append(f"{name} is damaged and was left out ({reason:.120}).")
    return sorted(found, key=lambda run: (run.experiment, run.seed)), problems


def _read_run(folder: Path) -> Run:
    result = runs.read_json(folder / runs.RESULT)
    scores = {}
    for epoch, stored in result["epochs"].items():
        _, labels, logits = runs.read_predictions(runs.predictions_file(folder, int(epoch)))
        scores[int(epoch)] = score = metrics.scores(logits, labels)
        if (score.correct, score.n) != (stored["correct"], stored["n"]):
            raise ValueError(f"the predictions of epoch {epoch} do not give the stored counts")
    return Run(
        folder=folder,
        experiment=result["experiment"],
        seed=result["seed"],
        dataset=result["dataset"],
        commit=result["commit"],
        dirty=result["dirty"],
        config=yaml.safe_load((folder / runs.CONFIG).read_text(encoding="utf-8")),
        environment=runs.read_json(folder / runs.ENVIRONMENT),
        epochs=runs.read_metrics(folder),
        scores=scores,
    )


def build_table(
    found: Sequence[Run], problems: Iterable[str] = (), seeds: Iterable[int] | None = None
) -> Table:
    """Put our runs beside the thesis.

    Args:
        found: finished runs, of any experiments.
        problems: sentences on runs that were left out.
        seeds: the seeds that each row should have; default: all that any run has.
    """
    wanted = tuple(sorted({run.seed for run in found} if seeds is None else set(seeds)))
    chosen = [run for run in found if run.seed in wanted]
    rows = [_table_row(row, chosen) for row in thesis.rows()]
    marks = " on SYNTHETIC photographs" if any(r.dataset == SYNTHETIC for r in chosen) else ""
    experiments = {row.experiment for row in thesis.rows()}
    deviations = _deviation_notes([run for run in chosen if run.experiment in experiments])
    if deviations:
        marks += ", with settings that are not the thesis'"
    notes = [
        "Accuracy is counted over all validation images; loss is the mean cross-entropy. "
        "With several seeds both are means over the runs.",
        "Rows 9 to 11 are not in the thesis' Table 1; its text states them.",
        *_synthetic_notes(chosen),
        *deviations,
        *_missing_notes(chosen, wanted),
        *problems,
        *_commit_notes(chosen),
        *_data_notes(chosen),
    ]
    return Table(marks, rows, wanted, notes)


def _table_row(row: thesis.ThesisRow, found: Sequence[Run]) -> TableRow:
    ours = [run for run in found if run.experiment == row.experiment and row.epochs in run.scores]
    if not ours:
        return TableRow(row, row.dataset, None, None, None, None, 0, None)
    accuracy = fmean(run.scores[row.epochs].accuracy for run in ours)
    loss = fmean(run.scores[row.epochs].loss for run in ours)
    comparable = all(run.dataset == row.dataset and not deviations(run) for run in ours)
    return TableRow(
        thesis=row,
        dataset=ours[0].dataset,
        accuracy=accuracy,
        loss=loss,
        accuracy_difference=accuracy - row.accuracy if comparable else None,
        loss_difference=loss - row.loss if comparable else None,
        n_runs=len(ours),
        n_images=ours[0].scores[row.epochs].n,
    )


def deviations(run: Run) -> dict[str, Any]:
    """Settings of a run that the thesis states otherwise, by dotted key."""
    stated = thesis.settings("mnist" if run.dataset == "mnist" else "ichallenge_pm")
    ours = {
        key: reduce(lambda part, name: part[name], key.split("."), run.config) for key in stated
    }
    return {key: value for key, value in ours.items() if value != stated[key]}


def _deviation_notes(found: Sequence[Run]) -> list[str]:
    texts = {
        f"`{key}` is {value}, in the thesis {thesis.settings('ichallenge_pm')[key]}"
        for run in found
        for key, value in deviations(run).items()
    }
    return [f"Not the thesis' settings: {'; '.join(sorted(texts))}."] if texts else []


def _synthetic_notes(found: Sequence[Run]) -> list[str]:
    if not any(run.dataset == SYNTHETIC for run in found):
        return []
    return [
        "SYNTHETIC photographs were drawn by a program. The figures show that the chain works and "
        "say nothing about the thesis, so no difference is given."
    ]


def _missing_notes(found: Sequence[Run], seeds: Sequence[int]) -> list[str]:
    notes = []
    there = {(run.experiment, run.seed) for run in found}
    for experiment in dict.fromkeys(row.experiment for row in thesis.rows()):
        missing = [seed for seed in seeds if (experiment, seed) not in there]
        if missing or not seeds:
            have = f"{len(seeds) - len(missing)} of {len(seeds)} seeds"
            which = f"; missing: seed {', '.join(map(str, missing))}" if missing else ""
            notes.append(f"Missing runs: {experiment} ({have}{which}).")
    return notes


def _commit_notes(found: Sequence[Run]) -> list[str]:
    by_commit: dict[str, list[str]] = {}
    for run in found:
        commit = (run.commit or "unknown")[:12] + (" with changes" if run.dirty else "")
        by_commit.setdefault(commit, []).append(f"{run.experiment} seed {run.seed}")
    if len(by_commit) > 1:
        parts = [f"{commit} ({', '.join(names)})" for commit, names in by_commit.items()]
        return [f"The runs are of differing commits: {'; '.join(parts)}."]
    return [f"All runs are of commit {commit}." for commit in by_commit]


def _data_notes(found: Sequence[Run]) -> list[str]:
    unofficial = {
        str(run.environment["data"]["counts"])
        for run in found
        if run.dataset != SYNTHETIC and run.environment["data"].get("official") is False
    }
    return [f"Not the official set of photographs: {counts}." for counts in sorted(unofficial)]
