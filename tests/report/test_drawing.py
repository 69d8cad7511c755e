"""Figures are the same whatever the caller's Matplotlib is set to."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from pm_cls.report import report

pytestmark = pytest.mark.figures

LABELS = [1, 0] * 10
NAMES = ("learning_curves", "intervals", "roc", "reliability_alexnet")
CODE = """
import sys
{before}
from pathlib import Path
from pm_cls.report import report
report(Path(sys.argv[1]), Path(sys.argv[2]))
{after}
"""
CHANGED = "import matplotlib; matplotlib.use('svg'); matplotlib.rcParams['font.size'] = 30"
KEPT = "assert matplotlib.rcParams['font.size'] == 30"


@pytest.mark.parametrize(
    ("variables", "before", "after"),
    [
        ({"MPLBACKEND": "module://a_notebook.that_is_not_installed"}, "", ""),
        ({"MPLBACKEND": "no backend at all"}, "", ""),
        ({"MATPLOTLIBRC": "{dark}"}, "", ""),
        ({}, CHANGED, KEPT),
    ],
)
def test_the_callers_settings_do_not_reach_the_figures(
    fake_run, tmp_path, variables, before, after
):
    runs_dir = fake_run("alexnet", np.linspace(-2, 2, 20), LABELS)
    report(runs_dir, tmp_path / "plain")
    dark = tmp_path / "matplotlibrc"
    dark.write_text("axes.facecolor: black\nfont.size: 20\nsavefig.dpi: 30\nlines.linewidth: 9\n")
    given = {key: value.format(dark=dark) for key, value in variables.items()}
    code = CODE.format(before=before, after=after)
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs_dir), str(tmp_path / "other")],
        env={**os.environ, **given}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    digests = [
        [
            hashlib.sha256((place / "figures" / f"{name}.{kind}").read_bytes()).hexdigest()
            for name in NAMES
            for kind in ("svg", "png")
        ]
        for place in (tmp_path / "plain", tmp_path / "other")
    ]
    assert digests[0] == digests[1]
    assert (tmp_path / "plain" / "report.html").read_bytes() == (
        tmp_path / "other" / "report.html"
    ).read_bytes()
