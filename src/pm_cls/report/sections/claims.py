"""What the thesis states, and what our runs say."""

import json
from collections.abc import Mapping, Sequence

from pm_cls.presentation.text import Text, said
from pm_cls.report import columns
from pm_cls.report.published.claims import Claim, judge
from pm_cls.report.published.values import VERDICTS, Verdict
from pm_cls.report.section import Content, Material, Section, marks

KEYS = ("id", "statement", "section", "rule", "evidence", "verdict")
COLUMNS = columns.plain("statement section verdict evidence")
Verdicts = Mapping[Verdict, Sequence[Claim]]


def make(material: Material) -> Content:
    claims = judge(material.thesis, material.causes)
    title = f"# What the thesis states, and what our runs say{marks(material.thesis).en}"
    rule = "The rules and their thresholds stand in src/pm_cls/report/published/claims.yaml."
    entries = [{key: said(getattr(claim, key), "en") for key in KEYS} for claim in claims]
    table = columns.markdown(COLUMNS, claims, is_aligned=False)
    groups = {verdict: [c for c in claims if c.verdict == verdict] for verdict in VERDICTS}
    told: Verdicts = {verdict: group for verdict, group in groups.items() if group}
    return Content(
        told=told if material.has_study else None,
        files={
            "claims.json": json.dumps(entries, indent=2) + "\n",
            "claims.md": f"{title}\n\n{table}\n{rule}\n",
        },
    )


SECTION = Section("claims", Text("Verdicts", "判定"), make)
