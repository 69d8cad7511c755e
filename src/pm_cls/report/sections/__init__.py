"""The sections of the report, in the order of its page. A new one is a file and a line here."""

from pm_cls.report.section import Section
from pm_cls.report.sections import (
    baselines,
    causes,
    claims,
    curves,
    effects,
    external,
    kernels,
    networks,
    pairs,
    provenance,
    reliability,
    saliency,
    scores,
    statements,
    stress,
    table,
    worth,
)

SECTIONS: list[Section] = [
    claims.SECTION,
    *table.SECTIONS,
    kernels.SECTION,
    networks.SECTION,
    effects.SECTION,
    statements.SECTION,
    causes.SECTION,
    saliency.SECTION,
    curves.SECTION,
    pairs.SECTION,
    scores.SECTION,
    reliability.SECTION,
    worth.SECTION,
    stress.SECTION,
    baselines.SECTION,
    external.SECTION,
    provenance.SECTION,
]
