"""Writes table, claims and records as Markdown, CSV, LaTeX and JSON. Computes only percent."""

from collections.abc import Sequence
from pathlib import Path

from pm_cls.claims import Claim
from pm_cls.files import csv_text, write_json, write_text
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


def write_claims(claims: Sequence[Claim], marks: str, folder: Path) -> None:
    """Write claims.json and claims.md."""
    keys = ("id", "statement", "section", "rule", "evidence", "verdict")
    entries = [{key: getattr(claim, key) for key in keys} for claim in claims]
    write_json(folder / "claims.json", entries)
    lines = [
        f"# What the thesis states, and what our runs say{marks}", "", _pipes(CLAIM_COLUMNS),
        _pipes(["---"] * len(CLAIM_COLUMNS)),
        *(_pipes([str(getattr(claim, name)) for name in CLAIM_COLUMNS]) for claim in claims), "",
        "The rules and their thresholds stand in src/pm_cls/claims.yaml.",
    ]  # fmt: skip
    write_text(folder / "claims.md", "\n".join(lines) + "\n")


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
        f"# {TITLE}{table.marks}",
        "",
        _pipes(HEADER),
        _pipes(["---" if name in WORDS else "---:" for name in HEADER]),
    ]
    lines += [_pipes(_cells(row, table)) for row in table.rows]
    lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A `table` as wide as the text, for `booktabs` and `graphicx`; the notes follow as text."""
    columns = "".join("l" if name in WORDS else "r" for name in HEADER)
    body = [" & ".join(map(_escape, _cells(row, table))) + r" \\" for row in table.rows]
    lines = [
        r"\begin{table}", r"\centering",
        rf"\caption{{{_escape(TITLE + table.marks)}}}",
        r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
        " & ".join(map(_escape, HEADER)) + r" \\", r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}}", "", _escape(" ".join(table.notes)), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cells(row: TableRow, table: Table) -> list[str]:
    thesis = row.thesis
    return [
        str(thesis.row), thesis.network, thesis.activation, str(thesis.epochs),
        _hundred(thesis.accuracy), _hundred(row.accuracy), *_spread(row.of_accuracy),
        _hundred(row.accuracy_difference, "+"),
        _hundred(thesis.loss), _hundred(row.loss), _hundred(row.loss_difference, "+"),
        f"{row.n_runs} of {len(table.seeds)}", "–" if row.n_images is None else str(row.n_images),
        row.dataset, thesis.source,
    ]  # fmt: skip


def _spread(summary: Summary | None) -> tuple[str, str]:
    """The SD, and the prediction interval of one new run."""
    if summary is None or summary.new_interval is None:
        return "–", "–"
    low, high = summary.new_interval
    return _hundred(summary.sd), f"{_hundred(low)} to {_hundred(min(high, 1.0))}"


def _interval_rows(row: TableRow) -> list[list[object]]:
    rows: list[list[object]] = []
    for score, summary in (("accuracy", row.of_accuracy), ("loss", row.of_loss)):
        if summary is None:
            continue
        ends = [*(summary.mean_interval or (None, None)), *(summary.new_interval or (None, None))]
        where = [row.thesis.row, row.thesis.experiment, row.thesis.epochs, score]
        rows.append([*where, summary.n, summary.mean, summary.sd, *ends])
    return rows


def _hundred(fraction: float | None, sign: str = "") -> str:
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


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    text = text.replace("\\", "/")
    for character in "&%$#_{}":
        text = text.replace(character, "\\" + character)
    text = text.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")
    return text.replace("×", r"$\times$").replace("–", "--").replace("`", "")
