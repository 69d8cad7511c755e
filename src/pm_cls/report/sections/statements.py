"""What the other documents state beside their numbers, and what our runs say."""

import json
from dataclasses import dataclass

from pm_cls.presentation.text import Text, said
from pm_cls.report import columns
from pm_cls.report.published import statements
from pm_cls.report.published.statements import Statement
from pm_cls.report.published.values import VERDICTS, Verdict
from pm_cls.report.runs import grouped
from pm_cls.report.section import Content, Material, Section

KEYS = ("id", "document", "section", "statement", "rule", "evidence", "verdict")
WITHOUT_RUNS = {"arithmetic", "cheaper"}
COLUMNS = columns.plain("document section statement verdict evidence")


@dataclass(frozen=True)
class Document:
    """The statements of one document, and how many have each verdict."""

    title: Text
    statements: list[Statement]

    @property
    def counts(self) -> dict[Verdict, int]:
        verdicts = [one.verdict for one in self.statements]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS if verdict in verdicts}


def make(material: Material) -> Content:
    by_experiment = grouped(material.runs, lambda run: run.experiment)
    found = statements.judge(by_experiment, material.networks)
    documents = [
        Document(Text(words.en, words.zh), [one for one in found if one.document == document])
        for document, words in statements.stated().documents.items()
    ]
    tested = {one.rule for one in found if one.rule and one.verdict != "not_yet_tested"}
    entries = [{key: said(getattr(one, key), "en") for key in KEYS} for one in found]
    table = columns.markdown(COLUMNS, found, is_aligned=False)
    rule = "The rules and their thresholds stand in src/pm_cls/report/published/statements.yaml."
    return Content(
        told=documents if tested - WITHOUT_RUNS else None,
        files={
            "statements.json": json.dumps(entries, indent=2) + "\n",
            "statements.md": f"# What the other documents state\n\n{table}\n{rule}\n",
        },
    )


SECTION = Section("statements", Text("Statements of the documents", "各文档的说法"), make)
