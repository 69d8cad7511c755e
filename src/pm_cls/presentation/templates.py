"""How templates are read, and pictures put into a page.

Values are escaped, what is missing is an error, a block is no line.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
from PIL import Image

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


def address(content: bytes, kind: str) -> str:
    """An image file, jpeg or png, as a data address."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def address_of(image: Image.Image, kind: str, quality: int = 75) -> str:
    """An image as a data address; the quality is that of a jpeg."""
    content = io.BytesIO()
    image.save(content, kind, quality=quality)
    return address(content.getvalue(), kind)
