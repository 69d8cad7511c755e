"""Layers learn to give back what they take, one after the other, from the seed."""

import numpy as np
import paddle
import pytest

from pm_cls.config.schema import PretrainingConfig
from pm_cls.models import build_model
from pm_cls.runtime.errors import RunError
from pm_cls.train.log import log
from pm_cls.train.optimizers import slow_features
from pm_cls.train.pretraining import pretrain

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)
IMAGES[:, :, :16] //= 4  # something to learn


def pretrained(epochs=3, seed=1, name="lenet7", features_rate=1.0, **settings):
    paddle.seed(seed)
    model = build_model(name, image_size=32, activation="tanh")
    slow_features(model, features_rate, 1)
    before = weights(model)
    pretrain(
        model,
        IMAGES,
        np.arange(0, 30, 2),
        PretrainingConfig(epochs=epochs, **settings),
        batch_size=5,
        seed=seed,
    )
    return before, weights(model), model


def weights(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def test_all_layers_but_the_last_change_and_the_errors_fall(monkeypatch):
    said = []
    monkeypatch.setattr(log, "info", said.append)
    before, after, model = pretrained(epochs=6)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if not name.startswith("classifier.3")}
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [line.split()[1] for line in said] == ["conv1:", "conv2:", "conv3:", "fc1:"]
    errors = [tuple(map(float, line.split("error ")[1].split(" -> "))) for line in said]
    assert all(last < first for first, last in errors), said


@pytest.mark.parametrize("rate", [0.01, 0.0])
def test_slow_or_frozen_features_are_pretrained_all_the_same(rate):
    plain, slowed = (pretrained(features_rate=one) for one in (1.0, rate))
    assert all(np.array_equal(plain[1][name], slowed[1][name]) for name in plain[1])
    kernels = slowed[2].features[0].weight
    assert kernels.optimize_attr["learning_rate"] == rate and kernels.stop_gradient == (rate == 0)


def test_it_follows_from_the_seed_and_none_is_none():
    first, again, other = (pretrained(seed=seed)[1] for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["features.0.weight"], other["features.0.weight"])
    before, after, _ = pretrained(epochs=0)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_rate_that_is_too_high_ends_in_words():
    with pytest.raises(RunError, match=r"pre-training: the error of \w+ became (nan|inf)"):
        pretrained(epochs=3, learning_rate=1e30)


@pytest.mark.parametrize("name", ["cnn8", "dense", "alexnet"])
def test_other_networks_of_one_path(name):
    paddle.seed(0)
    size = {"alexnet": 64}.get(name, 32)
    model = build_model(name, image_size=size, channels=3)
    images = np.random.default_rng(1).integers(0, 256, (8, 3, size, size), dtype=np.uint8)
    before = weights(model)
    pretrain(model, images, np.arange(8), PretrainingConfig(epochs=1), batch_size=4, seed=0)
    after = weights(model)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert len(same) <= len(before) / 2
