"""`train --keys` says of every key what it takes."""

import dataclasses
import re

import numpy as np
import pytest

from pm_cls.config import Config
from pm_cls.data import load_dataset
from pm_cls.models import build
from pm_cls.runtime.errors import UsageError
from pm_cls.train import train
from pm_cls.train.__main__ import main
from pm_cls.train.keys import NAMED, check, described
from pm_cls.train.lessons import Lessons
from pm_cls.train.objective import Objective


def paragraph(key):
    lines = described().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{key}: "))
    end = next((i for i in range(start + 1, len(lines)) if lines[i][0] != " "), len(lines))
    return "\n".join(lines[start:end])


def test_every_key_has_a_paragraph_with_a_meaning():
    text = described()
    keys = [key for key in Config(experiment="x").flat() if not key.startswith("train.augm")]
    for key in [*keys, "data.root", "seed", "train.augmentation"]:
        assert re.search(rf"^{re.escape(key)}: .+\n    \S", text, re.MULTILINE), key
    assert "None" not in text and "Annotated" not in text


def test_what_stands_there_can_be_typed():
    assert paragraph("model.pretrained").startswith("model.pretrained: imagenet | null")
    assert "default [5, 10]" in paragraph("train.report_epochs")


def test_all_that_can_be_named_is_there_with_its_options():
    for key, known in NAMED.items():
        for name in known:
            assert re.search(rf"^      {name}: \w", paragraph(key), re.MULTILINE), (key, name)
    assert "        loss.gamma: number >= 0, default 2" in paragraph("loss.name")
    assert (
        "        model.pool_to: whole number >= 1 <= 1024 | null, default null\n"
        "          Over a grid of so many cells a side"
    ) in paragraph("model.name")


def test_options_of_networks_and_optimisers_have_a_meaning():
    for key in ("model.name", "optimizer.name"):
        after = re.findall(r"^        \w+\.\w+: .*\n( *)", paragraph(key), re.MULTILINE)
        assert after and set(after) == {" " * 10}


def test_ranges_and_defaults():
    assert paragraph("model.dropout").startswith("model.dropout: number >= 0 < 1 | null, default n")
    assert paragraph("train.epochs").startswith("train.epochs: whole number >= 1 <= 1000000, defau")
    assert paragraph("optimizer.learning_rate").splitlines()[0].endswith("> 0, default 0.001")
    assert paragraph("train.weights").startswith(
        "train.weights: last | best | average, default last"
    )


def test_the_command_needs_nothing_else(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--keys"])
    assert ended.value.code == 0 and capsys.readouterr().out.strip() == described()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.fit=regression", "loss.name=hinge"], "`loss.name` is for training in steps"),
        (["train.fit=regression", "train.order=as_stored"], "`train.order` is for training in"),
        (["train.fit=regression", "optimizer.l1=0.1"], "`optimizer.l1` is for training in steps"),
        (
            ["model.name=dense", "model.grey=true", "data.channel_order=bgr"],
            "model.grey` weighs",
        ),
        (
            ["model.name=resnet18", "model.pretrained=imagenet", "data.channel_order=bgr"],
            "weights learned on red, green, blue",
        ),
        (["train.augmentation.mixup=0.2", "loss.centre=0.1"], "goes by the class"),
        (
            ["loss.class_weights=balanced", "train.order=undersampled"],
            "the rare ones would count twice",
        ),
        (
            ["train.fit=regression", "train.hold_out=0.2", "train.weights=average"],
            "average is for training in steps",
        ),
        (["train.hold_out=0.01"], "hold_out` 0.01 of 24 training images is none; 0.042 holds one"),
    ],
)
def test_settings_that_would_be_passed_over_are_refused(settings, words, tiny_config, tmp_path):
    once = ["train.epochs=1", "train.report_epochs=[1]"]
    with pytest.raises(UsageError, match=words):
        train(tiny_config(*once, *settings), tmp_path, "cpu")


def test_no_is_no_wherever_it_comes_from(tiny_config):
    check(tiny_config("model.name=dense", "data.channel_order=bgr", "model.grey=no"))


def test_a_single_patient_cannot_be_held_out(tiny_config):
    config = tiny_config("train.hold_out=0.2")
    dataset = load_dataset(config.data)
    objective = Objective(config.loss, dataset.spec, build(config, dataset.spec))
    patients = np.zeros(len(dataset.train.labels), np.int64)
    of_one = dataclasses.replace(dataset.train, patients=patients)
    with pytest.raises(UsageError, match="is none; they are of one patient, whose images stay"):
        Lessons(config, of_one, objective)
