"""One file of many experiments: what it makes, and the words for what it may not say."""

import pytest

from pm_cls.config import load_config, load_stored
from pm_cls.config.studies import experiments_in
from pm_cls.runtime.errors import UsageError
from pm_cls.train.__main__ import main as train
from tests.conftest import REPOSITORY

CAUSES = REPOSITORY / "configs" / "causes" / "causes.yaml"
EXPERIMENTS = [name for _, name in experiments_in(CAUSES.parent)]


def test_the_causes_are_25_experiments_in_one_file():
    assert experiments_in(CAUSES.parent) == [(CAUSES, name) for name in EXPERIMENTS]
    assert len(set(EXPERIMENTS)) == 25


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_cause_is_the_experiment_that_was_recorded(experiment):
    config = load_config(CAUSES, experiment=experiment)
    assert config.experiment == experiment
    records = sorted((REPOSITORY / "results/records" / experiment).glob("seed*/config.yaml"))
    assert records
    for record in records:
        stored = load_stored(record)
        assert stored.differing(config) == [] and stored.digest() == config.digest()


@pytest.fixture
def study(tmp_path):
    def write(text, name="study.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_vary_makes_every_combination_and_each_one_change(study):
    file = study(
        "base: {model: {name: lenet7}, train: {batch_size: 5}}\n"
        "variations:\n"
        '- name: "{model.activation}_{data.image_size}"\n'
        "  vary: {model.activation: [tanh, relu], data.image_size: [28, 56]}\n"
        "  base: {model: {init_gain: 2}}\n"
        "- each: {plain: {}, quick: {optimizer.learning_rate: 0.1, train.batch_size: 7}}\n"
    )
    names = [name for _, name in experiments_in(file.parent)]
    assert names == ["tanh_28", "tanh_56", "relu_28", "relu_56", "plain", "quick"]
    made = {name: load_config(file, experiment=name) for name in names}
    one = made["tanh_56"]
    assert (one.model.activation, one.data.image_size, one.model.init_gain) == ("tanh", 56, 2)
    assert made["plain"].train.batch_size == 5 and made["plain"].model.init_gain == 1
    assert made["plain"].differing(made["quick"]) == [
        "experiment", "optimizer.learning_rate", "train.batch_size",
    ]  # fmt: skip
    assert load_config(file, ["data.image_size=64"], "tanh_56").data.image_size == 64


def test_a_file_of_one_experiment_needs_no_name_and_takes_its_own(study):
    file = study("experiment: mine\nseed: 3")
    assert load_config(file) == load_config(file, experiment="mine")
    assert load_config(study("variations: [{each: {only: {}}}]", "b.yaml")).experiment == "only"
    with pytest.raises(UsageError, match="can be mine; --set experiment=other calls a run"):
        load_config(file, experiment="other")


VARY = 'name: "{seed}", vary: {seed: [1]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"variations: [{{{VARY}, each: {{a: {{}}}}}}]", "either `vary` with a `name`, or `each`"),
        ("variations: [{base: {}}]", "either `vary` with a `name`, or `each`"),
        ("variations: [{vary: {seed: [1]}}]", "either `vary` with a `name`, or `each`"),
        ("variations: [{name: a, each: {a: {}}}]", "either `vary` with a `name`, or `each`"),
        ("variations: [{each: {a: {}}}, {each: {a: {}}}]", "experiment a stands twice in it"),
        ("variations: [{name: same, vary: {seed: [1, 2]}}]", "experiment same stands twice in it"),
        (
            "variations: [{each: {a: {data.imagesize: 3}}}]",
            "`data.imagesize`; did you mean `data.image",
        ),
        ("variations: [{each: {a: {seed.x: 3}}}]\nbase: {seed: 1}", "`seed` is no section"),
        (
            "variations: [{each: {a/b: {}}}]",
            "`experiment` is 'a/b'; letters of A to Z and a to z, digits and . _ -",
        ),
        ("variations: [{vary: {seed: 1}, name: a}]", "`variations.0.vary.seed` is 1"),
        ("variations: 3", "`variations` is 3"),
    ],
)
def test_what_is_wrong_in_a_study_is_named_with_its_file(study, text, words):
    file = study(text)
    with pytest.raises(UsageError) as caught:
        load_config(file, experiment=None)
    assert words in str(caught.value) and str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("text", "key"),
    [("variations: [{each: {a: {}}}]\nbse: {}", "bse"), ("variations: [{eech: {}}]", "eech")],
)
def test_an_unknown_key_of_a_study_is_named(study, text, key):
    with pytest.raises(UsageError, match=f"unknown key .*{key}"):
        load_config(study(text))


def test_a_wrong_experiment_is_told_with_those_that_there_are(capsys):
    known = "--experiment can be tanh_28, tanh_56, .*mnist_200_updates"
    with pytest.raises(UsageError, match=r"holds no sigmoid_225; did you mean sigmoid_224.*\?$"):
        load_config(CAUSES, experiment="sigmoid_225")
    with pytest.raises(UsageError, match=f"holds no lamp; {known}"):
        load_config(CAUSES, experiment="lamp")
    with pytest.raises(UsageError, match=f"holds many experiments; {known}"):
        load_config(CAUSES)
    with pytest.raises(UsageError, match="holds no sigmoid_225"):
        train(["--config", str(CAUSES), "--experiment", "sigmoid_225"])


def test_two_files_of_a_folder_with_the_same_experiment_are_told(study):
    study("experiment: a", "first.yaml")
    second = study("variations: [{each: {b: {}, a: {}}}]", "second.yaml")
    with pytest.raises(UsageError, match=r"second\.yaml: makes a, and so does .*first\.yaml"):
        experiments_in(second.parent)


@pytest.mark.parametrize("section", ["", "5", "[]"])
def test_a_section_that_is_none_is_told(study, section):
    base = "base: {train: {epochs: 3, report_epochs: [3]}}"
    file = study(f"{base}\nvariations: [{{base: {{train: {section}}}, each: {{a: {{}}}}}}]")
    with pytest.raises(UsageError, match=r"`train` is .*; a section with keys"):
        load_config(file, experiment="a")
