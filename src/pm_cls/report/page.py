"""The report as one HTML file: the templates of the sections within `page.html.j2`.

It needs no network and no script; figures are part of it. Each sentence of a template stands there
in both languages.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from markupsafe import Markup, escape

from pm_cls.presentation import drawing
from pm_cls.presentation.templates import environment
from pm_cls.presentation.text import LANGUAGES, Language, Text
from pm_cls.report.published.values import VERDICTS
from pm_cls.report.section import Content, Material, Section, marks

TEMPLATES = Path(__file__).with_name("templates")
FILE = "report.html"
FILES = (FILE, *(f"report.{language}.html" for language in LANGUAGES))


def render(
    material: Material, contents: Sequence[tuple[Section, Content]], language: Language
) -> dict[str, str]:
    """The report in each language, by file name: FILE in the chosen one."""
    names = {each: FILE if each == language else f"report.{each}.html" for each in LANGUAGES}
    shown = [(section, content) for section, content in contents if content.told is not None]
    return {
        names[each]: fill(
            "page.html.j2",
            each,
            [section.folder for section, _ in shown],
            languages={other: names[other] for other in LANGUAGES if other != each},
            marks=marks(material.runs),
            has_study=material.has_study,
            sections=[section for section, _ in shown],
            parts=[_part(section, content, each) for section, content in shown],
        )
        for each in LANGUAGES
    }


def _part(section: Section, content: Content, language: Language) -> Markup:
    """A section's template filled with what it tells."""
    draws = {**content.figures, **content.page_figures}

    def svg(name: str) -> Markup:
        return Markup(drawing.inline_svg(f"{section.name} {name}", draws[name], language))

    def table(name: str) -> Markup:
        return content.tables[name](language)

    return Markup(
        fill(
            section.template or f"{section.name}.html.j2",
            language,
            [section.folder],
            place=section.name,
            it=content.told,
            has=draws.__contains__,
            svg=svg,
            table=table,
        )
    )


def fill(template: str, language: Language, folders: Sequence[Path] = (), **content: object) -> str:
    """A template from `templates` or one of the folders, with what it is to say."""
    templates = environment([TEMPLATES, *folders], template.endswith(".html.j2"))
    templates.filters["prose"] = partial(_prose, language)
    templates.filters["code"] = _with_code
    return templates.get_template(template).render(
        language=language,
        language_names=LANGUAGES,
        say=lambda english, chinese: Text(english, chinese).of(language),
        of=lambda text: text.of(language),
        verdicts=VERDICTS,
        **content,
    )


def _with_code(text: str) -> Markup:
    """What stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _prose(language: Language, text: Markup) -> Markup:
    """Sentences of a template as a paragraph: spaces between them in English alone."""
    joined = " ".join(text.split())
    return Markup(joined if language == "en" else joined.replace("。 ", "。"))
