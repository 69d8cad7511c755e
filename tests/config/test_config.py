"""What a YAML file may say, and the words for what it may not."""

import pytest

from pm_cls.config import Config, load_config
from pm_cls.runtime.errors import UsageError
from tests.conftest import REPOSITORY

CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_and_opens_with_its_command(path):
    assert load_config(path).experiment == path.stem
    opening = path.read_text().split("experiment:")[0]
    assert f"python -m pm_cls.train --config {path.relative_to(REPOSITORY)}" in opening
    assert "thesis" in opening and "minute" in opening


def test_a_study_opens_with_the_command_for_all_and_for_one():
    opening = (REPOSITORY / "configs/causes/causes.yaml").read_text().split("base:")[0]
    assert "python -m pm_cls.reproduce --study causes" in opening
    assert "python -m pm_cls.train --config configs/causes/causes.yaml --experiment" in opening


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_yaml_and_back_is_the_same_config(written):
    config = load_config(written("experiment: a\nmodel: {name: alexnet, fc_layers: 3}"))
    again = load_config(written(config.to_yaml()))
    assert again == config and again.digest() == config.digest()


def test_digest_leaves_out_seed_and_root_alone():
    digest = Config(experiment="a").digest()
    assert Config(experiment="a", seed=3, data={"root": "elsewhere"}).digest() == digest
    assert Config(experiment="a", data={"channel_order": "bgr"}).digest() != digest
    assert Config(experiment="b").digest() != digest


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 0.001), ("1E-3", 0.001), ("'0.5'", 0.5), ("1", 1.0), (".5", 0.5)],
)
def test_numbers_are_read_however_yaml_sees_them(written, text, number):
    config = load_config(written(f"experiment: a\noptimizer: {{learning_rate: {text}}}"))
    assert config.optimizer.learning_rate == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("experiment: a\noptimiser: {}", ["`optimiser`", "did you mean `optimizer`"]),
        ("experiment: a\noptimizer: {learningrate: 1}", ["`optimizer.learningrate`", "learning_"]),
        ("experiment: a\ndata: {qqq: 1}", ["`data.qqq`", "known keys: name, root"]),
        ("experiment: a\noptimizer: {learning_rate: 0}", ["learning_rate", "greater than 0"]),
        ("experiment: a\noptimizer: {learning_rate: .nan}", ["learning_rate", "finite"]),
        ("experiment: a\noptimizer: {learning_rate: yes}", ["learning_rate", "not true or false"]),
        ("experiment: a\ntrain: {epochs: 0}", ["train.epochs", "greater than or equal to 1"]),
        ("experiment: a\ntrain: {batch_size: 0}", ["train.batch_size"]),
        ("experiment: a\ntrain: {epochs: 3}", ["[5, 10] lie beyond epochs: 3", "too, as [3]"]),
        ("experiment: a\nmodel: {activation: swish}", ["model.activation", "'sigmoid'"]),
        ("experiment: a\nmodel: 3", ["`model`"]),
        ("experiment: ../a", ["`experiment`", "letters of A to Z and a to z, digits and . _ -"]),
        (
            "experiment: a\ntrain: {report_epochs: 5}",
            ["`train.report_epochs` is 5", "a list as [5"],
        ),
        ("experiment: a\ndata: 3", ["`data` is 3", "a section"]),
        ("model: {}", ["`experiment` is missing"]),
        ("experiment: a\nseed: 1\nseed: 2", ["`seed` stands twice, in lines 2 and 3"]),
        ("train:\n  thinned: {1: 0.5, 01: 0.2}", ["`01` stands twice, in lines 2 and 2"]),
        ("experiment: !!python/object/apply:os.system [echo]", ["python/object"]),
        ("", ["is empty"]),
        ("- 1", ["a list"]),
        ("? [a]\n: 1", ["plain word"]),
        ("a: &x [1]\nb: *x", ["aliases"]),
        pytest.param("[" * 5000, ["nested too deeply"], id="nested"),
        (b"\xff\xfe\x00", ["UTF-8"]),
        ("experiment: 2024-99-99", ["YAML"]),
    ],
)
def test_what_is_wrong_is_named(written, text, words):
    with pytest.raises(UsageError) as caught:
        load_config(written(text))
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) <= 2


def test_overrides_win_and_are_read_as_yaml(written):
    path = written("experiment: a")
    config = load_config(path, ["train.report_epochs=[2]", "optimizer.learning_rate=1e-2"])
    assert config.train.report_epochs == (2,) and config.optimizer.learning_rate == 0.01


@pytest.mark.parametrize("override", ["train.epochs", "=3", "experiment.x=1", "modle.name=a"])
def test_wrong_overrides_are_named(written, override):
    with pytest.raises(UsageError) as caught:
        load_config(written("experiment: a"), [override])
    assert override.split(".")[0] in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.yaml"):
        load_config(tmp_path / "nothing.yaml")
