"""What docs/architecture.md promises to whoever adds something: one file, one line."""

import json

import numpy as np
import paddle
import pytest
from paddle import nn

import pm_cls
from pm_cls.config import Config
from pm_cls.data import DATASETS
from pm_cls.data.dataset import Dataset, Source, Spec, Split
from pm_cls.models import MODELS
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.target import Classes, Several
from pm_cls.train.losses import LOSSES

SIDE = 12


class Toy(nn.Layer):
    """No `features` and no `classifier`; a shortcut, and an option of its own."""

    def __init__(
        self, *, channels=3, outputs=1, activation="relu", image_size=SIDE, width: int = 4
    ):
        super().__init__()
        self.reads = nn.Conv2D(channels, width, 3, padding=1)
        self.mixes = nn.Conv2D(width, width, 3, padding=1)
        self.act = nn.ReLU()
        self.says = nn.Linear(width, outputs)

    def forward(self, images):
        maps = self.act(self.reads(images))
        return self.says((maps + self.act(self.mixes(maps))).mean([2, 3]))


def toy_split(n, seed):
    """Red, green and blue pictures."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % 3
    images = rng.integers(0, 100, (n, 3, SIDE, SIDE), np.uint8)
    images[np.arange(n), labels] += 150
    return Split(tuple(f"picture {i}" for i in range(n)), labels, images)


def load_toy(config):
    counts = {"training": {"red": 10, "green": 10, "blue": 10}}
    spec = Spec(channels=3, target=Classes(3))
    return Dataset("toy", "d1", toy_split(30, 0), toy_split(15, 1), spec, counts)


def squares(logits, labels, target, *, of_others: float = 1.0):
    """The squared distance to 1 of the label's logit, to 0 of the others."""
    right = paddle.nn.functional.one_hot(paddle.to_tensor(labels), target.outputs)
    return ((logits - right) ** 2 * (right + of_others * (1 - right))).sum(axis=1)


@pytest.fixture
def grown(monkeypatch):
    monkeypatch.setitem(MODELS, "toy", Toy)
    monkeypatch.setitem(DATASETS, "toy", Source(Spec(channels=3, target=Classes(3)), load_toy))
    monkeypatch.setitem(LOSSES, "squares", squares)


def config(**changes):
    sections = {
        "data": {"name": "toy", "image_size": SIDE},
        "model": {"name": "toy", "width": 6},
        "optimizer": {"learning_rate": 0.05},
        "loss": {"name": "squares", "of_others": 0.5},
        "train": {"epochs": 8, "batch_size": 5, "report_epochs": [4, 8]},
    }
    return Config(experiment="toy", **{k: {**v, **changes.get(k, {})} for k, v in sections.items()})


def test_a_network_a_data_set_a_loss_and_a_section_of_ones_own(grown, tmp_path, monkeypatch):
    from pm_cls.presentation.text import Text
    from pm_cls.report.section import Content, Section
    from pm_cls.report.sections import SECTIONS

    (tmp_path / "toy.html.j2").write_text("<p>{{ it }} toys</p>")
    made = Section(
        "toy",
        Text("Toys", "玩具"),
        lambda material: Content(len(material.runs), files={"toys.csv": "toys\n1\n"}),
        tmp_path,
    )
    monkeypatch.setattr("pm_cls.report.build.SECTIONS", [*SECTIONS, made])

    run = pm_cls.train(config(), tmp_path / "runs", "cpu")
    result = json.loads((run.folder / "result.json").read_text())
    assert result["epochs"]["8"]["accuracy"] == 1 and result["epochs"]["8"]["auc"] == 1
    header = (run.folder / "predictions_epoch8.csv").read_text().splitlines()[0]
    assert header == "image,label,logit_0,logit_1,logit_2"
    assert run.network.reads.weight.shape[0] == 6
    photograph = np.zeros((20, 30, 3), np.uint8)
    photograph[..., 1] = 200
    (answer,) = run.predict(photograph)
    assert answer.label == 1 and len(answer.logit) == 3 and answer.probability > 0.4
    again = pm_cls.evaluate(run.folder, device="cpu")
    assert all("bit for bit" in one.notes[0] for one in again)

    pm_cls.report(tmp_path / "runs", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "<p>1 toys</p>" in page and 'href="#toy"' in page
    assert "玩具" in (tmp_path / "out" / "report.zh.html").read_text("utf-8")
    assert (tmp_path / "out" / "toys.csv").is_file()
    records = (tmp_path / "out" / "records.csv").read_text()
    assert "toy,0,8,toy,15,15,1," in records


def test_its_options_are_checked_in_words(grown, tmp_path):
    with pytest.raises(UsageError, match=r"`model\.widht` is no key of .*toy; did you mean.*width"):
        pm_cls.build_model(config(model={"widht": 3}), "cpu")
    with pytest.raises(UsageError, match=r"`model\.width` is 'wide'; .*integer"):
        pm_cls.build_model(config(model={"width": "wide"}), "cpu")
    with pytest.raises(
        UsageError, match=r"`loss\.name` is 'square'; known: cross_entropy, .*squares"
    ):
        pm_cls.train(config(loss={"name": "square"}), tmp_path, "cpu")
    with pytest.raises(UsageError, match=r"`loss\.of_other` is no key of squares; did you mean"):
        pm_cls.train(config(loss={"of_other": 2}), tmp_path, "cpu")
    with pytest.raises(UsageError, match=r"known: ichallenge_pm, .*, toy"):
        pm_cls.train(config(data={"name": "toys"}), tmp_path, "cpu")


def test_its_layers_can_be_looked_into(grown, tmp_path):
    from pm_cls.inspect import inspect
    from pm_cls.records import gradients

    run = pm_cls.train(config(), tmp_path, "cpu")
    inspect(run.folder, device="cpu")
    states = gradients.read(run.folder)
    assert [one.layer for one in states] == ["conv1", "conv2", "fc1"] * 3
    assert all(one.gradient_norm > 0 for one in states) and 0 < states[0].saturated < 1
    assert states[2].saturated is None


def test_several_questions_at_once(grown, tmp_path, monkeypatch):
    """Red or not, dark or not: two labels an image."""

    def load(config):
        whole = load_toy(config)
        splits = [
            Split(
                s.names, np.stack([s.labels == 0, s.labels == 2], axis=1).astype(np.int64), s.images
            )
            for s in (whole.train, whole.validation)
        ]
        return Dataset("two", "d2", *splits, Spec(3, Several(2)), {"training": {"all": 30}})

    monkeypatch.setitem(DATASETS, "two", Source(Spec(3, Several(2)), load))
    chosen = config(data={"name": "two"}, loss={"name": "cross_entropy", "of_others": None})
    run = pm_cls.train(chosen, tmp_path, "cpu")
    found = pm_cls.evaluate(run.folder, device="cpu")[-1]
    assert "bit for bit" in found.notes[0] and found.predictions.labels.shape == (15, 2)
    assert found.scores.auc == 1 and found.scores.accuracy > 0.6
    header = (run.folder / "predictions_epoch8.csv").read_text().splitlines()[0]
    assert header == "image,label_0,label_1,logit_0,logit_1"
