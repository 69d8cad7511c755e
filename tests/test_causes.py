"""When a run leaves the prior, which experiments it belongs to, and what follows for the thesis."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pm_cls import causes, claims
from pm_cls.config import Config, load_config
from pm_cls.figures import leaving_the_prior
from pm_cls.results import LayerLine, Run
from pm_cls.runs import Predictions

from .conftest import REPOSITORY

COUNTS = {"training": {"P": 213, "N": 161, "H": 26}, "validation": {"1": 211, "0": 189}}


def run_of(name, left, seed=0, official=True, limit=None, **sections):
    """A run whose training loss falls below the threshold at epoch `left`."""
    config = Config.model_validate({"experiment": name, "seed": seed, **sections})
    digits = config.data.name == "mnist"
    high, low = (2.3, 0.3) if digits else (0.69, 0.2)
    epochs = [
        {"epoch": e, "train_loss": low if left and e >= left else high, "validation_correct": 211.0,
         "validation_n": 400.0}
        for e in range(1, config.train.epochs + 1)
    ]  # fmt: skip
    counts = {"train": 60000, "test": 10000} if digits else COUNTS
    predictions = Predictions(("a",), np.array([0]), np.zeros((1, 10 if digits else 1)))
    return Run(
        Path(), name, seed, config.data.name, "c", False, config,
        {"data": {"counts": counts, "official": official}}, epochs, {1: predictions}, {}, {},
    )  # fmt: skip


def sizes(left_at, epochs=400, seeds=(0, 1, 2)):
    """LeNet-7 with sigmoid, by image size the epoch at which it leaves the prior."""
    return [
        run_of(
            f"sigmoid_{size}", left, seed, data={"image_size": size},
            model={"activation": "sigmoid"}, train={"epochs": epochs},
        )
        for size, left in left_at.items()
        for seed in seeds
    ]  # fmt: skip


def change(name, left, seeds=(0, 1, 2), **sections):
    model = {"activation": "sigmoid"} | sections.pop("model", {})
    return [run_of(name, left, seed, model=model, **sections) for seed in seeds]


def verdicts(found):
    judged = claims.judge([], causes.find(found))
    return {c.id: c.verdict for c in judged if c.rule in claims.CAUSE_RULES}


def test_configs_of_the_experiments_fall_into_their_groups():
    found = {}
    for file in (REPOSITORY / "configs" / "causes").glob("*.yaml"):
        config = load_config(file)
        (one,) = causes.find([run_of(**{"left": None, "name": config.experiment, **{
            key: value for key, value in config.model_dump(mode="json").items()
            if key not in ("experiment", "seed")
        }})])  # fmt: skip
        found[one.name] = one
        parts = one.name.split("_")
        if one.group in ("size", "pooled"):
            assert (one.activation, str(one.image_size)) == (parts[0], parts[1])
    count = [one.group for one in found.values()].count
    assert {group: count(group) for group in causes.GROUPS} == {
        "size": 12, "pooled": 3, "change": 8, "mnist": 2,
    }  # fmt: skip
    assert found["mnist_400"].updates == 40 and found["sigmoid_224_batch_1"].updates == 400
    assert found["mnist_200_updates"].updates * found["mnist_200_updates"].limit == 200


def test_runs_of_the_thesis_and_of_other_data_are_no_experiments_on_causes():
    assert not causes.find([run_of("lenet7_relu", 1), *change("lenet7_sigmoid", None)])
    assert not causes.find([run_of("a", 1, official=False, data={"image_size": 28})])
    two = {"model": {"init_gain": 4.0}, "optimizer": {"learning_rate": 0.1}}
    assert not causes.find(change("two", 1, **two))
    marked = dataclasses.replace(sizes({28: 5})[0], dataset="synthetic")
    assert not causes.find([marked])


def test_leaving_is_the_first_epoch_below_the_threshold():
    (one,) = causes.find(sizes({28: 277}, seeds=(0,)) + sizes({28: None}, seeds=(1,)))
    assert one.left == [277, None] and one.epochs == [277]
    assert not one.all_left and not one.none_left
    assert causes.left_words(one).en == "epoch 277; 1 of 2 not within 400"
    run = sizes({28: 5})[0]
    at_threshold = [{**line, "train_loss": 0.62} for line in run.epochs]
    (same,) = causes.find([dataclasses.replace(run, epochs=at_threshold)])
    assert same.none_left


def test_ten_digits_have_a_threshold_of_their_own():
    digits = {"data": {"name": "mnist", "image_size": 28, "limit": 400}}
    digits["model"] = {"name": "mnist_lenet", "activation": "sigmoid"}
    (one,) = causes.find([run_of("mnist_400", 7, **digits)])
    assert one.left == [7] and one.images == 400
    assert 2.05 < causes.threshold(one.runs[0]) < 2.06


NORMALISED = {"model": {"normalization": "layers"}}


@pytest.mark.parametrize(
    ("found", "more_epochs", "image_size"),
    [
        ([], "not_yet_tested", "not_yet_tested"),
        (sizes({28: 277, 56: 130}), "not_yet_tested", "not_yet_tested"),
        (sizes({28: 277, 224: None}), "not_supported", "not_yet_tested"),
        (sizes({28: 277, 224: 200}), "not_reproduced", "not_yet_tested"),
        (sizes({28: None, 224: None}), "reproduced", "not_yet_tested"),
        (sizes({28: 277}) + change("a", 1, **NORMALISED), "not_yet_tested", "not_reproduced"),
        (sizes({28: 277}) + change("a", None, **NORMALISED), "not_yet_tested", "not_supported"),
        (sizes({28: 5}) + change("a", None, **NORMALISED), "not_yet_tested", "reproduced"),
        (sizes({28: 5}) + change("a", 1, **NORMALISED), "not_yet_tested", "not_supported"),
        (sizes({28: 5, 56: 11}) + change("a", None, **NORMALISED), "not_yet_tested",
         "not_supported"),
        (sizes({28: 277}, seeds=(0, 1)) + change("a", 1, **NORMALISED), "not_yet_tested",
         "not_yet_tested"),
        (sizes({28: 277}) + change("a", 1, seeds=(0,), **NORMALISED), "not_yet_tested",
         "not_yet_tested"),
        (sizes({224: None}, seeds=(0,)) + sizes({28: 277}), "not_supported", "not_yet_tested"),
    ],
)  # fmt: skip
def test_verdicts_follow_from_the_rules(found, more_epochs, image_size):
    expected = {"more_epochs_do_not_help": more_epochs, "cause_is_image_size": image_size}
    assert verdicts(found) == expected


@pytest.mark.parametrize(
    ("at_224", "words"), [(2e-5, "5 times smaller at 224 pixels"), (8e-5, "Nor does the gradient")]
)
def test_the_gradient_is_compared_with_the_least_of_smaller_images(at_224, words):
    found = []
    for size, norm in ((28, 1e-3), (112, 1e-4), (224, at_224)):
        (run,) = sizes({size: None}, seeds=(0,))
        lines = [LayerLine(5, 200, "conv1", norm, 0.0), LayerLine(5, 200, "fc1", 1.0, size / 250)]
        found.append(dataclasses.replace(run, layers=lines))
    first, second = causes.explain(causes.find(found))
    assert words in second.en and "at 112" in second.en
    assert "1.0e-03 (28)" in first.en and "89.6% (224, fc1)" in first.en


@pytest.mark.parametrize(("at_224", "said"), [(6, False), (None, True)])
def test_another_activation_tells_whether_size_matters(at_224, said):
    found = sizes({28: 277, 224: None})
    for size, left in ((28, 2), (224, at_224)):
        given = {"data": {"image_size": size}, "model": {"activation": "tanh"},
                 "train": {"epochs": 30}}  # fmt: skip
        found += [run_of(f"tanh_{size}", 2, **given), run_of(f"tanh_{size}", left, **given)]
    first, second = causes.explain(causes.find(found))
    assert ("tanh leaves the prior in every run at the smaller sizes" in second.en) is said
    assert ("With tanh at 224 pixels: epoch 2; 1 of 2 not within" in first.en) is said
    assert ("within 6 epochs: [tanh_28, tanh_224]" in first.en) is not said
    assert "[tanh_28, tanh_224]" in (second.zh if said else first.zh)


def test_every_sentence_on_a_measurement_names_its_records():
    found = sizes({28: 277, 224: None}) + change("norm", 1, **NORMALISED)
    found += change("adam", None, optimizer={"name": "adam"})
    found += [
        run_of("tanh_28", 2, data={"image_size": 28}, model={"activation": "tanh"}),
        run_of("sigmoid_56_pooled", 9, data={"image_size": 56},
               model={"activation": "sigmoid", "pool_to": 1}),
    ]  # fmt: skip
    paragraphs = causes.explain(causes.find(found))
    assert len(paragraphs) == 2
    for language in ("en", "zh"):
        text = " ".join(paragraph.of(language) for paragraph in paragraphs)
        for record in ("sigmoid_28", "sigmoid_224", "norm", "adam", "tanh_28", "sigmoid_56_pooled"):
            assert f"[{record}" in text or f", {record}" in text, record
    assert "epoch 277, 277, 277" in paragraphs[0].en
    assert "not within 400 epochs" in paragraphs[0].en
    assert causes.explain([]) == []
    drawn = leaving_the_prior(causes.find(found))
    assert [axes.get_title() for axes in drawn.axes] == ["sigmoid", "tanh"]
    assert len(drawn.axes[0].lines) == 6 + 1  # a line a run, and the threshold
