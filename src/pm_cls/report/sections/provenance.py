"""Where the runs come from, which folders were left out, and the line of each in records.csv."""

from collections.abc import Iterable

from pm_cls.presentation.text import Text
from pm_cls.records.environment import Environment
from pm_cls.report import columns
from pm_cls.report.runs import Record
from pm_cls.report.section import Content, Material, Section
from pm_cls.scores.metrics import Scores

# Of a run, an epoch, and its scores.
CSV = columns.plain(
    "experiment=0.experiment seed=0.seed epoch=1 dataset=0.dataset n=2.n correct=2.correct "
    "accuracy=2.accuracy loss=2.loss auc=2.auc commit=0.commit"
)


def lines(runs: Iterable[Record]) -> list[tuple[Record, int, Scores]]:
    return [(run, epoch, scores) for run in runs for epoch, scores in run.scores.items()]


def make(material: Material) -> Content:
    """Each differing environment with the names of its runs; sentences on what was left out."""
    groups: list[tuple[Environment, list[Text]]] = []
    for run in material.reported:
        names = next((names for known, names in groups if known == run.environment), None)
        if names is None:
            groups.append((run.environment, names := []))
        names.append(run.called)
    return Content(
        told={"groups": groups, "left_out": list(material.left_out.values())},
        files={"records.csv": columns.csv(CSV, lines(material.runs))},
    )


SECTION = Section("provenance", Text("Provenance", "来源"), make)
