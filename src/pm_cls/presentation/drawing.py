"""How a figure is drawn and comes into a file or a page; the one module that loads Matplotlib.

A figure is drawn with the library's own settings, whatever the caller's matplotlibrc, rcParams or
MPLBACKEND say. What draws one is called within `_own_style` and takes a language.
"""

import io
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from PIL import Image

from pm_cls.presentation.templates import address
from pm_cls.presentation.text import Language, Text
from pm_cls.runtime.files import write_bytes
from pm_cls.runtime.home import give_matplotlib_a_folder
from pm_cls.runtime.silence import silence

_backend = os.environ.pop("MPLBACKEND", None)  # a notebook's need not be installed here
try:
    give_matplotlib_a_folder()
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.textpath import TextToPath
finally:
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend

__all__ = ["Axes", "ConstrainedLayoutEngine", "Draw", "Figure", "QuadMesh"]

Draw = Callable[[Language], Figure]
PAGE_INK = "#010203"  # in a page this becomes the colour of its text
PIXELS_PER_INCH = 150
MISSING = 0.4  # of a character that the font lacks its sign is 0.6 of the size wide
# Told apart on white and on black.
VALIDATION, TRAINING, STATED = "#2a7fc1", "#d98c2b", "#d0443a"
PALETTE = ("#2a7fc1", "#7b6fd0", "#d98c2b", "#8a8a8a", "#2f9e77", "#b85bb0")


CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB"),
)


@cache
def _fonts() -> list[str]:
    """The library's own, and for letters that it lacks one with Chinese, where one is here."""
    here = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in CHINESE if name in here][:1]]


def _is_wide(letter: str) -> bool:
    """Whether it is as a Chinese one, which Matplotlib's font lacks."""
    return unicodedata.east_asian_width(letter) in "WF"


@contextmanager
def _own_style(salt: str, **settings: object) -> Iterator[None]:
    """The library's settings and these; equal figures and `salt` give equal SVG."""
    with matplotlib.rc_context(), silence():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": salt, **settings})
        yield


@contextmanager
def _as_wide_as_on_the_page() -> Iterator[None]:
    """Chinese characters have a place of their full width: Matplotlib's font lacks them."""
    narrow = TextToPath.get_text_width_height_descent

    def measured(self: TextToPath, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        width, height, descent = narrow(self, s, prop, ismath)
        wide = sum(map(_is_wide, s))
        return width + MISSING * wide * prop.get_size_in_points(), height, descent

    with patch.object(TextToPath, "get_text_width_height_descent", measured):
        yield


def letters(name: str) -> str:
    """A name from elsewhere as it is drawn.

    Fonts take letters alone, a formula begins with a dollar sign, and a label that begins with an
    underscore stands in no legend.
    """
    shown = name.encode("utf-8", "replace").decode().replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def titled(draw: Draw, title: Text, language: Language) -> Figure:
    """A figure with a title, unless it has its own."""
    figure = draw(language)
    if not figure.get_suptitle():
        figure.suptitle(letters(title.of(language)), fontsize=9)
    return figure


def save(draw: Draw, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.svg and `stem`.png, whose paths come back."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    vector, raster = (stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "png"))
    with _own_style("pm_cls", **{"font.family": _fonts()}):
        figure = _legible(draw("en"))
        write_bytes(vector, _svg(figure).encode())
        write_bytes(raster, _png_of_few_colours(figure))
    return vector, raster


def inline_svg(name: str, draw: Draw, language: Language) -> str:
    """An <svg> element in the fonts and the ink of its page.

    Args:
        name: tells its inner references from those of other figures on the page.
    """
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = {"svg.fonttype": "none", "font.size": 9, **dict.fromkeys(inked, PAGE_INK)}
    with _own_style(name, **style), _as_wide_as_on_the_page():
        svg = _svg(draw(language), transparent=True)
    svg = svg[svg.index("<svg") :].replace(PAGE_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    return re.sub(r' id="[a-z0-9]+_[0-9]+"', "", svg)  # figure_1 and the like: once a page


def save_png(draw: Draw, path: Path) -> None:
    """Write a figure that is made of images, which SVG would only wrap."""
    write_bytes(path, _raster(draw, "en", "png"))


def inline_jpeg(draw: Draw, language: Language) -> str:
    """A figure that is made of images as a data address."""
    return address(_raster(draw, language, "jpeg"), "jpeg")


def _raster(draw: Draw, language: Language, kind: str) -> bytes:
    with _own_style("pm_cls", **{"font.family": _fonts()}):
        return _bytes(_legible(draw(language)), kind, dpi=PIXELS_PER_INCH)


def _legible(figure: Figure) -> Figure:
    """The same; noted is where it has letters that no font here has."""
    shown = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    if len(_fonts()) == 1 and any(_is_wide(letter) for text in shown for letter in text):
        _note_missing_font()
    return figure


@cache  # once is enough
def _note_missing_font() -> None:
    print(
        "note: Chinese letters are boxes in pictures, as no font that has them is installed; "
        f"{CHINESE[0]} is one, {CHINESE[3]} another",
        file=sys.stderr,
    )


def _bytes(figure: Figure, kind: str, **options: Any) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, **options)
    return drawn.getvalue()


def _png_of_few_colours(figure: Figure) -> bytes:
    """With 256 colours, which are enough for lines and areas: a third of the size."""
    drawn, small = io.BytesIO(_bytes(figure, "png", dpi=PIXELS_PER_INCH)), io.BytesIO()
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(small, "png", optimize=True, dpi=(PIXELS_PER_INCH, PIXELS_PER_INCH))
    return small.getvalue()


def _svg(figure: Figure, **options: Any) -> str:
    """With places to a hundredth of a point, and without what only indents: a quarter shorter."""
    svg = _bytes(figure, "svg", metadata={"Date": None}, **options).decode()
    svg = re.sub(r"\n *", "\n", svg)
    return re.sub(r' (?:d|x|y)="[^"]*"|(?:translate|rotate)\([^)]*\)', _to_hundredths, svg)


def _to_hundredths(places: re.Match[str]) -> str:
    return re.sub(r"-?[0-9]+\.[0-9]+", lambda number: f"{float(number[0]):.2f}", places[0])


def plain(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """A grid, and no frame above and to the right."""
    axes.grid(alpha=0.3, axis=grid)
    axes.spines[["top", "right"]].set_visible(False)


def legend(
    figure: Figure,
    panels: Iterable[Axes],
    columns: int,
    names: Mapping[str, Text] | None = None,
    language: Language = "en",
) -> None:
    """One below all panels, each label once; with `names`, by the label, those alone."""
    found = {
        label: line
        for axes in panels
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if names is not None:
        found = {names[label].of(language): line for label, line in found.items() if label in names}
    figure.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=columns,
        frameon=False, fontsize="small", columnspacing=1.2, handlelength=1.6,
    )  # fmt: skip
