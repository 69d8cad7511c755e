"""How a figure comes into a file or into a page."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from pm_cls.files import write_bytes
from pm_cls.silence import silence

PAGE_INK = "#010203"  # in a page this becomes the colour of its text
PIXELS_PER_INCH = 150


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.svg and `stem`.png, whose paths come back; equal figures give equal files."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    vector, raster = stem.with_suffix(".svg"), stem.with_suffix(".png")
    with matplotlib.rc_context({"svg.hashsalt": "pm_cls"}):
        figure.savefig(vector, metadata={"Date": None})
        figure.savefig(raster, dpi=PIXELS_PER_INCH)
    return vector, raster


def inline_svg(name: str, draw: Callable[..., Figure], *arguments: Any) -> str:
    """What `draw(*arguments)` gives as an <svg> element, in the fonts and the ink of its page.

    Args:
        name: tells its inner references from those of other figures on the page.
    """
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), PAGE_INK
    )
    style = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, **ink}
    drawn = io.StringIO()
    with matplotlib.rc_context(style), silence():
        draw(*arguments).savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :].replace(PAGE_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r' id="[a-z0-9]+_[0-9]+"', "", svg)  # figure_1 and the like: once a page


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure that is made of images, which SVG would only wrap."""
    write_bytes(path, _raster(figure, "png"))


def inline_jpeg(figure: Figure) -> str:
    """A figure that is made of images as a data address."""
    return jpeg_address(_raster(figure, "jpeg"))


def jpeg_address(content: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _raster(figure: Figure, kind: str) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, dpi=PIXELS_PER_INCH)
    return drawn.getvalue()
