"""Figures are the same whatever the caller's Matplotlib is set to."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from pm_cls.presentation import drawing
from pm_cls.report import report

pytestmark = pytest.mark.figures

LABELS = [1, 0] * 10
REPORT = """
import sys
{before}
from pathlib import Path
from pm_cls.presentation import drawing
from pm_cls.report import report
report(Path(sys.argv[1]), Path(sys.argv[2]))
{after}
"""
CHANGED = "import matplotlib; matplotlib.use('svg'); matplotlib.rcParams['font.size'] = 30"
KEPT = "assert matplotlib.rcParams['font.size'] == 30"
# A style that shows in every figure.
DARK = "axes.facecolor: black\nfont.size: 20\nsavefig.dpi: 30\nlines.linewidth: 9\n"
ONE_FIGURE = """
import os
from pathlib import Path
from pm_cls.presentation.drawing import Figure, save
save(lambda language: Figure(), Path("figure"))
assert os.environ["MPLBACKEND"] == "no backend at all"
"""


def run(code, *arguments, **variables):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **variables}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_callers_settings_do_not_reach_the_figures(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", np.linspace(-2, 2, 20), LABELS, rename="mine", epochs=(10,))
    names = ["plain", "by_file", "by_program"]
    plain, by_file, by_program = (tmp_path / name for name in names)
    report(runs_dir, plain)
    (tmp_path / "matplotlibrc").write_text(DARK)
    run(
        REPORT.format(before="", after=""), runs_dir, by_file,
        MATPLOTLIBRC=str(tmp_path / "matplotlibrc"),
        MPLBACKEND="module://a_notebook.that_is_not_installed",
    )  # fmt: skip
    run(REPORT.format(before=CHANGED, after=KEPT), runs_dir, by_program)
    expected = {file.name: file.read_bytes() for file in plain.glob("figures/*")}
    kinds = [f"{name}.{kind}" for name in ("learning_curves", "reliability_mine", "roc")
             for kind in ("png", "svg")]  # fmt: skip
    assert sorted(expected) == kinds
    assert expected["learning_curves.svg"].startswith(b"<?xml")
    assert len(expected["learning_curves.png"]) > 10_000
    for other in (by_file, by_program):
        assert expected == {file.name: file.read_bytes() for file in other.glob("figures/*")}
        for page in ("report.html", "report.zh.html"):
            assert (other / page).read_bytes() == (plain / page).read_bytes()


def test_a_backend_that_does_not_exist_disturbs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(ONE_FIGURE, MPLBACKEND="no backend at all")
    assert {file.suffix for file in tmp_path.iterdir()} >= {".png", ".svg"}


def test_chinese_words_have_their_full_width_beside_the_axes():
    def draw(language):
        figure = drawing.Figure(figsize=(6, 2), layout="constrained")
        figure.subplots().set_yticks([0], [10 * "汉"])
        return figure

    svg = drawing.inline_svg("words", draw, "zh")
    end = re.search(r'<text[^>]* x="([\d.]+)"[^>]*>汉', svg)[1]
    assert 10 * 9 < float(end) < 12 * 9  # points from the left, where ten of 9 have to go


@pytest.mark.parametrize(("name", "drawn"), [("a", "a"), ("$a_$", r"\$a_\$"), ("_b", " _b")])
def test_names_are_drawn_letter_by_letter(name, drawn):
    assert drawing.letters(name) == drawn


def test_chinese_letters_are_drawn_where_a_font_has_them(monkeypatch, tmp_path, capsys):
    def draw(language):
        figure = drawing.Figure()
        figure.suptitle("\u75c5")
        return figure

    drawing._note_missing_font.cache_clear()
    monkeypatch.setattr(drawing, "_fonts", lambda: ["DejaVu Sans"])
    for name in "ab":
        drawing.save_png(draw, tmp_path / f"{name}.png")
    assert capsys.readouterr().err.count("note: Chinese letters are boxes in pictures") == 1
    drawing._note_missing_font.cache_clear()
    monkeypatch.setattr(drawing, "_fonts", lambda: ["DejaVu Sans", "DejaVu Serif"])
    drawing.save_png(draw, tmp_path / "c.png")
    assert not capsys.readouterr().err
