"""Records of runs -> what a person reads: tables, figures, verdicts and a page. Needs no Paddle.

Data go one way: `runs` reads them, `section` sorts them, each of `sections` says its part from them
and from what is `published`, and `build` writes all of it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.presentation.text import Language
from pm_cls.runtime.verbs import callable_as

if TYPE_CHECKING:
    from pm_cls.report.build import Report


def report(
    runs_dir: str | Path = "runs",
    out: str | Path | None = None,
    seeds: int | None = None,
    *,
    language: Language = "en",
    photographs: str | Path | None = None,
    roots: Mapping[str, str] | None = None,
) -> "Report":
    """Write the report, and all that it is made of, into `out`.

    Args:
        out: default: `results-mine`; `results-synthetic` where a run is of drawn photographs.
        seeds: the tables are of seeds 0 to this less one; default: all that are there.
        photographs: a folder; those that most runs get wrong are shown in a page of their own.
        roots: by the name of another data set the folder of its files, for the same page.

    Raises:
        UsageError: there is no finished run, or `out` cannot be written.
        RunError: the disk is full.
        DataError: the folder of photographs lacks one that is to be shown; files are not those
            that the runs were scored on.
    """
    from pm_cls.report.build import build  # with Matplotlib, which takes a second

    place = None if out is None else Path(out)
    shown = None if photographs is None else Path(photographs)
    return build(
        Path(runs_dir), place, seeds, language=language, photographs=shown, roots=roots or {}
    )


callable_as(report)
