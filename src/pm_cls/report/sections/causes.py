"""Why sigmoid fails: when runs leave the prior, by image size and by one change each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from pm_cls.presentation.drawing import PAGE_INK, PALETTE, Axes, Figure, QuadMesh, legend, plain
from pm_cls.presentation.text import Language, Text, listed, percent
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.published import causes
from pm_cls.report.published.causes import Experiment, Found, Study, study
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section

Quantity = Literal["gradient_norm", "saturated"]
QUANTITIES: dict[Quantity, Text] = {
    "gradient_norm": Text("log10 of the gradient's norm", "梯度范数的 log10"),
    "saturated": Text("share of saturated activations", "饱和的激活所占比例"),
}
UPDATES = Text("updates", "更新次数")
PIXELS = Text("{size} pixels", "{size} 像素")
LEAST_NORM = 1e-30  # below it a norm is drawn as this


GRID = study().grid
CSV = columns.plain(  # of an experiment, its run, after how many epochs and updates that left
    "experiment=0.name seed=1.seed group=0.group.name "
    f"{GRID.panel.rpartition('.')[2]}=0.panel {GRID.size.rpartition('.')[2]}=0.size "
    "changes=0.change_words images=0.images updates_epoch=0.updates epochs=0.limit left_at_epoch=2 "
    "left_after_updates=3 train_loss=1.epochs.-1.train_loss accuracy=1.epochs.-1.accuracy"
)
PAGE = [
    words("record", "记录", "name"),
    words("activation", "激活函数", "panel"),
    number("pixels", "像素", "size"),
    Column(Text("change", "改动"), "change_words", lambda words: words or columns.NONE, True),
    number("images", "图像数", "images"),
    number("updates an epoch", "每轮更新数", "updates"),
    number("seeds", "种子数", "runs", len),
    words("leaves the prior", "离开先验水平", "left_words"),
    Column(
        Text("accuracy % after the last epoch", "最后一轮准确率 %"), "runs",
        lambda runs: listed(percent(run.epochs[-1].accuracy) for run in runs), True,
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Gradient:
    """Of an inspected run the first layer's gradient, and its most saturated layer."""

    record: str
    size: int
    norm: float
    share: float
    layer: str


@dataclass(frozen=True)
class Findings:
    """What the text says of the measurements; each list may be empty.

    Attributes:
        sizes: the home's activation by size, without other changes; `small` without the full size
            and those that had fewer epochs than the thesis.
        quick, slow: other activations that leave the prior in every run, and that do not.
        fails_large: experiments of an activation that leave it at all smaller sizes, and then the
            one at full size that does not; by activation.
        reduced: with a change to a home that is not the grid's.
        gradients: of the home's activation by size.
        helped, failed: one change at the home, for the thesis' epochs.
        pooled: with a linear layer of one width.
    """

    study: Study
    sizes: list[Experiment]
    quick: list[Experiment]
    slow: list[Experiment]
    fails_large: dict[str, list[Experiment]]
    reduced: list[Experiment]
    gradients: list[Gradient]
    helped: list[Experiment]
    failed: list[Experiment]
    pooled: list[Experiment]

    @property
    def small(self) -> list[Experiment]:
        full, short = self.study.full_size, self.study.short
        return [one for one in self.sizes if one.size < full and one.had(short)]

    @property
    def full(self) -> Experiment:
        return next(one for one in self.sizes if one.size == self.study.full_size)

    @property
    def small_stay(self) -> bool:
        """Whether no run at a smaller size leaves the prior within the thesis' epochs."""
        return all(not one.epochs or one.epochs[0] > self.study.short for one in self.small)

    @property
    def compared(self) -> tuple[Gradient, Gradient] | None:
        """The weakest gradient of the smaller sizes, and that of the full size."""
        large = [one for one in self.gradients if one.size == self.study.full_size]
        small = [one for one in self.gradients if one.size < self.study.full_size]
        return (min(small, key=lambda one: one.norm), large[0]) if small and large else None


def make(material: Material) -> Content:
    found = material.causes
    lines = [
        (one, run, left, left and left * one.updates)
        for one in found.experiments
        for run, left in zip(one.runs, one.left, strict=True)
    ]
    figures = {"causes": partial(leaving_the_prior, found.of("size"))} if found.of("size") else {}
    if found.inspected():
        for quantity in QUANTITIES:
            figures[f"layers_{quantity}"] = partial(layer_maps, found, quantity)
    told = {"found": found, "findings": findings(found), "threshold": study().threshold}
    return Content(
        told=told if material.has_study or found.outside else None,
        files={"causes.csv": columns.csv(CSV, lines)},
        figures=figures,
        tables={"tried": partial(columns.html, PAGE, found.experiments, group="group.title")},
    )


def findings(found: Found) -> Findings | None:
    """None without the home's activation at full and at a smaller size."""
    at = study()
    by_size = found.by_size(at.panel)
    if at.full_size not in by_size or len(by_size) < 2:
        return None
    home = at.groups[0].home
    others = [one for one in found.of("size") if one.panel != at.panel]
    tried = found.short_changes()
    return Findings(
        study=at,
        sizes=[by_size[size] for size in sorted(by_size)],
        quick=[one for one in others if one.all_left],
        slow=[one for one in others if not one.all_left],
        fails_large={
            panel: experiments
            for panel in dict.fromkeys(one.panel for one in others)
            if (experiments := _fails_large(found.by_size(panel), at.full_size))
        },
        reduced=[one for one in found.experiments if one.group.home != home and one.changes],
        gradients=[
            gradient
            for one, run in found.inspected()
            if one.panel == at.panel and (gradient := _gradient(one, run, at)) is not None
        ],
        helped=[one for one in tried if one.all_left],
        failed=[one for one in tried if not one.all_left],
        pooled=found.of("pooled"),
    )


def _fails_large(by_size: Mapping[int, Experiment], full: int) -> list[Experiment]:
    """All of them where each smaller one leaves the prior and that at full size does not."""
    small = [one for size, one in by_size.items() if size < full]
    large = by_size.get(full)
    if large is None or large.all_left or not small or not all(one.all_left for one in small):
        return []
    return [*small, large]


def _gradient(one: Experiment, run: Record, at: Study) -> Gradient | None:
    """At the epoch where the study looks; the saturation over the thesis' epochs."""
    there = [line for line in run.layers if line.epoch == at.look_at_epoch]
    shares = [
        (line.saturated, line.layer)
        for line in run.layers
        if line.epoch <= at.short and line.saturated is not None
    ]
    if not there or not shares:
        return None
    return Gradient(run.experiment, one.size, there[0].gradient_norm, *max(shares))


def leaving_the_prior(chosen: Sequence[Experiment], language: Language = "en") -> Figure:
    """Training loss against updates: a panel an activation, a colour a size, a line a run."""
    names = list(dict.fromkeys(one.panel for one in chosen))
    sizes = sorted({one.size for one in chosen})
    figure = Figure(figsize=(2.4 * len(names) + 0.8, 3.6), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for one in (e for e in chosen if e.panel == name):
            label = PIXELS.format(size=one.size).of(language)
            colour = PALETTE[sizes.index(one.size) % len(PALETTE)]
            for run in one.runs:
                updates = [one.updates * line.epoch for line in run.epochs]
                losses = [line.train_loss for line in run.epochs]
                axes.plot(updates, losses, color=colour, linewidth=1.2, label=label)
        least = causes.threshold(chosen[0].runs[0])
        axes.axhline(least, color=PAGE_INK, linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(UPDATES.of(language))
        plain(axes)
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel(Text("training loss", "训练损失").of(language))
    legend(figure, panels, columns=4)
    return figure


def layer_maps(found: Found, quantity: Quantity, language: Language = "en") -> Figure:
    """Layer against update, a panel a run: image sizes from above, activations from the left."""
    runs = {(one.size, one.panel): run for one, run in found.inspected()}
    sizes = sorted({size for size, _ in runs})
    names = sorted({name for _, name in runs}, key=study().rank)
    figure = Figure(figsize=(2.7 * len(names) + 1, 1.9 * len(sizes) + 0.6), layout="constrained")
    panels = figure.subplots(len(sizes), len(names), squeeze=False)
    norms = [max(line.gradient_norm, LEAST_NORM) for run in runs.values() for line in run.layers]
    is_norm = quantity == "gradient_norm"
    scale = (float(np.log10(min(norms))), float(np.log10(max(norms)))) if is_norm else (0.0, 1.0)
    for row, size in enumerate(sizes):
        for axes, name in zip(panels[row], names, strict=True):
            if (run := runs.get((size, name))) is None:
                axes.set_visible(False)
                continue
            mesh = _draw_layer_map(axes, run, quantity, scale)
            words = Text("{name}, {pixels}", "{name}，{pixels}")
            title = words.format(name=name, pixels=PIXELS.format(size=size))
            axes.set_title(title.of(language), fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel(UPDATES.of(language))
    bar = figure.colorbar(mesh, ax=panels, shrink=0.6)
    bar.set_label(QUANTITIES[quantity].of(language))
    return figure


def _draw_layer_map(
    axes: Axes, run: Record, quantity: Quantity, scale: tuple[float, float]
) -> QuadMesh:
    updates = sorted({line.update for line in run.layers})
    layers = list(dict.fromkeys(line.layer for line in run.layers))
    values = np.full((len(layers), len(updates)), np.nan)
    for line in run.layers:
        value = getattr(line, quantity)
        if value is not None:
            shown = np.log10(max(value, LEAST_NORM)) if quantity == "gradient_norm" else value
            values[layers.index(line.layer), updates.index(line.update)] = shown
    mesh = axes.pcolormesh(values, vmin=scale[0], vmax=scale[1], cmap="viridis")
    axes.set_xticks(np.arange(len(updates)) + 0.5, map(str, updates), rotation=90, fontsize=7)
    axes.set_yticks(np.arange(len(layers)) + 0.5, layers, fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return mesh


SECTION = Section("causes", Text("Causes", "原因"), make)
