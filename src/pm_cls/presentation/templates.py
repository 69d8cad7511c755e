"""How templates are read: values are escaped, what is missing is an error, a block is no line."""

from collections.abc import Sequence
from pathlib import Path

import jinja2

STYLES = Path(__file__).parent  # holds style.css, which every page includes


def environment(folders: Sequence[Path], is_html: bool = True) -> jinja2.Environment:
    """For the templates of some folders, and the style of every page.

    Args:
        is_html: values are escaped; else they stand as they are, as in Markdown.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, STYLES]),
        autoescape=is_html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
