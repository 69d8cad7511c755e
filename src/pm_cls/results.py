"""Records on disk -> the figures of each run -> the rows of the table beside the thesis.

Every score is computed anew from the stored predictions; logs are never read.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from pm_cls import metrics, runs, stats, thesis
from pm_cls.config import Config, load_config
from pm_cls.errors import UsageError
from pm_cls.files import read_json
from pm_cls.inspection import looks
from pm_cls.inspection.looks import Looks
from pm_cls.language import Text

SYNTHETIC_NOTE = Text(
    "SYNTHETIC photographs were drawn by a program. The figures show that the chain works and say "
    "nothing about the thesis, so no difference is given.",
    "合成照片由程序绘制。这些数值只表明流程可以运行，与论文结论无关，因此不给出差值。",
)
EPOCH_KEYS = ("epoch", "train_loss", "validation_loss", "validation_correct", "validation_n")


@dataclass(frozen=True)
class Elsewhere:
    """The predictions of a run on other data than it was made for, as `evaluate` left them."""

    epoch: int
    dataset: str
    digest: str
    predictions: runs.Predictions


@dataclass(frozen=True)
class LayerLine:
    """A line of inspection/gradients.csv; see `pm_cls.inspection.gradients.LayerState`."""

    epoch: int
    update: int
    layer: str
    gradient_norm: float
    saturated: float | None


@dataclass(frozen=True)
class Run:
    """A finished run as it was read back.

    `environment` is environment.json, `epochs` the lines of metrics.jsonl; `predictions` and
    `scores` are by reported epoch, `elsewhere` by the name of the data; `layers` is empty and
    `looks` None where `inspect` was not called.
    """

    folder: Path
    experiment: str
    seed: int
    dataset: str
    commit: str | None
    dirty: bool | None
    config: Config
    environment: dict[str, Any]
    epochs: list[dict[str, float]]
    predictions: dict[int, runs.Predictions]
    scores: dict[int, metrics.Scores]
    elsewhere: dict[str, Elsewhere]
    layers: list[LayerLine] = field(default_factory=list)
    looks: Looks | None = None

    @property
    def data(self) -> dict[str, Any]:
        """What environment.json says of the data."""
        return self.environment["data"]


@dataclass(frozen=True)
class TableRow:
    """A result of the thesis beside the mean of our runs; None where there is nothing to say.

    `of_accuracy` and `of_loss` have the spread over the runs.
    """

    thesis: thesis.ThesisRow
    dataset: str
    accuracy: float | None
    loss: float | None
    accuracy_difference: float | None
    loss_difference: float | None
    n_runs: int
    n_images: int | None
    of_accuracy: stats.Summary | None = None
    of_loss: stats.Summary | None = None


@dataclass(frozen=True)
class Table:
    """The eleven rows, the runs in them, the seeds looked for, and what a reader has to know.

    `marks` are words that belong in the title of every table and figure: SYNTHETIC, for one.
    """

    marks: Text
    runs: list[Run]
    rows: list[TableRow]
    seeds: tuple[int, ...]
    notes: list[Text]


def read_runs(runs_dir: Path) -> tuple[list[Run], dict[str, Text]]:
    """Read all runs below a folder.

    Returns:
        The finished runs by experiment and seed, and by name (`alexnet/seed0`) a sentence on each
        folder that was left out.
    """
    found: list[Run] = []
    problems: dict[str, Text] = {}
    for folder in sorted(runs_dir.glob("*/seed*")):
        name = f"{folder.parent.name}/{folder.name}"
        if not runs.is_finished(folder):
            problems[name] = Text(
                f"{name} is not finished and was left out.", f"{name} 尚未完成，未计入。"
            )
            continue
        try:
            found.append(_read_run(folder))
        except (OSError, LookupError, ValueError, TypeError, AttributeError, UsageError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            problems[name] = Text(
                f"{name} is damaged and was left out ({reason:.120}).",
                f"{name} 已损坏，未计入（{reason:.120}）。",
            )
    return sorted(found, key=lambda run: (run.experiment, run.seed)), problems


def _read_run(folder: Path) -> Run:
    result = read_json(folder / runs.RESULT)
    predictions, scores = {}, {}
    for epoch, stored in result["epochs"].items():
        found = runs.read_predictions(runs.predictions_file(folder, int(epoch)))
        score = metrics.scores(found.logits, found.labels)
        predictions[int(epoch)], scores[int(epoch)] = found, score
        if (score.correct, score.n) != (stored["correct"], stored["n"]):
            raise ValueError(f"the predictions of epoch {epoch} do not give the stored counts")
    experiment, seed = result["experiment"], result["seed"]
    if (folder.parent.name, folder.name) != (experiment, f"seed{seed}"):
        raise ValueError(f"it says that it is {experiment}, seed {seed}")
    config = load_config(folder / runs.CONFIG)
    environment = read_json(folder / runs.ENVIRONMENT)
    if not isinstance(environment["data"], dict):
        raise ValueError(f"{runs.ENVIRONMENT} says nothing of the data")
    epochs = [{key: float(line[key]) for key in EPOCH_KEYS} for line in runs.read_metrics(folder)]
    if [line["epoch"] for line in epochs] != list(range(1, config.train.epochs + 1)):
        raise ValueError(f"metrics.jsonl does not hold the epochs 1 to {config.train.epochs}")
    return Run(
        folder=folder,
        experiment=experiment,
        seed=seed,
        dataset=result["dataset"],
        commit=result["commit"],
        dirty=result["dirty"],
        config=config,
        environment=environment,
        epochs=epochs,
        predictions=predictions,
        scores=scores,
        elsewhere=dict(map(_read_elsewhere, sorted(folder.glob(runs.EVALUATIONS)))),
        layers=list(_read_layers(folder / runs.GRADIENTS)),
        looks=looks.read(folder),
    )


def _read_layers(file: Path) -> Iterator[LayerLine]:
    if not file.is_file():
        return
    with file.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            yield LayerLine(
                int(line["epoch"]), int(line["update"]), line["layer"],
                float(line["gradient_norm"]),
                float(line["saturated"]) if line["saturated"] else None,
            )  # fmt: skip


def _read_elsewhere(file: Path) -> tuple[str, Elsewhere]:
    stored = read_json(file)
    predictions = runs.read_predictions(file.with_suffix(".csv"))
    return file.stem, Elsewhere(
        stored["epoch"], stored["dataset"], stored["data_digest"], predictions
    )


def build_table(
    found: Sequence[Run], problems: Mapping[str, Text], seeds: Iterable[int] | None = None
) -> Table:
    """Put our runs beside the thesis.

    Args:
        found: finished runs; those of experiments that are not the thesis' stay outside.
        problems: by name a sentence on each run that was left out, as of `read_runs`.
        seeds: the seeds that each row should have; default: all that any of ours has.
    """
    experiments = {row.experiment for row in thesis.rows()}
    ours = [run for run in found if run.experiment in experiments]
    wanted = tuple(sorted({run.seed for run in ours} if seeds is None else set(seeds)))
    chosen = [run for run in ours if run.seed in wanted]
    rows = [_table_row(row, chosen) for row in thesis.rows()]
    notes = [
        Text(
            "Accuracy is counted over all validation images; loss is the mean cross-entropy. "
            "With several seeds both are means over the runs; the SD (n - 1) and the 95% "
            "prediction interval of one new run (t, cut at 100) are of the accuracy; "
            "intervals.csv has more.",
            "准确率按全部验证图像计数；损失为平均交叉熵。有多个随机种子时，二者均为各次运行的平均值；"
            "标准差（n - 1）和一次新运行的 95% 预测区间（t 分布，上限截至 100）针对准确率；"
            "更多数值见 intervals.csv。",
        ),
        Text(
            "Rows 9 to 11 are not in the thesis' Table 1; its text states them.",
            "第 9 至 11 行不在论文的表 1 中，而见于正文。",
        ),
    ]
    marks = Text("", "")
    if any(run.dataset == runs.SYNTHETIC for run in chosen):
        marks += Text(" on SYNTHETIC photographs", "（合成照片）")
        notes.append(SYNTHETIC_NOTE)
    if deviating := _deviation_notes(chosen):
        marks += Text(", with other settings than the thesis'", "（设置与论文不同）")
        notes += deviating
    notes += _missing_notes(chosen, wanted)
    notes += [problems[name] for name in problems if name.partition("/")[0] in experiments]
    notes += _commit_notes(chosen)
    if unofficial := _data_notes(chosen):
        marks += Text(", not on the official photographs", "（非官方照片）")
        notes += unofficial
    return Table(marks, chosen, rows, wanted, notes)


def _table_row(row: thesis.ThesisRow, found: Sequence[Run]) -> TableRow:
    ours = [run for run in found if run.experiment == row.experiment and row.epochs in run.scores]
    if not ours:
        return TableRow(row, row.dataset, None, None, None, None, 0, None)
    of_accuracy = stats.summarise([run.scores[row.epochs].accuracy for run in ours])
    of_loss = stats.summarise([run.scores[row.epochs].loss for run in ours])
    accuracy, loss = of_accuracy.mean, of_loss.mean
    together = all(is_comparable(run) for run in ours)
    return TableRow(
        thesis=row,
        dataset=" and ".join(sorted({run.dataset for run in ours})),
        accuracy=accuracy,
        loss=loss,
        accuracy_difference=accuracy - row.accuracy if together else None,
        loss_difference=loss - row.loss if together else None,
        n_runs=len(ours),
        n_images=ours[0].scores[row.epochs].n,
        of_accuracy=of_accuracy,
        of_loss=of_loss,
    )


def is_comparable(run: Run) -> bool:
    """Whether a run may be held against the thesis: same data, official, and same settings."""
    same_data = run.dataset == _thesis_row(run).dataset and is_official(run)
    return same_data and not deviations(run)


def _thesis_row(run: Run) -> thesis.ThesisRow:
    """The first row of a run's experiment; its rows differ in epochs and results alone."""
    return next(row for row in thesis.rows() if row.experiment == run.experiment)


def is_official(run: Run) -> bool:
    """Whether the data are those of the thesis, all of them; MNIST's record does not say."""
    return run.dataset != runs.SYNTHETIC and run.data.get("official") is not False


def deviations(run: Run) -> list[str]:
    """In words, each setting of a run that is not that of its rows in the thesis."""
    words = []
    for key, stated in thesis.settings(_thesis_row(run)).items():
        ours = attrgetter(key)(run.config)
        if ours != stated:
            words.append(f"`{key}` is {ours} instead of {stated}")
    return words


def _deviation_notes(found: Sequence[Run]) -> list[Text]:
    texts = {words: None for run in found for words in deviations(run)}
    if not texts:
        return []
    words = "; ".join(texts)
    return [
        Text(
            f"Other settings than the thesis' or its tutorial's: {words}.",
            f"与论文或其教程不同的设置：{words}。",
        )
    ]


def _missing_notes(found: Sequence[Run], seeds: Sequence[int]) -> list[Text]:
    notes = []
    there = {(run.experiment, run.seed) for run in found}
    for experiment in dict.fromkeys(row.experiment for row in thesis.rows()):
        missing = [seed for seed in seeds if (experiment, seed) not in there]
        if missing:
            have, which = len(seeds) - len(missing), ", ".join(map(str, missing))
            notes.append(
                Text(
                    f"Missing runs: {experiment} ({have} of {len(seeds)} seeds; missing: seed "
                    f"{which}).",
                    f"缺少的运行：{experiment}（{len(seeds)} 个随机种子中有 {have} 个；"
                    f"缺少种子 {which}）。",
                )
            )
    return notes


def _commit_notes(found: Sequence[Run]) -> list[Text]:
    by_commit: dict[str, list[str]] = {}
    for run in found:
        later = [part["commit"] for part in run.environment.get("resumed", [])]
        commits = dict.fromkeys((commit or "unknown")[:12] for commit in (run.commit, *later))
        commit = " then ".join(commits) + (" with changes" if run.dirty else "")
        by_commit.setdefault(commit, []).append(f"{run.experiment} seed {run.seed}")
    if len(by_commit) > 1:
        parts = "; ".join(f"{commit} ({', '.join(names)})" for commit, names in by_commit.items())
        return [
            Text(
                f"The runs are of differing commits: {parts}.", f"各次运行来自不同的提交：{parts}。"
            )
        ]
    return [
        Text(f"All runs are of commit {commit}.", f"全部运行来自提交 {commit}。")
        for commit in by_commit
    ]


def _data_notes(found: Sequence[Run]) -> list[Text]:
    unofficial = {
        str(run.data.get("counts"))
        for run in found
        if run.dataset != runs.SYNTHETIC and not is_official(run)  # these have a mark of their own
    }
    return [
        Text(f"Not the official set of photographs: {counts}.", f"不是官方的照片集：{counts}。")
        for counts in sorted(unofficial)
    ]
