"""What each kernel answers to, measured on a network that tells drawn figures."""

import re
import shutil
from dataclasses import replace

import numpy as np
import paddle
import pytest

from pm_cls.config import load_config
from pm_cls.data import DATASETS, load_dataset
from pm_cls.data.transforms import to_float
from pm_cls.evaluate import evaluate
from pm_cls.inspect.__main__ import main
from pm_cls.models.classifier import Run
from pm_cls.presentation import pictures
from pm_cls.presentation.text import Text
from pm_cls.records import responses
from pm_cls.report import report
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import read_csv
from pm_cls.train import train
from tests.conftest import file_of

SETTINGS = (
    "train.epochs=1",
    "train.report_epochs=[1]",
    "data.limit=100",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Of the colour network, a run that was looked into."""
    config = load_config(file_of("colours_cnn"), SETTINGS, "colours_cnn")
    made = train(config, tmp_path_factory.mktemp("runs"), "cpu")
    main(["--run", str(made.folder), "--device", "cpu"])
    return Run.read(made.folder)


def test_means_are_those_of_the_activations_of_each_class(run):
    found, data = responses.read(run.folder), load_dataset(run.config.data).validation
    model = run.network
    model.eval()
    images = paddle.to_tensor((to_float(data.images) + 1) / 2)
    maps = model.layers[1](model.layers[0](images)).numpy()
    expected = [maps[data.labels == label].mean(axis=(0, 2, 3)) for label in range(6)]
    np.testing.assert_allclose(found.layers[0].means, np.transpose(expected), rtol=1e-4, atol=1e-6)
    assert [layer.kernels.shape for layer in found.layers] == [(2, 3, 1, 1), (3, 2, 3, 3)]


def test_an_example_of_each_class_is_kept_with_its_maps(run):
    found, data = responses.read(run.folder), load_dataset(run.config.data).validation
    for label in range(6):
        first = np.flatnonzero(data.labels == label)[0]
        np.testing.assert_array_equal(found.examples[label], data.images[first])
    second = found.layers[1]
    assert second.outputs.shape == second.activations.shape == (6, 3, 12, 12)
    np.testing.assert_array_equal(second.activations, np.maximum(second.outputs, 0))


def test_a_dollar_sign_in_the_name_of_a_class_is_no_formula(run):
    found, names = responses.read(run.folder), [Text(f"{n}$_", f"{n}$_") for n in range(6)]
    axes = pictures.examples(found, names).axes
    assert [one.get_title() for one in axes[:6]] == [rf"{n}\$_" for n in range(6)]
    labels = pictures.responses(found, names).axes[1].get_xticklabels()
    assert [one.get_text() for one in labels] == [rf"{n}\$_" for n in range(6)]


def test_drawn_images_are_looked_for_in_no_folder(run, tmp_path):
    with pytest.raises(UsageError, match=r"drawn_colours, are drawn anew .*; leave .* out"):
        evaluate(run.folder, tmp_path)
    with pytest.raises(UsageError, match="lie in no folder"):
        main(["--run", str(run.folder), "--data", str(tmp_path)])


def test_images_that_are_not_drawn_are_not_kept(run, tmp_path, monkeypatch):
    shutil.copytree(run.folder, tmp_path / "colours_cnn" / "seed0")
    drawn = DATASETS["drawn_colours"]
    monkeypatch.setitem(DATASETS, "drawn_colours", replace(drawn, is_generated=False))
    main(["--run", str(tmp_path / "colours_cnn" / "seed0"), "--device", "cpu"])
    found = responses.read(tmp_path / "colours_cnn" / "seed0")
    assert len(found.examples) == len(found.layers[0].outputs) == 0
    made = report(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out/figures/examples_colours_cnn.png").exists()
    assert (tmp_path / "out/figures/responses_colours_cnn.png").is_file()
    assert made.runs[0].responses is not None


def test_the_report_has_figures_a_table_and_the_errors(run, tmp_path):
    report(run.folder.parents[1], tmp_path)
    lines = read_csv(tmp_path / "responses.csv")
    assert len(lines) == (2 + 3) * 6 and lines[0]["experiment"] == "colours_cnn"
    for name in ("responses_colours_cnn", "examples_colours_cnn"):
        assert (tmp_path / "figures" / f"{name}.png").is_file()
    page = (tmp_path / "report.zh.html").read_text("utf-8")
    assert 'id="kernels"' in page and "品红" in page
    wrong = 100 - int(read_csv(tmp_path / "records.csv")[0]["correct"])
    assert len(read_csv(tmp_path / "errors.csv")) == wrong > 0
    assert (run.folder / "inspection" / "errors.png").is_file()
    copy = tmp_path / "records" / "colours_cnn" / "seed0" / "inspection"
    assert sorted(file.name for file in copy.iterdir()) == [
        "gradients.csv",
        "responses.safetensors",
    ]


@pytest.mark.parametrize("content", [b"", b"\x80\x04cposix\nsystem\n.", bytes(1000)])
def test_a_damaged_file_is_left_out_in_words(run, tmp_path, content):
    shutil.copytree(run.folder, tmp_path / "colours_cnn" / "seed0")
    shutil.copytree(run.folder.parents[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "colours_cnn/seed0" / responses.FILE).write_bytes(content)
    other = tmp_path / "colours_cnn" / "seed1"
    shutil.copytree(run.folder, other)
    text = (other / "result.json").read_text()
    (other / "result.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    made = report(tmp_path, tmp_path / "out")
    (words,) = made.left_out.values()
    assert f"colours_cnn/seed0/{responses.FILE} was left out" in words.en
    assert [one.responses is None for one in made.runs] == [True, False]


def test_a_class_without_an_image_is_told_and_the_next_run_looked_into(run, tmp_path, capsys):
    config = load_config(file_of("colours_cnn"), [*SETTINGS, "data.limit=8"], "colours_cnn")
    made = train(config, tmp_path, "cpu")
    other = tmp_path / "other" / "seed0"
    shutil.copytree(run.folder, other)
    (other / responses.FILE).unlink()
    main(["--run", str(made.folder), str(other), "--device", "cpu"])
    told = capsys.readouterr().out
    assert re.search(r"of class [0-5], of which there is none among its 8 .* is left out", told)
    assert not (made.folder / responses.FILE).exists() and (other / responses.FILE).is_file()
