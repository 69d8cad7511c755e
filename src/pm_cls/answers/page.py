"""Answers as one HTML file in two languages, which needs no network, written one after another.

A browser draws a page of them at a time, so that those of 100,000 photographs can be looked at; the
first MOST_PICTURES have pictures, at 4 kB each.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from markupsafe import Markup, escape

from pm_cls.presentation.templates import environment
from pm_cls.presentation.text import Language
from pm_cls.records.folder import run_name
from pm_cls.runtime.journal import Answer

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run

MOST_PICTURES = 2_000
TEMPLATES = Path(__file__).with_name("templates")
MARK = "<!--answers-->"


def write(
    answers: Iterable[Answer], about: dict[str, Any], language: Language | None, file: TextIO
) -> None:
    """Write the page.

    Args:
        about: what `about` gives.
        language: by default that of the browser.
    """
    before, after = fill("predictions.html.j2", language, about=about, mark=Markup(MARK)).split(
        MARK
    )
    file.write(before)
    for number, one in enumerate(answers):
        file.write(",\n" * bool(number) + as_script(one))
    file.write(after)


def about(run: "Run", way: str | None) -> dict[str, Any]:
    """What a page says of a run and its answers; `way`: one of `pictures.WAYS`, or None."""
    return {
        "run": run_name(run.folder),
        "epoch": run.epoch,
        "is_synthetic": run.is_synthetic,
        "threshold": run.threshold if run.spec.target.outputs == 1 else None,
        "classes": run.spec.classes or None,
        "knows": run.calibration is not None,
        "way": way,
    }


def as_script(value: object) -> str:
    """As JSON within a <script>, which no text in it can end."""
    return json.dumps(value).replace("<", "\\u003c")


def fill(
    template: str, language: Language | None, folders: Sequence[Path] = (), **content: object
) -> str:
    """A template of this package, or of one of the folders; None: the language of the browser."""
    templates = environment([TEMPLATES, *folders])
    templates.filters["script"] = lambda value: Markup(as_script(value))
    return templates.get_template(template).render(language=language, say=_say, **content)


def _say(english: str, chinese: str) -> Markup:
    """A sentence in both languages, of which the page shows one."""
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh-Hans">{}</span>'
                  ).format(escape(english), escape(chinese))  # fmt: skip
