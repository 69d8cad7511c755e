"""Writes table, claims and records as Markdown, CSV, LaTeX and JSON. Computes only percent."""

from collections.abc import Sequence
from pathlib import Path

from pm_cls.analysis import Analysis, Pair, Scored
from pm_cls.causes import Experiment, change_words
from pm_cls.claims import Claim
from pm_cls.files import csv_text, write_json, write_text
from pm_cls.language import Text
from pm_cls.results import Run, Table, TableRow
from pm_cls.stats import Summary

CSV_COLUMNS = (
    "row", "experiment", "network", "activation", "epochs", "dataset", "thesis_accuracy",
    "thesis_loss", "accuracy", "loss", "accuracy_difference", "loss_difference", "n_runs",
    "n_images", "source",
)  # fmt: skip
RECORD_COLUMNS = (
    "experiment", "seed", "epoch", "dataset", "n", "correct", "accuracy", "loss", "auc", "commit",
)  # fmt: skip
INTERVAL_COLUMNS = (
    "row", "experiment", "epochs", "score", "n_runs", "mean", "sd", "mean_low", "mean_high",
    "new_run_low", "new_run_high",
)  # fmt: skip
SCORE_COLUMNS = (
    "experiment", "seed", "epoch", "data", "n", "correct", "accuracy", "wilson_low", "wilson_high",
    "loss", "auc", "auc_low", "auc_high", "true_positive", "false_negative", "false_positive",
    "true_negative", "sensitivity", "specificity", "distinct_n", "distinct_correct",
    "distinct_accuracy", "distinct_loss", "distinct_auc",
)  # fmt: skip
PAIR_COLUMNS = (
    "epoch", "first", "second", "n_seeds", "difference", "low", "high", "paired_t_p", "seed",
    "only_first", "only_second", "mcnemar_p",
)  # fmt: skip
CAUSE_COLUMNS = (
    "experiment", "seed", "group", "activation", "image_size", "changes", "images", "updates_epoch",
    "epochs", "left_at_epoch", "left_after_updates", "train_loss", "accuracy",
)  # fmt: skip
CLAIM_COLUMNS = ("statement", "section", "verdict", "evidence")
TITLE = "Table 1 of the thesis beside our runs"
HEADER = (
    "row", "network", "activation", "epochs", "thesis accuracy %", "our accuracy %", "SD",
    "new run", "difference", "thesis loss ×100", "our loss ×100", "difference", "seeds", "images",
    "data", "thesis' source",
)  # fmt: skip
WORDS = ("network", "activation", "seeds", "data", "thesis' source")  # the rest are numbers


def write_tables(table: Table, folder: Path) -> None:
    """Write table1.md, table1.csv, table1.tex and intervals.csv."""
    write_text(folder / "table1.md", markdown(table))
    write_text(
        folder / "table1.csv", csv_text(CSV_COLUMNS, map(_digits, map(_csv_row, table.rows)))
    )
    write_text(folder / "table1.tex", latex(table))
    rows = [cells for row in table.rows for cells in _interval_rows(row)]
    write_text(folder / "intervals.csv", csv_text(INTERVAL_COLUMNS, map(_digits, rows)))


def write_claims(claims: Sequence[Claim], marks: Text, folder: Path) -> None:
    """Write claims.json and claims.md."""
    keys = ("id", "statement", "section", "rule", "evidence", "verdict")
    entries = [{key: _english(getattr(claim, key)) for key in keys} for claim in claims]
    write_json(folder / "claims.json", entries)
    lines = [
        f"# What the thesis states, and what our runs say{marks.en}", "", _pipes(CLAIM_COLUMNS),
        _pipes(["---"] * len(CLAIM_COLUMNS)),
        *(_pipes([_english(getattr(claim, name)) for name in CLAIM_COLUMNS]) for claim in claims),
        "",
        "The rules and their thresholds stand in src/pm_cls/claims.yaml.",
    ]  # fmt: skip
    write_text(folder / "claims.md", "\n".join(lines) + "\n")


def write_analysis(analysis: Analysis, folder: Path) -> None:
    """Write scores.csv, a line a run, epoch and set of images, and pairs.csv."""
    scores = [_score_row(one) for one in (*analysis.scored, *analysis.elsewhere)]
    write_text(folder / "scores.csv", csv_text(SCORE_COLUMNS, map(_digits, scores)))
    pairs = [_pair_row(pair) for pair in analysis.pairs]
    write_text(folder / "pairs.csv", csv_text(PAIR_COLUMNS, map(_digits, pairs)))


def write_causes(experiments: Sequence[Experiment], folder: Path) -> None:
    """Write causes.csv, a line a run; the losses and accuracies are those of the last epoch."""
    rows = []
    for one in experiments:
        for run, left in zip(one.runs, one.left, strict=True):
            last = run.epochs[-1]
            rows.append([
                one.name, run.seed, one.group, one.activation, one.image_size, change_words(one),
                one.images, one.updates, one.limit, left,
                None if left is None else left * one.updates, last["train_loss"],
                last["validation_correct"] / last["validation_n"],
            ])  # fmt: skip
    write_text(folder / "causes.csv", csv_text(CAUSE_COLUMNS, map(_digits, rows)))


def write_records(found: Sequence[Run], path: Path) -> None:
    """Write one line for each reported epoch of each run."""
    rows = [
        [run.experiment, run.seed, epoch, run.dataset, s.n, s.correct, s.accuracy, s.loss, s.auc,
         run.commit]
        for run in found
        for epoch, s in run.scores.items()
    ]  # fmt: skip
    write_text(path, csv_text(RECORD_COLUMNS, map(_digits, rows)))


def markdown(table: Table) -> str:
    """The table as people read it: percent, loss ×100, `–` where there is nothing."""
    lines = [
        f"# {TITLE}{table.marks.en}",
        "",
        _pipes(HEADER),
        _pipes(["---" if name in WORDS else "---:" for name in HEADER]),
    ]
    lines += [_pipes(_cells(row, table)) for row in table.rows]
    lines += ["", *(f"- {note.en}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A `table` as wide as the text, for `booktabs` and `graphicx`; the notes follow as text."""
    columns = "".join("l" if name in WORDS else "r" for name in HEADER)
    body = [" & ".join(map(_escape, _cells(row, table))) + r" \\" for row in table.rows]
    lines = [
        r"\begin{table}", r"\centering",
        rf"\caption{{{_escape(TITLE + table.marks.en)}}}",
        r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
        " & ".join(map(_escape, HEADER)) + r" \\", r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}}", "", _escape(" ".join(note.en for note in table.notes)), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cells(row: TableRow, table: Table) -> list[str]:
    thesis = row.thesis
    return [
        str(thesis.row), thesis.network, thesis.activation, str(thesis.epochs),
        hundred(thesis.accuracy), hundred(row.accuracy), *_spread(row.of_accuracy),
        hundred(row.accuracy_difference, "+"),
        hundred(thesis.loss), hundred(row.loss), hundred(row.loss_difference, "+"),
        f"{row.n_runs} of {len(table.seeds)}", "–" if row.n_images is None else str(row.n_images),
        row.dataset, thesis.source,
    ]  # fmt: skip


def _spread(summary: Summary | None) -> tuple[str, str]:
    """The SD, and the prediction interval of one new run."""
    if summary is None or summary.new_interval is None:
        return "–", "–"
    low, high = summary.new_interval
    return hundred(summary.sd), f"{hundred(low)} to {hundred(min(high, 1.0))}"


def _interval_rows(row: TableRow) -> list[list[object]]:
    rows: list[list[object]] = []
    for score, summary in (("accuracy", row.of_accuracy), ("loss", row.of_loss)):
        if summary is None:
            continue
        ends = [*(summary.mean_interval or (None, None)), *(summary.new_interval or (None, None))]
        where = [row.thesis.row, row.thesis.experiment, row.thesis.epochs, score]
        rows.append([*where, summary.n, summary.mean, summary.sd, *ends])
    return rows


def _score_row(one: Scored) -> list[object]:
    s, counts, distinct = one.scores, one.confusion, one.distinct
    row: list[object] = [
        one.run.experiment,
        one.run.seed,
        one.epoch,
        one.data,
        s.n,
        s.correct,
        s.accuracy,
    ]
    row += [*one.wilson, s.loss, s.auc, *(one.auc_interval or (None, None))]
    row += (
        [None] * 6
        if counts is None
        else [
            counts.true_positive, counts.false_negative, counts.false_positive,
            counts.true_negative, counts.sensitivity, counts.specificity,
        ]
    )  # fmt: skip
    if distinct is None:
        return [*row, *[None] * 5]
    return [*row, distinct.n, distinct.correct, distinct.accuracy, distinct.loss, distinct.auc]


def _pair_row(pair: Pair) -> list[object]:
    test, mcnemar = pair.paired_t, pair.mcnemar
    of_seeds: list[object] = [1, None, None, None, None]
    if test is not None:
        of_seeds = [test.n, test.difference, *test.interval, test.p]
    return [
        pair.epoch, pair.first, pair.second, *of_seeds, pair.seed, mcnemar.only_first,
        mcnemar.only_second, mcnemar.p,
    ]  # fmt: skip


def hundred(fraction: float | None, sign: str = "") -> str:
    """A fraction in percent, or a loss ×100, with two digits; `–` where there is none."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return "–" if fraction is None else f"{round(100 * fraction, 2) + 0.0:{sign}.2f}"


def _csv_row(row: TableRow) -> list[object]:
    thesis = row.thesis
    return [
        thesis.row, thesis.experiment, thesis.network, thesis.activation, thesis.epochs,
        row.dataset, thesis.accuracy, thesis.loss, row.accuracy, row.loss,
        row.accuracy_difference, row.loss_difference, row.n_runs, row.n_images, thesis.source,
    ]  # fmt: skip


def _digits(cells: Sequence[object]) -> list[object]:
    """Floats with nine digits: versions of NumPy and SciPy differ in the last bits."""
    return [f"{cell:.9g}" if isinstance(cell, float) else cell for cell in cells]


def _english(value: object) -> str:
    return value.en if isinstance(value, Text) else str(value)


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    text = text.replace("\\", "/")
    for character in "&%$#_{}":
        text = text.replace(character, "\\" + character)
    text = text.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")
    return text.replace("×", r"$\times$").replace("–", "--").replace("`", "")
