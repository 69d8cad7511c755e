"""What the pages show of what a network looks at."""

import re
import shutil
import subprocess
import sys

import pytest

from pm_cls.presentation import pictures
from pm_cls.records import saliency as looks
from pm_cls.runtime.errors import DataError

pytestmark = pytest.mark.once  # the same with every version of the libraries


def without_figures(page):
    return re.sub("<svg.*?</svg>", "", page.read_text("utf-8"), flags=re.DOTALL)


def test_the_report_draws_it_without_the_training_half_and_publishes_no_photograph(
    inspected, photographs, tmp_path, unrendered
):
    from pm_cls.report.__main__ import main as report

    arguments = ["--runs-dir", str(inspected.parent.parent), "--out", str(tmp_path)]
    code = (
        f"import sys; from pm_cls.report.__main__ import main; main({arguments!r})\n"
        "wrong = ('paddle', 'pm_cls.models', 'pm_cls.train', 'pm_cls.inspect')\n"
        "assert not [name for name in sys.modules if name.startswith(wrong)]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = without_figures(tmp_path / "report.html")
    assert "brightest place covered" in page and "Rank correlation of Grad-CAM" in page
    assert "遮住最亮处" in (tmp_path / "report.zh.html").read_text("utf-8")
    assert (tmp_path / "figures" / "mean_maps_lenet7_relu.svg").exists()
    kept = tmp_path / "records" / "lenet7_relu" / "seed0" / looks.FOLDER
    assert {file.name for file in kept.iterdir()} == {
        "gradients.csv", "looks.json", "looks.safetensors",
    }  # fmt: skip
    for file in kept.iterdir():
        assert file.read_bytes() == (inspected / looks.FOLDER / file.name).read_bytes()
    report([*arguments, "--photographs", str(photographs)])
    private = (tmp_path / "report-photographs.html").read_text("utf-8")
    shown = looks.read_shown(inspected)
    present = looks.outcomes(shown.probabilities >= 0.5, shown.labels)
    named = [pictures.outcome_name(looks.OUTCOMES[i], ()) for i in sorted(set(present.tolist()))]
    assert re.findall("<figcaption>(.*, called .*)</figcaption>", private) == [n.en for n in named]
    assert len(re.findall('alt="lenet7_relu"', private)) == len(shown.mapped)
    report([*arguments, "--photographs", str(photographs), "--lang", "zh"])
    private = (tmp_path / "report-photographs.html").read_text("utf-8")
    assert re.findall("<figcaption>(.*，判为.*)</figcaption>", private) == [n.zh for n in named]
    # From the records alone the same page comes out, but for the pictures with photographs.
    again = tmp_path / "again"
    report(["--runs-dir", str(tmp_path / "records"), "--out", str(again)])
    assert without_figures(again / "report.html") == page


@pytest.mark.parametrize("name", [looks.ARRAYS, looks.FACTS])
def test_damaged_looks_are_told_and_left_out(inspected, tmp_path, name):
    from pm_cls.report.runs import read_runs

    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    (run,), problems = read_runs(tmp_path)
    assert run.saliency is None and run.layers and len(problems) == 1


def test_damaged_pictures_are_told_with_the_mend(inspected, photographs, tmp_path, unrendered):
    from pm_cls.report.__main__ import main as report

    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / looks.PHOTOGRAPHS).write_bytes(b"cut")
    arguments = ["--runs-dir", str(tmp_path), "--out", str(tmp_path / "out")]
    report(arguments)  # does not need them
    with pytest.raises(DataError, match=r"photographs.safetensors: is damaged .*makes it anew"):
        report([*arguments, "--photographs", str(photographs)])
