"""What the kernels of networks of classes answer to: examples, kernels, and mean responses."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from pm_cls.presentation import pictures
from pm_cls.presentation.text import Text
from pm_cls.report import columns
from pm_cls.report.published import studies
from pm_cls.report.runs import Record, grouped
from pm_cls.report.section import Content, Material, Section

CSV = columns.plain("experiment=0 seed=1 layer=2 kernel=3 class=4 mean_response=5")


def make(material: Material) -> Content:
    of, figures = dict(_first(material.reported)), {}
    for name, run in of.items():
        assert run.responses is not None
        classes = studies.classes_of(run)
        figures[f"responses_{name}"] = partial(pictures.responses, run.responses, classes)
        if len(run.responses.examples):
            figures[f"examples_{name}"] = partial(pictures.examples, run.responses, classes)
    files = {"responses.csv": columns.csv(CSV, list(_lines(of))) if of else None}
    return Content(told=list(of) or None, files=files, figures=figures)


def _first(runs: Sequence[Record]) -> Iterator[tuple[str, Record]]:
    """By experiment the first run that was looked into."""
    for name, ours in grouped(runs, lambda run: run.experiment).items():
        looked = [run for run in ours if run.responses is not None]
        if looked and looked[0].responses and looked[0].responses.layers:
            yield name, looked[0]


def _lines(of: Mapping[str, Record]) -> Iterator[tuple[object, ...]]:
    for name, run in of.items():
        assert run.responses is not None
        for number, layer in enumerate(run.responses.layers, start=1):
            for kernel, means in enumerate(layer.means, start=1):
                for label, mean in enumerate(means):
                    yield name, run.seed, number, kernel, label, float(mean)


SECTION = Section("kernels", Text("What kernels answer to", "卷积核对什么有响应"), make)
