"""The report as one HTML file: `page.html.j2` filled with what the other modules computed.

It needs no network and no script; figures are part of it. Each sentence of the template stands
there in both languages.
"""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from pm_cls import drawing, figures, metrics
from pm_cls.analysis import Analysis, experiments, looked_into
from pm_cls.baselines import NAMES
from pm_cls.causes import GROUPS, Experiment, change_words, explain, inspected, left_words
from pm_cls.claims import VERDICTS, Claim
from pm_cls.data.folders import walk
from pm_cls.data.images import SUFFIXES, BadPhotograph, read_photograph
from pm_cls.errors import DataError
from pm_cls.inspection import looks, pictures
from pm_cls.inspection.probes import PROBES
from pm_cls.language import LANGUAGES, Language, Text
from pm_cls.results import Run, Table
from pm_cls.runs import SYNTHETIC
from pm_cls.silence import silence
from pm_cls.tables import hundred

FILE = "report.html"
FILES = (FILE, *(f"report.{language}.html" for language in LANGUAGES))
PHOTOGRAPHS_FILE = "report-photographs.html"
MOST_PHOTOGRAPHS = 48
THUMBNAIL_SIDE = 224


def render(
    table: Table,
    claims: list[Claim],
    analysis: Analysis,
    causes_found: list[Experiment],
    language: Language,
) -> dict[str, str]:
    """The report in each language, by file name: FILE in the chosen one."""
    names = {each: FILE if each == language else f"report.{each}.html" for each in LANGUAGES}
    return {
        names[each]: _fill(
            "page.html.j2",
            each,
            others=[(LANGUAGES[other], names[other]) for other in LANGUAGES if other != each],
            table=table,
            claims=_by_verdict(claims),
            n_claims=len(claims),
            analysis=analysis,
            experiments=experiments(table),
            causes={
                words: [one for one in causes_found if one.group == group]
                for group, words in GROUPS.items()
            },
            explanation=explain(causes_found),
            left_words=left_words,
            change_words=change_words,
            figures=_figures(table, analysis, causes_found, each),
            provenance=_provenance(table),
            baseline_names=NAMES,
            probes=PROBES,
            quartiles=_quartiles,
        )
        for each in LANGUAGES
    }


def render_photographs(table: Table, folder: Path, language: Language) -> dict[str, str]:
    """The photographs that most runs get wrong, from a folder of them, by file name.

    With them, where it is kept, what each network looks at on photographs.

    Runs that give one answer for all photographs do not count.

    Raises:
        DataError: one that is to be shown is not in the folder, or cannot be read.
    """
    wrong: Counter[str] = Counter()
    labels: dict[str, int] = {}
    counted: list[Run] = []
    for run in table.runs:
        found = run.predictions[max(run.predictions)]
        answers = metrics.predicted_labels(found.logits)
        if found.logits.shape[1] != 1 or len(np.unique(answers)) == 1:
            continue
        counted.append(run)
        labels |= dict(zip(found.names, map(int, found.labels), strict=True))
        wrong.update(np.array(found.names)[answers != found.labels].tolist())
    worst = sorted(wrong, key=lambda name: (-wrong[name], name))[:MOST_PHOTOGRAPHS]
    files = {path.name: path for path in walk(folder) if path.suffix.lower() in SUFFIXES}
    absent = [name for name in worst if name not in files]
    if absent:
        raise DataError(f"--photographs {folder}: holds no {', '.join(absent[:5])}")
    shown = [
        {
            "name": name,
            "label": labels[name],
            "wrong": wrong[name],
            "image": _thumbnail(files[name]),
        }
        for name in worst
    ]
    text = _fill(
        "photographs.html.j2",
        language,
        shown=shown,
        n_runs=len(counted),
        table=table,
        pictures=_pictures(table, language),
    )
    return {PHOTOGRAPHS_FILE: text}


def _fill(template: str, language: Language, **content: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pm_cls", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(
        language=language,
        say=lambda english, chinese: Text(english, chinese).of(language),
        of=lambda text: text.of(language),
        hundred=hundred,
        verdicts=VERDICTS,
        SYNTHETIC=SYNTHETIC,
        **content,
    )


def _by_verdict(claims: list[Claim]) -> dict[str, list[Claim]]:
    groups = {verdict: [c for c in claims if c.verdict == verdict] for verdict in VERDICTS}
    return {verdict: group for verdict, group in groups.items() if group}


def _figures(
    table: Table, analysis: Analysis, causes_found: list[Experiment], language: Language
) -> dict[str, Any]:
    svg = drawing.inline_svg
    drawn: dict[str, Any] = {
        "curves": {
            name: svg(f"curve {name}", figures.learning_curve, table, name, language)
            for name in experiments(table)
        },
        "reliability": {
            name: svg(f"reliability {name}", figures.reliability, found, language)
            for name, found in analysis.reliability.items()
        },
    }
    if any(one.group == "size" for one in causes_found):
        drawn["causes"] = svg("causes", figures.leaving_the_prior, causes_found, language)
    if inspected(causes_found):
        drawn["layers"] = [
            svg(f"layers {quantity}", figures.layer_maps, causes_found, quantity, language)
            for quantity in figures.LAYER_QUANTITIES
        ]
    drawn["looks"] = {
        name: [
            svg(f"{draw.__name__} {name}", draw, found, language)
            for draw in (pictures.mean_maps, pictures.kernels)
        ]
        for name, found in analysis.looked.items()
    }
    if analysis.looked:
        drawn["probes"] = svg("probes", pictures.probes, analysis.looked, language)
    if any(row.n_runs for row in table.rows):
        drawn["intervals"] = svg("intervals", figures.intervals, table, language)
    if analysis.roc:
        drawn["roc"] = svg("roc", figures.roc_curves, analysis, language)
    if analysis.baselines:
        drawn["baselines"] = svg("baselines", figures.baselines, table, analysis, language)
    return drawn


def _provenance(table: Table) -> list[tuple[dict[str, Any], list[str]]]:
    """Each differing environment with the names of its runs."""
    groups: list[tuple[dict[str, Any], list[str]]] = []
    for run in table.runs:
        name = f"{run.experiment} seed {run.seed}"
        for environment, names in groups:
            if environment == run.environment:
                names.append(name)
                break
        else:
            groups.append((run.environment, [name]))
    return groups


def _quartiles(values: list[float]) -> tuple[float, float, float, int]:
    """Median, lower and upper quartile, and how many."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return median, low, high, len(values)


def _pictures(table: Table, language: Language) -> dict[str, dict[str, list[str]]]:
    """By experiment what its first inspected run shows: feature maps, and judged photographs."""
    drawn: dict[str, dict[str, list[str]]] = {}
    for experiment, run in looked_into(table).items():
        try:
            shown = looks.read_shown(run.folder)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{run.folder / looks.PHOTOGRAPHS}: is damaged ({error}); `pm-cls inspect --run "
                f"{run.folder}` makes it anew"
            )
        if shown is None:
            continue
        judged = [pictures.judged(shown, outcome, language) for outcome in looks.OUTCOMES]
        maps = [pictures.feature_maps(shown, i, language) for i in range(len(shown.mapped))]
        drawn[experiment] = {
            "judged": [drawing.inline_jpeg(one) for one in judged if one is not None],
            "maps": [drawing.inline_jpeg(one) for one in maps],
        }
    return drawn


def _thumbnail(path: Path) -> str:
    """A JPEG as a data address, at most THUMBNAIL_SIDE pixels on each side."""
    try:
        with silence():
            image = read_photograph(path)
    except BadPhotograph as error:
        raise DataError(f"{path} {error}")
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return drawing.jpeg_address(content.getvalue())
