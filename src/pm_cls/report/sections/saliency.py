"""What the networks look at: ablations, Grad-CAM and its check, and the first kernels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pm_cls.presentation import pictures
from pm_cls.presentation.text import Text, fraction, named, percent
from pm_cls.records.saliency import Saliency
from pm_cls.report import columns
from pm_cls.report.columns import Column
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section


@dataclass(frozen=True)
class Agreement:
    """Rank correlation of Grad-CAM and occlusion over n photographs, and the epoch of both maps."""

    epoch: int
    n: int
    median: float = 0.0
    low: float = 0.0
    high: float = 0.0


def make(material: Material) -> Content:
    runs = looked_into(material)
    looked = {name: run.saliency for name, run in runs.items() if run.saliency}
    if not looked:
        return Content(told={} if material.has_study else None)
    figures = {"probes": partial(pictures.ablations, looked)}
    for name, found in looked.items():
        figures[f"kernels_{name}"] = partial(pictures.kernels, found)
        classes = runs[name].config.data.classes
        figures[f"mean_maps_{name}"] = partial(pictures.mean_maps, found, classes)
    return Content(
        told={name: _agreement(found) for name, found in looked.items()},
        figures=figures,
        tables={"ablations": partial(columns.html, *_ablations(looked))},
    )


def looked_into(material: Material) -> dict[str, Record]:
    """By experiment the first run of which it is kept what its network looks at."""
    first = {
        name: next((run for run in ours if run.saliency is not None), None)
        for name, ours in material.experiments.items()
    }
    return {name: run for name, run in first.items() if run is not None}


def _ablations(looked: Mapping[str, Saliency]) -> tuple[list[Column], list[list[object]]]:
    """The columns and rows of a table with a line an ablation, and two columns a network."""
    made = [Column(Text("change", "改动"), "0", is_words=True)]
    for i, name in enumerate(looked, start=1):
        made += [Column(f"{name} %", f"{i}.accuracy", percent), Column("AUC", f"{i}.auc", fraction)]
    rows: list[list[object]] = [
        [named(pictures.ABLATIONS, name), *(found.ablations.get(name) for found in looked.values())]
        for name in pictures.ablation_names(looked.values())
    ]
    return made, rows


def _agreement(found: Saliency) -> Agreement:
    if not found.agreement:
        return Agreement(found.epoch, 0)
    low, median, high = map(float, np.quantile(found.agreement, (0.25, 0.5, 0.75)))
    return Agreement(found.epoch, len(found.agreement), median, low, high)


SECTION = Section("saliency", Text("What they look at", "网络关注的区域"), make)
