"""A table's columns, each a name and how to get its cell, and how a table comes into a file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pm_cls.presentation.text import Language, Text, said
from pm_cls.runtime.files import csv_text

NONE = "–"  # where there is nothing, in what people read


def _as_it_is(value: object) -> object:
    return NONE if value is None else f"{value:.4g}" if isinstance(value, float) else value


@dataclass(frozen=True)
class Column:
    """A column of a table whose rows are objects.

    Attributes:
        path: of the cell within a row: attributes and indices, as `run.scores.5.accuracy`; where
            one on the way is None there is nothing.
        written: how people read it.
        is_words: words stand to the left, numbers to the right.
    """

    name: Text | str
    path: str
    written: Callable[..., object] = _as_it_is
    is_words: bool = False

    def cell(self, row: object) -> object:
        for part in self.path.split(".") if self.path else ():
            if row is None:
                return None
            row = row[int(part)] if part.lstrip("-").isdigit() else getattr(row, part)  # type: ignore[index]
        return row

    def text(self, row: object) -> object:
        return self.written(self.cell(row))


def words(english: str, chinese: str, path: str) -> Column:
    """A column of words."""
    return Column(Text(english, chinese), path, is_words=True)


def number(
    english: str, chinese: str, path: str, written: Callable[..., object] = _as_it_is
) -> Column:
    return Column(Text(english, chinese), path, written)


def plain(names: str) -> list[Column]:
    """Columns as they are, of `name=path name=path`; a name alone is its own path."""
    parts = (word.partition("=") for word in names.split())
    return [Column(name, path or name) for name, _, path in parts]


def csv(columns: Sequence[Column], rows: Iterable[object]) -> str:
    """As CSV, nothing for None; floats with nine digits: libraries differ in the last bits."""

    def digits(cell: object) -> object:
        return f"{cell:.9g}" if isinstance(cell, float) else said(cell, "en")

    lines = [[digits(column.cell(row)) for column in columns] for row in rows]
    return csv_text([str(said(column.name, "en")) for column in columns], lines)


def markdown(columns: Sequence[Column], rows: Iterable[object], is_aligned: bool = True) -> str:
    """As the lines of a Markdown table; not `is_aligned`: all to the left."""
    rule = ["---" if column.is_words or not is_aligned else "---:" for column in columns]
    lines = [[str(said(column.name, "en")) for column in columns], rule, *_cells(columns, rows)]
    cells = ([" ".join(cell.split()).replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def latex(columns: Sequence[Column], rows: Iterable[object], caption: str, notes: str) -> str:
    """A `table` as wide as the text, for `booktabs` and `graphicx`; the notes follow as text."""
    kinds = "".join("l" if column.is_words else "r" for column in columns)
    head, *body = (
        " & ".join(map(_escaped, line)) + r" \\"
        for line in [[str(said(column.name, "en")) for column in columns], *_cells(columns, rows)]
    )
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{_escaped(caption)}}}",
        r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", head,
        r"\midrule", *body, r"\bottomrule", r"\end{tabular}}", "", _escaped(notes), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def html(
    columns: Sequence[Column],
    rows: Iterable[object],
    language: Language,
    group: str | None = None,
) -> Markup:
    """As a table; a line of its own begins each value of the path `group`."""
    kinds = [Markup(' class="w"') if column.is_words else Markup() for column in columns]

    def line(tag: str, cells: Iterable[object]) -> Markup:
        one = Markup("<{0}{1}>{2}</{0}>")
        parts = (
            one.format(tag, kind, escape(said(cell, language)))
            for kind, cell in zip(kinds, cells, strict=True)
        )
        return Markup("<tr>{}</tr>\n").format(Markup().join(parts))

    lines = [line("th", (column.name for column in columns))]
    before: object = None
    for row in rows:
        if group is not None and (title := Column("", group).cell(row)) != before:
            before = title
            one = Markup('<tr><th class="w" colspan="{}">{}</th></tr>\n')
            lines.append(one.format(len(columns), said(title, language)))
        lines.append(line("td", (column.text(row) for column in columns)))
    return Markup('<div class="scroll"><table>\n{}</table></div>').format(Markup().join(lines))


def _cells(columns: Sequence[Column], rows: Iterable[object]) -> list[list[str]]:
    return [[str(said(column.text(row), "en")) for column in columns] for row in rows]


def _escaped(text: str) -> str:
    text = text.replace("\\", "/")
    for character in "&%$#_{}":
        text = text.replace(character, "\\" + character)
    text = text.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")
    return text.replace("×", r"$\times$").replace("–", "--").replace("`", "")
