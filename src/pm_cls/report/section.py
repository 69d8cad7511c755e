"""What a section of the report is, and what all of them are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from pm_cls.records import baselines
from pm_cls.records.baselines import Baseline
from pm_cls.report.drawing import Draw
from pm_cls.report.published import causes, thesis
from pm_cls.report.runs import Record, grouped
from pm_cls.report.text import NOTHING, Language, Text

SYNTHETIC_MARK = Text(" on SYNTHETIC photographs", "（合成照片）")
SETTINGS_MARK = Text(", with other settings than the thesis'", "（设置与论文不同）")
SECTIONS_FOLDER = Path(__file__).with_name("sections")
UNOFFICIAL_MARK = Text(", not on the official photographs", "（非官方照片）")


@dataclass(frozen=True)
class Material:
    """What the report is made of.

    Attributes:
        runs: every finished run, by experiment and seed.
        left_out: by name a sentence on each folder that holds none.
        thesis: the runs of the thesis' experiments with the seeds that are looked for.
        shown: those and every other run with such a seed that is none of the experiments on causes,
            which have a section of their own.
        seeds: which each row of the thesis should have.
        causes: the experiments on causes, of any seed.
        baselines: on any data.
    """

    runs: list[Record]
    left_out: Mapping[str, Text]
    thesis: list[Record]
    shown: list[Record]
    seeds: tuple[int, ...]
    causes: causes.Found
    baselines: list[Baseline]

    @property
    def has_study(self) -> bool:
        """Whether there is a run of the thesis or on causes."""
        return bool(self.thesis or self.causes.experiments)

    @property
    def experiments(self) -> dict[str, list[Record]]:
        """The runs that are shown, those of the thesis' experiments first, in its order."""
        found = grouped(self.shown, lambda run: run.experiment)
        first = [name for name in thesis.experiments() if name in found]
        return {name: found[name] for name in dict.fromkeys([*first, *found])}


def gather(
    runs: list[Record], left_out: Mapping[str, Text], seeds: int | None, baselines_file: Path
) -> Material:
    """Sort out which run is shown where.

    Args:
        seeds: of each experiment seeds 0 to this less one are shown; default: all that are there.
    """
    names, on_causes = thesis.experiments(), causes.find(runs)
    inside = {run.name for one in on_causes.experiments for run in one.runs}
    wanted = [run for run in runs if seeds is None or run.seed < seeds]
    ours = [run for run in wanted if run.experiment in names]
    looked_for = {run.seed for run in ours} if seeds is None else range(seeds)
    return Material(
        runs=runs,
        left_out=left_out,
        thesis=ours,
        shown=[run for run in wanted if run.experiment in names or run.name not in inside],
        seeds=tuple(sorted(looked_for)),
        causes=on_causes,
        baselines=baselines.read(baselines_file),
    )


def marks(runs: list[Record]) -> Text:
    """Words that belong in the title of every table and figure of these runs."""
    found = NOTHING
    if any(run.is_synthetic for run in runs):
        found += SYNTHETIC_MARK
    if any(run.experiment in thesis.experiments() and thesis.deviations(run) for run in runs):
        found += SETTINGS_MARK
    if any(not run.is_synthetic and not run.is_official for run in runs):
        found += UNOFFICIAL_MARK
    return found


@dataclass(frozen=True)
class Content:
    """What a section has to say.

    Attributes:
        told: what its template shows, there called `it`; None leaves it out of the page.
        files: texts by file name. A section always gives the same, if need be without a row.
        figures: by name; each becomes NAME.svg and NAME.png, and svg("NAME") in the template.
        page_figures: the same for the page alone.
        tables: by name, table("NAME") in the template.
    """

    told: object | None
    files: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Draw] = field(default_factory=dict)
    page_figures: Mapping[str, Draw] = field(default_factory=dict)
    tables: Mapping[str, Callable[[Language], Markup]] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        name: of its place on the page, and of its template, NAME.html.j2 in `folder`.
        title: in the navigation.
    """

    name: str
    title: Text
    make: Callable[[Material], Content]
    folder: Path = SECTIONS_FOLDER
