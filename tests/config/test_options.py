"""Options beyond the keys of a section: checked against the signature of what is named."""

import shutil
from typing import Annotated

import paddle
import pytest
import yaml
from pydantic import Field

import pm_cls
from pm_cls.config import load_config, load_stored
from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import OptimizerConfig
from pm_cls.models import build_model
from pm_cls.runtime.errors import UsageError
from pm_cls.train import optimizers, train


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def made(plain, *, grid: Annotated[int, Field(ge=1)] | None = None, rates: list[float] = ()):
    """A function with options."""


def test_options_come_in_the_types_of_the_signature():
    assert checked(made, "model", "made", {"grid": "3", "rates": [1, 2]}) == {
        "grid": 3,
        "rates": [1.0, 2.0],
    }
    assert checked(made, "model", "made", {}) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": 0}, r"`model\.grid` is 0; input should be greater than or equal to 1"),
        ({"grid": "wide"}, r"`model\.grid` is 'wide'; "),
        ({"rates": 3}, r"`model\.rates` is 3; "),
        ({"grid": True}, r"`model\.grid` is True; a number is needed, not true or false"),
        ({"rates": [1, False]}, r"`model\.rates` is .*; a number is needed, not true or false"),
        ({"gird": 3}, r"`model\.gird` is no key of made; did you mean `model\.grid`\?"),
        ({"qqq": 3}, r"`model\.qqq` is no key of made$"),
        ({"plain": 3}, r"`model\.plain` is no key of made"),
    ],
)
def test_wrong_options_are_told(given, words):
    with pytest.raises(UsageError, match=words):
        checked(made, "model", "made", given)


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(UsageError, match=r"`loss\.name` is 'x'; known: a, b"):
        chosen({"a": 1, "b": 2}, "loss.name", "x")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (
            "pool_two: 1",
            r"`model\.pool_two` is no key of the network lenet7; did you mean .*pool_to",
        ),
        ("pool_to: wide", r"`model\.pool_to` is 'wide'"),
        ("pool_to: 0", r"`model\.pool_to` is 0"),
        ("fc_layers: 3", r"`model\.fc_layers` is no key of the network lenet7"),
        ("image_size: 64", r"`model\.image_size` is no key; it follows from `data\.image_size`"),
        ("channels: 3", r"`model\.channels` is no key; it follows from the images of the data"),
        ("outputs: 2", r"`model\.outputs` is no key; it follows from the labels of the data"),
        ("filled: false", r"`model\.filled` is no key of the network lenet7"),
    ],
)
def test_options_of_a_network_are_checked_before_anything_is_made(written, tmp_path, option, words):
    config = load_config(written(f"experiment: a\nmodel: {{name: lenet7, {option}}}"))
    with pytest.raises(UsageError, match=words):
        train(config, tmp_path / "runs", "cpu")
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UsageError, match=words):
        pm_cls.build_model(config, "cpu")


def test_options_of_an_optimiser_reach_its_function(monkeypatch):
    given = []

    def sgd(parameters, config, *, nesterov: bool = False):
        given.append(nesterov)
        return paddle.optimizer.SGD(config.learning_rate, parameters=parameters)

    monkeypatch.setitem(optimizers.OPTIMIZERS, "sgd", sgd)
    parameters = build_model("lenet7", image_size=28).parameters()
    optimizers.build_optimizer(parameters, OptimizerConfig(name="sgd", nesterov=True))
    assert given == [True]
    with pytest.raises(UsageError, match=r"`optimizer\.nesterof` .*did you mean .*nesterov"):
        optimizers.build_optimizer(parameters, OptimizerConfig(name="sgd", nesterof=True))
    with pytest.raises(UsageError, match=r"`optimizer\.nesterov` is no key of momentum"):
        optimizers.build_optimizer(parameters, OptimizerConfig(nesterov=True))
    with pytest.raises(UsageError, match=r"`optimizer\.name` is 'qqq'; known: momentum, nesterov"):
        optimizers.build_optimizer(parameters, OptimizerConfig(name="qqq"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "model: {activaton: relu}",
            "unknown key `model.activaton`; did you mean `model.activation`?",
        ),
        (
            "optimizer: {momentun: 0}",
            "unknown key `optimizer.momentun`; did you mean `optimizer.momentum`?",
        ),
        ("optimizer: {weightdecay: 0}", "did you mean `optimizer.weight_decay`?"),
        ("train: {epoch: 3}", "unknown key `train.epoch`; did you mean `train.epochs`?"),
        ("model: {kernel: {a: 1}}", "`kernel` is no option: a name with a plain value is needed"),
        ("model: {kernel: .inf}", "`kernel` is no option"),
        ("model: {a-b: 1}", "`a-b` is no option"),
    ],
)
def test_slips_are_refused_where_the_config_is_read(written, text, words):
    with pytest.raises(UsageError) as caught:
        load_config(written(f"experiment: a\n{text}"))
    assert words in str(caught.value)


def test_an_option_that_is_null_is_as_one_that_is_not_there(written):
    plain = load_config(written("experiment: a\nmodel: {name: lenet7}"))
    null = load_config(written("experiment: a\nmodel: {name: lenet7, pool_to: null}"))
    assert null == plain and null.digest() == plain.digest() and null.model.options() == {}


def test_a_stored_config_with_a_key_that_there_is_no_longer_is_read(written):
    text = "experiment: a\ndata: {sharpen: 2, gone: null}\ntrain: {clip: 1.5}\n"
    with pytest.raises(UsageError, match=r"`data\.sharpen`"):
        load_config(written(text))
    stored = load_stored(written(text))
    assert stored.retired == {"data.sharpen": 2, "train.clip": 1.5}  # null said nothing
    today = load_config(written("experiment: a"))
    assert stored.differing(today) == ["data.sharpen", "train.clip"] == today.differing(stored)
    assert stored.digest() != today.digest()


def test_a_stored_config_that_is_wrong_elsewhere_is_refused(written):
    with pytest.raises(UsageError, match=r"`train\.epochs` is 0"):
        load_stored(written("experiment: a\ndata: {sharpen: 2}\ntrain: {epochs: 0}"))


def test_a_run_with_a_retired_key_is_another_run_for_training(trained, tiny_config, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "lenet7_relu" / "seed0")
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings["data"]["sharpen"] = 2
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(UsageError, match=r"other settings \(`data\.sharpen`\)"):
        train(tiny_config(), tmp_path, "cpu")
