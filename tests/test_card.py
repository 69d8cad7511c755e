"""Model cards: what hubs read, what stands in them, and what is said to be missing."""

import ast
import json
import re
import shutil

import numpy as np
import pytest
import yaml

from pm_cls.card import __main__ as verb
from pm_cls.card import card
from pm_cls.card.facts import Facts
from pm_cls.evaluate.stress import summary
from pm_cls.presentation.text import LANGUAGES
from pm_cls.records import (
    calibration,
    environment,
    evaluations,
    folder,
    predictions,
    result,
    stress,
)
from pm_cls.records.predictions import Predictions
from pm_cls.records.stress import Stressed
from pm_cls.report.runs import read_run
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.target import Binary
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # words and tables, the same with every version of the libraries

RECORDS = REPOSITORY / "results" / "records"
LOGITS, LABELS = [3.0, 2.0, -1.0, -0.2, 0.4, -2.0], [1, 1, 1, 0, 0, 0]


@pytest.fixture
def bare(fake_run):
    """A run of which nothing was measured but its validation images; four of six are right."""
    return fake_run("lenet7_relu", LOGITS, LABELS) / "lenet7_relu" / "seed0"


@pytest.fixture
def measured(bare):
    """The same with all that can be measured but what it looks at."""
    calibration.write(bare, Calibration(2.0, 0.44, 0.6, 40), None, "held out")
    names = ("P0001.jpg", "P0002.jpg", "H0001.jpg", "H0002.jpg", "N0001.jpg", "N0002.jpg")
    logits = np.array([[3.0], [1.0], [2.0], [-3.0], [-4.0], [-5.0]], np.float32)
    found = Predictions(names, np.array([1, 1, 0, 0, 0, 0]), logits, Binary())
    evaluations.write(bare, evaluations.Evaluation("clinic", "synthetic", "0", [], 10), found)
    cells = [("none", 0, 0.9), ("blur", 1, 0.8), ("blur", 2, 0.6), ("haze", 1, 0.7)]
    stress.write(bare, [Stressed(name, s, 10, 6, 4, 5, auc) for name, s, auc in cells])
    return bare


def parted(text):
    """The front matter as YAML, and the rest."""
    before, front, rest = text.split("---\n", 2)
    assert before == ""
    return yaml.safe_load(front), rest


def values(front, number=0):
    found = front["model-index"][0]["results"][number]["metrics"]
    return {one["type"]: one["value"] for one in found}


@pytest.mark.parametrize("language", LANGUAGES)
def test_hubs_find_what_they_read(trained, language):
    front, words = parted(card(trained, language))
    scores = result.read(trained).epochs[2]
    assert values(front)["accuracy"] == pytest.approx(scores.accuracy, abs=1e-6)
    assert values(front)["roc_auc"] == pytest.approx(scores.auc, abs=1e-6)
    assert front["library_name"] == "paddlepaddle" and front["license"] == "apache-2.0"
    assert front["datasets"] == ["synthetic"] and "not-a-medical-device" in front["tags"]
    assert {"accuracy", "roc_auc", "recall"} == set(front["metrics"])
    title = next(line for line in words.splitlines() if line)
    assert ("SYNTHETIC" in title) if language == "en" else ("合成照片" in title)


def test_classes_of_any_name_are_counted_in_each_language(bare):
    stored = json.loads((bare / environment.FILE).read_text())
    stored["data"]["counts"] = {"training": {"<b>x": 3, "|": 1}}
    (bare / environment.FILE).write_text(json.dumps(stored))
    assert "| training images | 4 (&lt;b>x: 3, \\|: 1) |" in card(bare, "en")
    assert "| 训练图像 | 4（&lt;b>x：3，\\|：1） |" in card(bare, "zh")


def test_parameters_are_counted_from_the_weights(trained):
    from pm_cls import load_run

    found = load_run(trained, device="cpu").network.parameters()
    assert Facts(read_run(trained)).parameters == sum(one.size for one in found)


def test_it_does_not_tell_where_the_photographs_lay(trained, photographs):
    assert str(photographs.parent) not in card(trained)


def test_what_nobody_measured_is_said(bare, monkeypatch):
    monkeypatch.chdir(bare.parents[1])
    text = card("lenet7_relu/seed0")
    run = "--run lenet7_relu/seed0"
    for command in (f"evaluate {run} --stress", f"evaluate {run} --data", f"inspect {run}"):
        assert f"Not measured: run `pm-cls {command}" in text
    assert "No threshold is stored" in text and "do not tell high myopia (H)" in text
    assert "the weights do not lie beside the run" in text
    assert "was not looked at" in text  # whether images are repeated
    assert "what another seed does is not known" in text
    assert parted(text)[0]["license"] == "other"  # whose photographs these are not ours
    assert "SYNTHETIC" not in text


def test_what_was_measured_stands_there(measured):
    front, text = parted(card(measured))
    assert "| validation images | 6 | 0.50 | 66.67 (30.00 to 90.32) | 66.67 " in text
    # The logit -0.2 is 0.475 by the stored temperature, and 0.4 is 0.55: both called ill.
    assert "| validation images | 6 | 0.44 | 50.00 " in text
    assert values(front)["accuracy"] == 0.5  # as `predict` answers
    assert "| elsewhere: clinic (SYNTHETIC) | 6 | 0.44 | 83.33 " in text
    assert values(front, 1)["specificity"] == 0.75
    assert "| H, high myopia | 2 | 50.00 " in text and "| N, normal | 2 | 0.00 " in text
    assert "0.700 on the mean and 0.600 at worst (blur, strength 2)" in text
    assert "83.3% on the mean" in text and "（模糊，强度 2）" in card(measured, "zh")
    assert (
        "With the stored temperature 2.00 it is" in text
        and "fitted on 40 answers to training" in text
    )
    assert "not sure of 33.33%" in text  # the two whose probability lies between 0.4 and 0.6


def test_letters_that_mean_something_else_make_no_groups(measured):
    facts, found = evaluations.read_all(measured)["clinic"]
    names = [name.replace("H000", "P001") for name in found.names]  # P without label 1
    other = Predictions(tuple(names), found.labels, found.logits, found.target)
    evaluations.write(measured, facts, other)
    assert "high myopia |" not in card(measured)


def test_a_committed_record_with_seeds_repetitions_and_ablations():
    texts = {one: card(RECORDS / "lenet7_relu" / "seed0", one) for one in LANGUAGES}
    assert "5 runs that differ in the seed alone" in texts["en"]
    assert "P0056.jpg = V0163.jpg" in texts["en"]
    assert "| brightest place covered | 74.00 | 0.817 |" in texts["en"]
    assert "| 遮住最亮处 | 74.00 | 0.817 |" in texts["zh"]
    rows = {k: [line.count("|") for line in t.splitlines()] for k, t in texts.items()}
    assert len(rows["en"]) == len(rows["zh"]) and rows["en"] == rows["zh"]


def test_networks_of_other_kinds():
    text = card(RECORDS / "lenet7_sigmoid" / "seed0")
    assert "the same answer to every validation image" in text
    text = card(RECORDS / "mnist_lenet" / "seed0")
    assert "| 10 logits |" in text and "fundus" not in text and "--stress" not in text


def test_it_is_constant_where_predict_is(bare, measured):
    assert not Facts(read_run(measured)).is_constant
    calibration.write(bare, Calibration(1.0, 0.99, 0.6, 40), None, "held out")
    assert Facts(read_run(bare)).is_constant  # no logit is that of 0.99
    assert "the same answer to every validation image" in card(bare)


def test_without_an_auc_the_accuracy_under_stress_is_told(measured):
    stress.write(
        measured, [Stressed("blur", 2, 10, 6, 4, 5, None), Stressed("haze", 2, 10, 6, 3, 3, 1.0)]
    )
    text = card(measured)
    assert (
        "2 changes and strengths the accuracy is 66.7% on the mean and 50.0% at worst (haze" in text
    )
    assert "--stress" not in text
    words = summary(read_run(measured).stress)
    assert (
        words == "AUC undefined, as the photographs lack a class; accuracy 66.67% and 50.00% (haze)"
    )


def test_what_stands_beside_a_run_can_be_mended_alone(measured):
    (measured / stress.FILE).write_text("change,strength\nblur,much\n")
    with pytest.raises(UsageError, match=r"stress\.csv: is damaged .*evaluate --stress` writes it"):
        card(measured)


def test_a_damaged_seed_beside_it_is_passed_over(bare):
    shutil.copytree(bare, bare.with_name("seed1"))
    (bare.with_name("seed1") / result.FILE).write_text("{")
    assert Facts(read_run(bare)).seeds is None


def test_the_verb_writes_a_file_or_says_why_not(bare, tmp_path, capsys):
    out = tmp_path / "new" / "card.md"
    verb.main(["--run", str(bare), "--out", str(out), "--lang", "zh"])
    assert out.read_text(encoding="utf-8") == card(bare, "zh")
    verb.main(["--run", str(bare)])
    assert capsys.readouterr().out.endswith(card(bare))
    with pytest.raises(UsageError, match="holds no finished run"):
        verb.main(["--run", str(tmp_path)])
    with pytest.raises(UsageError, match="is a folder; name a file"):
        verb.main(["--run", str(bare), "--out", str(tmp_path)])
    with pytest.raises(UsageError, match=r"result.json: does not end in .md"):
        verb.main(["--run", str(bare), "--out", str(bare / "result.json")])


def test_the_example_of_the_card_is_python(bare):
    for language in ("en", "zh"):
        (code,) = re.findall(r"```python\n(.*?)\n```\n", card(bare, language), re.S)
        calls = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call)]
        called = {ast.unparse(one.func) for one in calls}
        assert called == {"pm_cls.load_run", "run.predict", "print"}


def test_a_damaged_run_is_told(bare, tmp_path):
    copy = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(bare, copy)
    folder.weights_file(copy, 10).write_bytes(b"no tensors")
    with pytest.raises(UsageError, match=r"weights_epoch10\.safetensors: is damaged"):
        card(copy)
    predictions.file(copy, 10).write_text("image,label,logit\n")
    with pytest.raises(UsageError, match="is damaged"):
        card(copy)
