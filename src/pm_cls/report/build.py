"""Finished runs -> sections -> files: tables, figures, pages, and a copy of the records."""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pm_cls.presentation import drawing
from pm_cls.presentation.text import Language, Text
from pm_cls.records import folder, predictions
from pm_cls.report import columns, page
from pm_cls.report import photographs as photograph_page
from pm_cls.report.published import statements, studies
from pm_cls.report.runs import Record, read_runs
from pm_cls.report.section import Content, gather, marked
from pm_cls.report.sections import SECTIONS, provenance
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import write_text, writing
from pm_cls.runtime.locks import shared_folder
from pm_cls.runtime.paths import OUT, OUT_SYNTHETIC

RECORDS = "records"


@dataclass(frozen=True)
class Report:
    """What a report says, and where.

    Attributes:
        summary: a table of the runs as Markdown: that of the thesis where there are runs of it,
            else those of other studies.
        tables: by study its table as Markdown, where there are runs of it.
        runs: all that were finished.
        left_out: by name (`alexnet/seed0`) a sentence on each folder that was not.
        out: the folder that was written.
        files: what was written in it, but for figures and records.
    """

    summary: str
    tables: Mapping[str, str]
    runs: list[Record]
    left_out: Mapping[str, Text]
    out: Path
    files: list[Path]

    @property
    def page(self) -> Path:
        """The report as one HTML file."""
        return self.out / page.FILE

    def summary_of(self, experiments: Collection[str]) -> str:
        """The tables of the studies that these are of; where they have none, a line a run."""
        found = [
            self.tables[study.name]
            for study in studies.every()
            if study.name in self.tables and not {*study.names}.isdisjoint(experiments)
        ]
        return "\n".join(found) or _lines(run for run in self.runs if run.experiment in experiments)


def build(
    runs_dir: Path,
    out: Path | None,
    seeds: int | None,
    *,
    language: Language,
    photographs: Path | None,
    roots: Mapping[str, str],
) -> Report:
    """Write a report; see `pm_cls.report.report`."""
    found, left_out = read_runs(runs_dir)
    if out is None:
        out = OUT_SYNTHETIC if any(run.is_synthetic for run in found) else OUT
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: cannot be written (it is a file; a folder is needed)")
    material = gather(found, left_out, seeds, out)
    techniques = statements.stated().of_techniques(found)
    if not (material.reported or material.causes.experiments or techniques):
        below = [] if found else folder.finished_below(runs_dir)
        raise UsageError(
            f"{runs_dir}: holds no finished run"
            + ("" if seeds is None else f" with a seed below {seeds}")
            + "; train first, or name the folder that holds <experiment>/seed<k>: --runs-dir"
            + "".join(f"\n  left out: {problem.en}" for problem in left_out.values())
            + (f"\n  {below[0].parents[1]} has some" if below else "")
        )
    pages = {}
    if photographs is not None or roots:  # first, as they may not be those that are needed
        text = photograph_page.render(material, photographs, roots, language)
        pages[photograph_page.FILE] = text
    contents = [(section, marked(section.make(material), found)) for section in SECTIONS]
    pages |= page.render(material, contents, language)
    files = {name: text for _, content in contents for name, text in content.files.items()}
    texts = {**dict.fromkeys(page.FILES), **files, **pages}
    with writing(out), shared_folder(out):
        if runs_dir.resolve() != (out / RECORDS).resolve():
            _mirror(found, out / RECORDS)
        for name, content in texts.items():
            if content is None:  # of other runs, or of another --lang
                (out / name).unlink(missing_ok=True)
            else:
                write_text(out / name, content)
        _draw([content for _, content in contents], out / "figures")
    written = [out / name for name, content in texts.items() if content is not None]
    tables = {
        study.name: files[f"{study.table}.md"] or ""
        for study in studies.every()
        if material.studies[study.name] or (study.is_thesis and material.has_study)
    }
    summary = "\n".join(tables.values()) or _lines(material.shown or techniques)
    if material.has_study:
        summary = tables[studies.thesis().name]
    return Report(summary, tables, found, left_out, out, written)


def _lines(runs: Iterable[Record]) -> str:
    return columns.markdown(provenance.CSV, provenance.lines(runs), is_aligned=False)


def _draw(contents: Sequence[Content], figures: Path) -> None:
    """Make the folder hold the figures, and none of other runs."""
    drawn = {
        file
        for content in contents
        for name, draw in content.figures.items()
        for file in drawing.save(draw, figures / name)
    }
    for stale in set(figures.glob("*.[sp][vn]g")) - drawn:
        stale.unlink()


def _mirror(found: Sequence[Record], records: Path) -> None:
    """Make `records` hold these runs without weights and logs, and no other finished run.

    Where the data lay on the machine is left out of their configs.
    """
    kept = set()
    for run in found:
        target = folder.run_folder(records, run.experiment, run.seed)
        kept.add(target)
        fresh = target.with_name(target.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            _copy(run, fresh)
            shutil.rmtree(target, ignore_errors=True)
            fresh.replace(target)
        finally:  # of a full disk
            shutil.rmtree(fresh, ignore_errors=True)
    for place in records.glob("*/seed*"):
        if folder.is_finished(place) and place not in kept:
            shutil.rmtree(place)
            if not any(place.parent.iterdir()):
                place.parent.rmdir()


def _copy(run: Record, fresh: Path) -> None:
    for file in run.files():
        copy = fresh / file.relative_to(run.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.name == folder.CONFIG:
            write_text(copy, folder.published_config(file))
        else:
            shutil.copyfile(file, copy)
    for file in run.answers():
        predictions.publish(file, fresh / file.relative_to(run.folder))
