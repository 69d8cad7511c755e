"""A page of its own with images, for whoever holds them: they are not ours to publish."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pm_cls.data.photographs.folders import walk
from pm_cls.data.photographs.formats import is_photograph
from pm_cls.data.photographs.images import BadPhotograph, read_photograph
from pm_cls.presentation import drawing, pictures
from pm_cls.presentation.templates import address_of
from pm_cls.presentation.text import Language, Text
from pm_cls.records import saliency
from pm_cls.report import missed, page
from pm_cls.report.runs import Record
from pm_cls.report.section import Material, marks
from pm_cls.report.sections.saliency import looked_into
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.silence import silence
from pm_cls.scores import metrics
from pm_cls.scores.target import Binary

FILE = "report-photographs.html"
MOST = 48
SIDE = 240  # pixels of a thumbnail
OF_THE_THESIS = (
    Text("not pathological", "不是病理性近视"),
    Text("pathological", "病理性近视"),
)


def render(
    material: Material, folder: Path | None, roots: Mapping[str, str], language: Language
) -> str:
    """The images that most runs get wrong.

    Args:
        folder: the photographs; with them, where it is kept, what each network looks at. Runs that
            give one answer for all photographs do not count, nor do other runs where there are
            some of the thesis.
        roots: of other data sets, see `missed`.

    Raises:
        DataError: one that is to be shown is not in the folder, or cannot be read.
    """
    return page.fill(
        "photographs.html.j2",
        language,
        photographs=None if folder is None else _photographs(material, folder, language),
        others=list(missed.experiments(material.reported, roots)),
        marks=marks(material.runs),
    )


def _photographs(material: Material, folder: Path, language: Language) -> dict[str, object]:
    wrong: Counter[str] = Counter()
    labels: dict[str, Text] = {}
    n_runs = 0
    for run in material.thesis or material.shown:
        one = run.last
        if one.target != Binary() or metrics.is_constant(one.logits, one.target):
            continue
        n_runs += 1
        own = run.config.data.classes
        called = [Text(name, name) for name in own] if own else OF_THE_THESIS
        labels |= {n: called[label] for n, label in zip(one.names, one.labels, strict=True)}
        wrong.update(np.array(one.names)[~one.right()].tolist())
    worst = sorted(wrong, key=lambda name: (-wrong[name], name))[:MOST]
    found = [path for path in walk(folder) if is_photograph(path.name)]
    files = {path.name: path for path in found}
    files |= {path.relative_to(folder).as_posix(): path for path in found}  # of folders of classes
    if absent := [name for name in worst if name not in files]:
        raise DataError(f"--photographs {folder}: holds no {', '.join(absent[:5])}")
    drawn = {name: _pictures(run, language) for name, run in looked_into(material).items()}
    return {
        "shown": [
            {"name": n, "label": labels[n], "wrong": wrong[n], "image": _thumbnail(files[n])}
            for n in worst
        ],
        "n_runs": n_runs,
        "pictures": {name: one for name, one in drawn.items() if one is not None},
    }


def _pictures(run: Record, language: Language) -> dict[str, list[Any]] | None:
    """Judged photographs and feature maps as addresses; None where the run keeps none."""
    try:
        shown = saliency.read_shown(run.folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{run.folder / saliency.PHOTOGRAPHS}: is damaged ({error}); `pm-cls inspect --run "
            f"{run.folder}` makes it anew"
        )
    if shown is None:
        return None
    judged = [
        {
            "outcome": pictures.outcome_name(outcome, shown.classes),
            "image": drawing.inline_jpeg(partial(pictures.judged, shown, outcome), language),
        }
        for outcome in saliency.OUTCOMES
        if len(pictures.of_outcome(shown, outcome))
    ]
    maps = [partial(pictures.feature_maps, shown, i) for i in range(len(shown.mapped))]
    return {"judged": judged, "maps": [drawing.inline_jpeg(draw, language) for draw in maps]}


def _thumbnail(path: Path) -> str:
    """A JPEG as a data address, at most SIDE pixels on each side."""
    try:
        with silence():
            image = read_photograph(path)
    except BadPhotograph as error:
        raise DataError(f"{path} {error}")
    image.thumbnail((SIDE, SIDE))
    return address_of(image, "jpeg", 85)
