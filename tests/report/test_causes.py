"""When a run leaves the prior, which experiments it belongs to, and what follows for the thesis."""

import dataclasses
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

from pm_cls.config import Config, load_config
from pm_cls.config.studies import experiments_of
from pm_cls.records.environment import Data, Environment
from pm_cls.records.epochs import Epoch
from pm_cls.records.gradients import LayerState
from pm_cls.records.predictions import Predictions
from pm_cls.report import page
from pm_cls.report.published import causes, claims
from pm_cls.report.runs import Record
from pm_cls.report.section import SECTIONS_FOLDER
from pm_cls.report.sections.causes import findings, leaving_the_prior
from pm_cls.scores.target import Binary, Classes

CONFIGS = Path(__file__).parents[2] / "configs"
COUNTS = {"training": {"P": 213, "N": 161, "H": 26}, "validation": {"1": 211, "0": 189}}


def run_of(name, left, seed=0, official=True, limit=None, **sections):
    """A run whose training loss falls below the threshold at epoch `left`."""
    config = Config.model_validate({"experiment": name, "seed": seed, **sections})
    digits = config.data.name == "mnist"
    high, low = (2.3, 0.3) if digits else (0.69, 0.2)
    epochs = [
        Epoch(e, low if left and e >= left else high, 0.5, 211, 400, 1.0)
        for e in range(1, config.train.epochs + 1)
    ]
    counts = {"train": 60000, "test": 10000} if digits else COUNTS
    data = Data(counts=counts, official=official, limit=config.data.limit)
    target = Classes(10) if digits else Binary()
    predictions = Predictions(("a",), np.array([0]), np.zeros((1, target.outputs)), target)
    return Record(
        Path(), name, seed, config.data.name, "c", False, config, Environment(data=data), epochs,
        {1: predictions}, {}, {}, [], None, None,
    )  # fmt: skip


def explained(found, language="en"):
    """The two paragraphs of the page; nothing without what they need."""
    made = findings(causes.find(found))
    if made is None:
        return []
    template = (
        '{% import "causes_words.html.j2" as words %}{{ words.measured(language, it) | prose }}|'
        "{{ words.follows(language, it) | prose }}"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "both.html.j2").write_text(template)
        folders = [Path(folder), SECTIONS_FOLDER]
        return page.fill("both.html.j2", language, folders, it=made).split("|")


def sizes(left_at, epochs=400, seeds=(0, 1, 2)):
    """LeNet-7 with sigmoid, by image size the epoch at which it leaves the prior."""
    return [
        run_of(
            f"sigmoid_{size}", left, seed, data={"image_size": size},
            model={"activation": "sigmoid"}, train={"epochs": epochs, "report_epochs": [epochs]},
        )
        for size, left in left_at.items()
        for seed in seeds
    ]  # fmt: skip


def change(name, left, seeds=(0, 1, 2), **sections):
    model = {"activation": "sigmoid"} | sections.pop("model", {})
    return [run_of(name, left, seed, model=model, **sections) for seed in seeds]


def verdicts(found):
    judged = claims.judge([], causes.find(found))
    return {c.id: c.verdict for c in judged if c.rule in ("more_epochs", "image_size")}


def groups(found):
    return [one.group.name for one in causes.find(found).experiments]


def test_configs_of_the_experiments_fall_into_their_groups():
    found = {}
    for file in (CONFIGS / "causes").glob("*.yaml"):
        for name in experiments_of(file):
            config = load_config(file, experiment=name).model_dump(mode="json")
            sections = {k: v for k, v in config.items() if k not in ("experiment", "seed")}
            (one,) = causes.find([run_of(name, None, **sections)]).experiments
            found[name] = one
            if one.group.name in ("size", "pooled"):
                assert [one.panel, str(one.size)] == name.split("_")[:2]
    names = [one.group.name for one in found.values()]
    assert {group: names.count(group) for group in names} == {
        "size": 12, "pooled": 3, "change": 8, "mnist": 2,
    }  # fmt: skip
    assert found["mnist_400"].updates == 40 and found["sigmoid_224_batch_1"].updates == 400
    assert found["mnist_200_updates"].updates * found["mnist_200_updates"].limit == 200


def test_runs_of_the_thesis_and_of_other_data_are_no_experiments_on_causes():
    assert not groups([run_of("lenet7_relu", 1), *change("lenet7_sigmoid", None)])
    assert not groups([run_of("a", 1, official=False, data={"image_size": 28})])
    assert not groups([dataclasses.replace(sizes({28: 5})[0], dataset="synthetic")])
    assert not groups([run_of("a", 1, model={"name": "lenet9", "activation": "sigmoid"},
                              train={"epochs": 30})])  # fmt: skip


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        (
            {"model": {"init_gain": 4.0}, "optimizer": {"learning_rate": 0.1}},
            ["model.init_gain", "optimizer.learning_rate"],
        ),
        (
            {"data": {"image_size": 112, "channel_order": "bgr"}},
            ["data.channel_order", "data.image_size"],
        ),
        ({"model": {"stride": 2, "init_gain": 2}}, ["model.init_gain", "model.stride"]),
    ],
)
def test_a_run_that_differs_in_more_is_named_and_in_no_group(sections, keys):
    found = causes.find(change("mine", 1, **sections))
    assert not found.experiments and found.outside == {"mine": keys}


@pytest.mark.parametrize(
    "train", [{"hold_out": 0.5}, {"order": "undersampled"}, {"thinned": {1: 0.1}}]
)
def test_a_run_on_another_number_of_images_is_none_of_the_study(train):
    found = causes.find(change("fewer", 1, train=train))
    assert not found.experiments and not found.outside


def test_one_change_counts_whatever_it_is_and_bits_do_not():
    bgr = change("bgr", 1, data={"channel_order": "bgr"})
    slow = change("slow", 1, data={"image_size": 56}, model={"fast": False})
    assert groups(bgr) == ["change"] and groups(slow) == ["size"]
    (one,) = causes.find(bgr).experiments
    assert one.change_words == "data.channel_order bgr"


def test_a_new_activation_stands_after_the_known_ones():
    new = run_of("new", 2, data={"image_size": 28})
    model = new.config.model.model_copy(update={"activation": "leaky_relu"})
    new = dataclasses.replace(new, config=new.config.model_copy(update={"model": model}))
    found = [*sizes({28: 277, 224: None}), new, run_of("relu_28", 2, data={"image_size": 28})]
    named = [one.panel for one in causes.find(found).experiments]
    assert named == ["sigmoid", "sigmoid", "relu", "leaky_relu"]
    assert "[relu_28, new]" in explained(found)[0]


def test_leaving_is_the_first_epoch_below_the_threshold():
    (one,) = causes.find(sizes({28: 277}, seeds=(0,)) + sizes({28: None}, seeds=(1,))).experiments
    assert one.left == [277, None] and one.epochs == [277]
    assert not one.all_left
    assert one.left_words.en == "epoch 277; 1 of 2 not within 400"
    run = sizes({28: 5})[0]
    at_threshold = [dataclasses.replace(line, train_loss=0.62) for line in run.epochs]
    (same,) = causes.find([dataclasses.replace(run, epochs=at_threshold)]).experiments
    assert not same.epochs


def test_ten_digits_have_a_threshold_of_their_own():
    digits = {"data": {"name": "mnist", "image_size": 28, "limit": 400}}
    digits["model"] = {"name": "mnist_lenet", "activation": "sigmoid"}
    (one,) = causes.find([run_of("mnist_400", 7, **digits)]).experiments
    assert one.left == [7] and one.images == 400
    assert 2.05 < causes.threshold(one.runs[0]) < 2.06


NORMALISED = {"model": {"normalization": "layers"}}
BRIEF = {"train": {"epochs": 1, "report_epochs": [1]}}


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
        # Fewer epochs than the thesis' are no evidence, unless all runs left within them.
        (sizes({28: None, 224: None}, epochs=2), "not_yet_tested", "not_yet_tested"),
        (sizes({28: None}, epochs=2) + change("a", 1, **NORMALISED), "not_yet_tested",
         "not_yet_tested"),
        (sizes({28: 277}) + change("a", None, **BRIEF, **NORMALISED),
         "not_yet_tested", "not_yet_tested"),
        (sizes({28: 277}) + change("a", 1, **BRIEF, **NORMALISED), "not_yet_tested",
         "not_reproduced"),
        # Of two experiments of a size one that left tells, whichever is read first.
        (sizes({28: 277, 224: None}) + change("longer", 251, train={"epochs": 300}),
         "not_reproduced", "not_yet_tested"),
        (sizes({28: 277, 224: None}) + change("a_longer", 251, train={"epochs": 300}),
         "not_reproduced", "not_yet_tested"),
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
        lines = [LayerState(5, 200, "conv1", norm, 0.0), LayerState(5, 200, "fc1", 1.0, size / 250)]
        found.append(dataclasses.replace(run, layers=lines))
    first, second = explained(found)
    assert words in second and "at 112" in second
    assert "1.0e-03 (28)" in first and "89.6% (224, fc1)" in first


@pytest.mark.parametrize(("at_224", "said"), [(6, False), (None, True)])
def test_another_activation_tells_whether_size_matters(at_224, said):
    found = sizes({28: 277, 224: None})
    for size, left in ((28, 2), (224, at_224)):
        given = {"data": {"image_size": size}, "model": {"activation": "tanh"},
                 "train": {"epochs": 30}}  # fmt: skip
        found += [run_of(f"tanh_{size}", 2, **given), run_of(f"tanh_{size}", left, **given)]
    first, second = explained(found)
    assert ("tanh leaves the prior in every run at the smaller sizes" in second) is said
    assert ("With tanh at 224 pixels: epoch 2; 1 of 2 not within" in first) is said
    assert ("within 6 epochs: [tanh_28, tanh_224]" in first) is not said
    chinese = explained(found, "zh")
    assert "[tanh_28, tanh_224]" in chinese[1 if said else 0]


def test_every_sentence_on_a_measurement_names_its_records():
    found = sizes({28: 277, 224: None}) + change("norm", 1, **NORMALISED)
    found += change("adam", None, optimizer={"name": "adam"})
    found += [
        run_of("tanh_28", 2, data={"image_size": 28}, model={"activation": "tanh"}),
        run_of("sigmoid_56_pooled", 9, data={"image_size": 56},
               model={"activation": "sigmoid", "pool_to": 1}),
    ]  # fmt: skip
    for language in ("en", "zh"):
        paragraphs = explained(found, language)
        assert len(paragraphs) == 2
        text = " ".join(paragraphs)
        for record in ("sigmoid_28", "sigmoid_224", "norm", "adam", "tanh_28", "sigmoid_56_pooled"):
            assert f"[{record}" in text or f", {record}" in text, record
        assert bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh")
    assert "epoch 277, 277, 277" in explained(found)[0]
    assert "not within 400 epochs" in explained(found)[0]
    assert explained([]) == []
    drawn = leaving_the_prior(causes.find(found).of("size"))
    assert [axes.get_title() for axes in drawn.axes] == ["sigmoid", "tanh"]
    assert len(drawn.axes[0].lines) == 6 + 1  # a line a run, and the threshold
