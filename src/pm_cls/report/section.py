"""What a section of the report is, and what all of them are made of."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from markupsafe import Markup

from pm_cls.presentation import drawing
from pm_cls.presentation.drawing import Draw
from pm_cls.presentation.text import NOTHING, Language, Text
from pm_cls.records import baselines, networks
from pm_cls.records.baselines import Baseline
from pm_cls.records.networks import Network
from pm_cls.report.published import causes, statements, studies
from pm_cls.report.published.studies import thesis
from pm_cls.report.runs import Record, grouped

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
        studies: by study the runs of its experiments with the seeds that are looked for.
        shown: those of the thesis and every other run with such a seed that is neither of another
            study, of the techniques nor of the experiments on causes, which have sections of their
            own.
        seeds: by study those that each of its rows should have.
        causes: the experiments on causes, of any seed.
        baselines: on any data.
        networks: what those of the experiments cost, where it is known.
    """

    runs: list[Record]
    left_out: Mapping[str, Text]
    studies: Mapping[str, list[Record]]
    shown: list[Record]
    seeds: Mapping[str, tuple[int, ...]]
    causes: causes.Found
    baselines: list[Baseline]
    networks: list[Network]

    @property
    def thesis(self) -> list[Record]:
        return self.studies[thesis().name]

    @property
    def reported(self) -> list[Record]:
        """All that are shown, and those of the other studies."""
        others = (self.studies[study.name] for study in studies.others())
        return [*self.shown, *(run for ours in others for run in ours)]

    @property
    def has_study(self) -> bool:
        """Whether there is a run of the thesis or on causes."""
        return bool(self.thesis or self.causes.experiments)

    @property
    def experiments(self) -> dict[str, list[Record]]:
        """The runs that are shown, those of the thesis' experiments first, in its order."""
        found = grouped(self.shown, lambda run: run.experiment)
        first = [name for name in thesis().names if name in found]
        return {name: found[name] for name in dict.fromkeys([*first, *found])}

    @property
    def reported_experiments(self) -> dict[str, list[Record]]:
        """As `experiments`, and after them those of the other studies."""
        return self.experiments | grouped(self.reported, lambda run: run.experiment)


def gather(
    runs: list[Record], left_out: Mapping[str, Text], seeds: int | None, out: Path
) -> Material:
    """Sort out which run is shown where.

    Args:
        out: where files may lie that are read too: baselines.csv, networks.csv.
        seeds: of each experiment seeds 0 to this less one are shown; default: all that are there.
    """
    on_causes = causes.find(runs)
    wanted = [run for run in runs if seeds is None or run.seed < seeds]
    by_study = {study.name: study.runs(wanted) for study in studies.every()}
    inside = {run.name for one in on_causes.experiments for run in one.runs}
    inside |= {run.name for study in studies.others() for run in by_study[study.name]}
    inside |= {run.name for run in statements.stated().of_techniques(runs)}
    of_thesis = by_study[thesis().name]
    looked_for = {
        name: _usual_seeds(ours) if seeds is None else range(seeds)
        for name, ours in by_study.items()
    }
    return Material(
        runs=runs,
        left_out=left_out,
        studies=by_study,
        shown=[run for run in wanted if run in of_thesis or run.name not in inside],
        seeds={name: tuple(found) for name, found in looked_for.items()},
        causes=on_causes,
        baselines=baselines.read(out / baselines.FILE),
        networks=networks.read(out / networks.FILE),
    )


def _usual_seeds(runs: Sequence[Record]) -> list[int]:
    """Those that at least half of the experiments have; one that fewer have is not missed."""
    of_experiments = [
        {run.seed for run in ours} for ours in grouped(runs, lambda run: run.experiment).values()
    ]
    counts = Counter(seed for seeds in of_experiments for seed in seeds)
    return sorted(seed for seed, n in counts.items() if 2 * n >= len(of_experiments))


def marks(runs: list[Record]) -> Text:
    """Words that belong in the title of every table and figure of these runs."""
    found = NOTHING
    if any(run.is_synthetic for run in runs):
        found += SYNTHETIC_MARK
    if any((study := studies.of(run.experiment)) and study.deviations(run) for run in runs):
        found += SETTINGS_MARK
    if any(not run.is_synthetic and not run.is_official for run in runs):
        found += UNOFFICIAL_MARK
    return found


@dataclass(frozen=True)
class Content:
    """What a section has to say.

    Attributes:
        told: what its template shows, there called `it`; None leaves it out of the page.
        files: texts by file name. A section always names the same; None: there is none, nor that of
            other runs.
        figures: by name; each becomes NAME.svg and NAME.png, and svg("NAME") in the template.
        page_figures: the same for the page alone.
        tables: by name, table("NAME") in the template.
    """

    told: object | None
    files: Mapping[str, str | None] = field(default_factory=dict)
    figures: Mapping[str, Draw] = field(default_factory=dict)
    page_figures: Mapping[str, Draw] = field(default_factory=dict)
    tables: Mapping[str, Callable[[Language], Markup]] = field(default_factory=dict)


def marked(content: Content, runs: list[Record]) -> Content:
    """With the `marks` of the runs as the title of each figure that has none."""
    words = marks(runs)
    if words == NOTHING:
        return content
    title = Text(words.en.strip(" ,"), words.zh)

    def titled(figures: Mapping[str, Draw]) -> dict[str, Draw]:
        return {name: partial(drawing.titled, draw, title) for name, draw in figures.items()}

    return replace(
        content, figures=titled(content.figures), page_figures=titled(content.page_figures)
    )


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        name: of its place on the page.
        title: in the navigation.
        template: in `folder`; NAME.html.j2 where none is named.
    """

    name: str
    title: Text
    make: Callable[[Material], Content]
    folder: Path = SECTIONS_FOLDER
    template: str = ""
