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


@pytest.mark.parametrize("section", ["model", "optimizer", "schedule", "loss"])
def test_each_option_has_a_meaning(section):
    named = paragraph(f"{section}.name")
    after = re.findall(r"^        \w+\.\w+: .*\n( *)", named, re.MULTILINE)
    assert after and set(after) == {" " * 10}


def test_ranges_and_defaults():
    assert paragraph("model.dropout").startswith("model.dropout: number >= 0 < 1 | null, default n")
    assert paragraph("train.epochs").startswith("train.epochs: whole number >= 1 <= 1000000, defau")
    assert paragraph("optimizer.learning_rate").splitlines()[0].endswith("> 0, default 0.001")
    assert paragraph("train.weights").startswith(
        "train.weights: last | best | average, default last"
    )


def test_a_network_of_one_activation_says_so():
    of_networks = paragraph("model.name").split("      vgg16: ")[1]
    assert of_networks.splitlines()[1].strip() == "model.activation: relu, default relu"
    assert paragraph("model.name").count("model.activation: ") == 5


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
            ["train.augmentation={mixup: 0.4}", "train.order=balanced_batches"],
            "the second image of `train.augmentation.mixup` is any training image",
        ),
        (
            ["loss.class_weights=balanced", "train.order=undersampled"],
            "the rare ones would count twice",
        ),
        (
            ["train.fit=regression", "train.hold_out=0.2", "train.weights=average"],
            "average is for training in steps",
        ),
        (["optimizer.name=sgd", "optimizer.momentum=0.5"], "momentum` is 0 or left out"),
        (["pretraining.learning_rate=0.1"], r"is for `pretraining.epochs` above 0"),
        (["train.average_decay=0.9"], r"`train.average_decay` is for `train.weights` average"),
        (["data.split_seed=1"], r"`data.split_seed` is for `data.name` folder"),
        (["model.frozen_statistics=true"], "this network has no batch normalisation"),
        (
            ["optimizer.features_rate=0", "loss.centre=0.1"],
            "`loss.centre` moves the layers before the last",
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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["data.field_of_view=crop"], "`data.field_of_view` is for photographs"),
        (["data.colour=even"], "`data.colour` is for photographs"),
        (["data.channel_order=bgr"], "`data.channel_order` is for images in colour"),
    ],
)
def test_keys_of_photographs_are_refused_for_digits(settings, words, tiny_config):
    with pytest.raises(UsageError, match=words):
        check(tiny_config("data.name=mnist", "data.image_size=28", *settings))


def test_what_is_passed_over_may_stand_there_as_it_is(tiny_config):
    check(tiny_config("optimizer.name=sgd", "optimizer.momentum=0"))
    check(tiny_config("optimizer.name=sgd", "optimizer.momentum=0.9", "train.average_decay=0.99"))


def test_a_single_patient_cannot_be_held_out(tiny_config):
    config = tiny_config("train.hold_out=0.2")
    dataset = load_dataset(config.data)
    objective = Objective(config.loss, dataset.spec, build(config, dataset.spec))
    patients = np.zeros(len(dataset.train.labels), np.int64)
    of_one = dataclasses.replace(dataset.train, patients=patients)
    with pytest.raises(UsageError, match="is none; they are of one patient, whose images stay"):
        Lessons(config, of_one, objective)
