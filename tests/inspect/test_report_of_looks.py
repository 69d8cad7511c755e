"""What the pages show of what a network looks at."""

import re
import shutil
import subprocess
import sys

import pytest

from pm_cls.records import saliency as looks
from pm_cls.runtime.errors import DataError

pytestmark = pytest.mark.once  # the same with every version of the libraries


def test_the_report_draws_it_without_paddle_and_publishes_no_photograph(
    inspected, photographs, tmp_path
):
    from pm_cls.report.__main__ import main as report

    arguments = ["--runs-dir", str(inspected.parent.parent), "--out", str(tmp_path)]
    code = (
        f"import sys; from pm_cls.report.__main__ import main; main({arguments!r})\n"
        "assert not any(name.split('.')[0] == 'paddle' for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "brightest place covered" in page and "Rank correlation of Grad-CAM" in page
    assert "遮住最亮处" in (tmp_path / "report.zh.html").read_text("utf-8")
    assert (tmp_path / "figures" / "mean_maps_lenet7_relu.svg").exists()
    kept = tmp_path / "records" / "lenet7_relu" / "seed0" / looks.FOLDER
    assert {file.name for file in kept.iterdir()} == {
        "gradients.csv", "looks.json", "looks.safetensors",
    }  # fmt: skip
    report([*arguments, "--photographs", str(photographs)])
    private = (tmp_path / "report-photographs.html").read_text("utf-8")
    shown = looks.read_shown(inspected)
    present = looks.outcomes(shown.probabilities >= 0.5, shown.labels)
    outcomes = [name for i, name in enumerate(looks.OUTCOMES) if i in present]
    assert len(re.findall('alt="lenet7_relu"', private)) == len(outcomes) + len(shown.mapped)
    # From the records alone the same pages come out, but for the pictures with photographs.
    again = tmp_path / "again"
    report(["--runs-dir", str(tmp_path / "records"), "--out", str(again)])
    assert (again / "report.html").read_text("utf-8") == page


@pytest.mark.parametrize("name", [looks.ARRAYS, looks.FACTS])
def test_damaged_looks_are_told_and_the_run_left_out(inspected, tmp_path, name):
    from pm_cls.report.runs import read_runs

    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    found, problems = read_runs(tmp_path)
    assert found == [] and len(problems) == 1


def test_damaged_pictures_are_told_with_the_mend(inspected, photographs, tmp_path):
    from pm_cls.report.__main__ import main as report

    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / looks.PHOTOGRAPHS).write_bytes(b"cut")
    arguments = ["--runs-dir", str(tmp_path), "--out", str(tmp_path / "out")]
    report(arguments)  # does not need them
    with pytest.raises(DataError, match=r"photographs.safetensors: is damaged .*makes it anew"):
        report([*arguments, "--photographs", str(photographs)])
