"""What a notebook uses: the ten lines of docs/usage.md, and what goes wrong, in words."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pm_cls
from tests.conftest import REPOSITORY


def test_the_lines_of_the_readme_run(photographs, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "usage.md").read_text(), re.DOTALL
    )
    assert len([line for line in code.splitlines() if line.strip()]) <= 11
    shutil.copytree(photographs, tmp_path / "data" / "synthetic")
    (tmp_path / "configs").mkdir()
    text = (REPOSITORY / "configs" / "lenet7_relu.yaml").read_text()
    text = text.replace("224", "32").replace("epochs: 10", "epochs: 2").replace("[5, 10]", "[1, 2]")
    (tmp_path / "configs" / "lenet7_relu.yaml").write_text(text)
    file = next((photographs / "PALM-Validation400").iterdir())
    shutil.copy(file, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    with Image.open(file) as image:
        names = {"photograph": np.asarray(image.convert("RGB"))}
    exec(code, names)
    run = names["run"]
    assert (run.folder / "result.json").is_file() and str(run.folder).startswith("runs-synthetic")
    by_file, by_array = run.predict("photo.jpg")[0], run.predict(names["photograph"])[0]
    assert (by_file.probability, by_file.logit) == (by_array.probability, by_array.logit)
    assert f"photo.jpg {by_file.label} {by_file.probability:.4f}" in capsys.readouterr().out
    assert (tmp_path / "results-synthetic" / "report.html").is_file()
    assert len(names["network"].parameters()) == 10


def test_the_lines_of_the_docstring_run(monkeypatch):
    lines = [line.strip() for line in pm_cls.__doc__.splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("shorter = "))
    monkeypatch.chdir(REPOSITORY)
    names = {"pm_cls": pm_cls}
    exec("\n".join(lines[first : first + 2]), names)
    assert names["config"].train.epochs == 5


def test_errors_have_one_parent():
    for error in (pm_cls.UsageError, pm_cls.DataError, pm_cls.RunError):
        assert issubclass(error, pm_cls.PmClsError)
    with pytest.raises(pm_cls.PmClsError, match="cannot be read"):
        pm_cls.load_config("absent.yaml")
    with pytest.raises(pm_cls.PmClsError, match="is not there; a finished run is in"):
        pm_cls.load_run("absent")
    with pytest.raises(AttributeError):
        pm_cls.absent  # noqa: B018


def test_verbs_are_modules_and_functions_at_once(trained):
    import pm_cls.evaluate
    import pm_cls.train.training

    assert callable(pm_cls.train) and callable(pm_cls.train.training.Training)
    for given in (trained, str(trained), [trained], [str(trained)]):
        found = pm_cls.evaluate(given, device="cpu")
        assert [one.epoch for one in found] == [1, 2]


def test_importing_the_package_takes_nothing_with_it():
    code = (
        "import sys, pm_cls\n"
        "late = {'paddle', 'numpy', 'matplotlib', 'pydantic', 'scipy'} & set(sys.modules)\n"
        "assert not late, late\n"
        "assert pm_cls.__version__ and set(pm_cls.__all__) <= {*dir(pm_cls), *pm_cls.__all__}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_photograph_of_another_kind_is_told(trained):
    picture = Image.new("RGB", (8, 8))
    for given in (picture, [picture]):
        with pytest.raises(pm_cls.UsageError, match="paths or uint8 arrays; Image was given"):
            pm_cls.load_run(trained).predict(given)


def test_what_does_not_go_together_is_told(trained):
    for given, words in (
        ({"flips": True}, "go with an ensemble"),
        ({"snapshots": True}, "go with an ensemble"),
        ({"name": "elsewhere"}, "name goes with labels"),
    ):
        with pytest.raises(pm_cls.UsageError, match=words):
            pm_cls.evaluate(trained, **given)
