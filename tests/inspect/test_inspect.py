"""Gradients and saturation of each layer, and the command that keeps them beside a run."""

import csv
import dataclasses
import shutil

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.config.schema import LossConfig
from pm_cls.data import Dataset, Spec, Split, load_dataset
from pm_cls.inspect.gradients import _states, layer_states
from pm_cls.inspect.saliency import grad_cam, occlusion
from pm_cls.models import build_model
from pm_cls.models.classifier import Run
from pm_cls.records import gradients
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.target import Binary, Classes
from pm_cls.train import train
from pm_cls.train.lessons import Lessons
from pm_cls.train.losses import cross_entropy
from pm_cls.train.objective import Objective
from tests.train.test_train import results_of

LAYERS = ["conv1", "conv2", "conv3", "fc1", "fc2"]


def inspect(*arguments):
    from pm_cls.inspect.__main__ import main

    main([*map(str, arguments), "--device", "cpu"])


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 3, 28, 28), np.uint8)
    split = Split(tuple("abcdefg"), rng.integers(0, 2, 7), images)
    return Dataset("test", "0", split, split, Spec(3, Binary()), {})


def states_of(model, dataset, batch_size, epoch=0, steps=1):
    loss = Objective(LossConfig(), dataset.spec, model)
    split = dataset.train
    return _states(model, split.images, split.labels, batch_size, loss, (epoch, epoch * steps))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_gradient_is_that_of_the_mean_loss_over_all_images(dataset, activation):
    paddle.seed(0)
    model = build_model("lenet7", activation=activation, image_size=28)
    states = states_of(model, dataset, batch_size=3)  # 3, 3 and 1: each counts by its size
    assert [state.layer for state in states] == LAYERS
    split = dataset.train
    images = paddle.to_tensor(split.images.astype(np.float32) / 127.5 - 1)
    loss = cross_entropy(model(images), split.labels, Binary()).mean()
    layers = [x for x in model.sublayers() if isinstance(x, nn.Conv2D | nn.Linear)]
    expected = paddle.grad(loss, [layer.weight for layer in layers])
    norms = [np.linalg.norm(gradient.numpy()) for gradient in expected]
    np.testing.assert_allclose([state.gradient_norm for state in states], norms, rtol=1e-4)
    again = states_of(model, dataset, batch_size=7)  # nothing is left over from before
    np.testing.assert_allclose([s.gradient_norm for s in again], norms, rtol=1e-4)


def test_gradient_of_classes_is_that_of_their_loss(dataset):
    three = dataclasses.replace(
        dataset,
        train=dataclasses.replace(dataset.train, labels=np.arange(7) % 3),
        spec=Spec(3, Classes(3)),
    )
    model = build_model("lenet7", image_size=28, outputs=3)
    states = states_of(model, three, batch_size=3)
    images = paddle.to_tensor(three.train.images.astype(np.float32) / 127.5 - 1)
    loss = cross_entropy(model(images), three.train.labels, Classes(3)).mean()
    (expected,) = paddle.grad(loss, [model.classifier[3].weight])
    assert states[-1].gradient_norm == pytest.approx(np.linalg.norm(expected.numpy()), rel=1e-4)


def test_saturated_is_where_the_derivative_is_small(dataset):
    model = build_model("lenet7", activation="sigmoid", image_size=28, init_gain=30.0)
    states = {state.layer: state.saturated for state in states_of(model, dataset, 2)}
    images = dataset.train.images
    with paddle.no_grad():
        before = model.features[0](paddle.to_tensor(images.astype(np.float32) / 127.5 - 1))
    derivative = 1 / (4 * np.cosh(np.clip(before.numpy() / 2, -40, 40)) ** 2)
    assert states["conv1"] == pytest.approx((derivative < 0.025).mean(), abs=1e-3)
    assert 0.1 < states["conv1"] < 1 and states["fc2"] is None


def test_near_zero_is_against_the_root_mean_square_of_the_layer(dataset):
    model = build_model("lenet7", image_size=28)
    weight = model.features[0].weight
    values = np.ones(weight.shape, np.float32)
    values.ravel()[:3] = 0, 0.0099, -0.0099
    values.ravel()[3:5] = 0.0101, -0.0101
    weight.set_value(values)
    (first, *_) = states_of(model, dataset, 2)
    assert first.near_zero == pytest.approx(3 / values.size)


def test_relu_counts_its_zeros_and_dropout_is_off(dataset):
    paddle.seed(0)
    model = build_model("alexnet", image_size=32)
    first, second = (states_of(model, resized(dataset), 4) for _ in range(2))
    assert [state.layer for state in first][-2:] == ["fc1", "fc2"] and len(first) == 7
    assert [s.gradient_norm for s in first] == [s.gradient_norm for s in second]
    assert 0.2 < first[0].saturated < 0.8


def test_it_goes_through_what_the_run_was_trained_on(tiny_config, tmp_path):
    config = tiny_config("train.hold_out=0.5", "loss.class_weights=balanced")
    run = train(config, tmp_path, "cpu")
    states = list(layer_states(run, data := load_dataset(config.data)))
    assert [state.update for state in states[:: len(LAYERS)]] == [0, 2, 4]  # 12 images, 10 a step
    loss = Objective(config.loss, data.spec, run.network)
    kept = Lessons(config, data.train, loss).kept
    images = paddle.to_tensor(data.train.images[kept].astype(np.float32) / 127.5 - 1)
    loss(run.network(images), data.train.labels[kept]).backward()
    last = np.linalg.norm(run.network.classifier[-1].weight.grad.numpy())
    assert states[-1].gradient_norm == pytest.approx(last, rel=1e-4)


def test_centres_that_a_run_does_not_keep_pull_at_nothing(tiny_config, tmp_path):
    run = train(tiny_config("loss.centre=1"), tmp_path, "cpu")
    loss = run.config.loss.model_copy(update={"centre": 0.0})
    plain = Run(run.folder, run.config.model_copy(update={"loss": loss}))
    data = load_dataset(run.config.data)
    assert list(layer_states(run, data)) == list(layer_states(plain, data))


def test_a_regression_makes_no_updates(tiny_config, tmp_path):
    once = ("train.fit=regression", "train.epochs=1", "train.report_epochs=[1]")
    config = tiny_config(*once, "model.activation=tanh")
    states = layer_states(train(config, tmp_path, "cpu"), load_dataset(config.data))
    assert {(state.epoch, state.update) for state in states} == {(0, 0), (1, 0)}


def resized(dataset):
    images = np.pad(dataset.train.images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, images=images))


@pytest.fixture
def copied(trained, tmp_path):
    folder = tmp_path / "runs" / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    return folder


def test_a_run_is_looked_into_from_its_initial_weights_on(copied, tiny_config):
    before = results_of(copied)
    inspect("--run", copied)
    with (copied / gradients.FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == gradients.COLUMNS
    assert [row["layer"] for row in rows] == LAYERS * 3
    assert [int(row["epoch"]) for row in rows] == [0] * 5 + [1] * 5 + [2] * 5
    assert [int(row["update"]) for row in rows[::5]] == [0, 3, 6]  # 24 images, 10 a step
    assert [row["saturated"] == "" for row in rows] == [False, False, False, False, True] * 3
    assert len({row["gradient_norm"] for row in rows}) == 15
    paddle.seed(tiny_config().seed)
    model = build_model("lenet7", image_size=32)
    expected = states_of(model, load_dataset(tiny_config().data), 10)
    assert [float(r["gradient_norm"]) for r in rows[:5]] == pytest.approx(
        [state.gradient_norm for state in expected], rel=1e-5
    )
    assert results_of(copied) == before
    layers = gradients.read(copied)
    assert len(layers) == 15 and layers[4].saturated is None and layers[5].update == 3


def test_the_states_of_a_run_are_those_of_its_networks(copied, tiny_config):
    dataset = load_dataset(tiny_config().data)
    found = list(layer_states(Run.read(copied), dataset))
    assert [state.layer for state in found] == LAYERS * 3
    expected = []
    for epoch in (1, 2):
        expected += states_of(Run.read(copied, epoch).network, dataset, 10, epoch, 3)
    assert found[5:] == expected


def test_other_data_and_missing_weights_are_told(copied, official):
    next((official / "PALM-Training400").glob("H*")).unlink()
    with pytest.raises(UsageError, match="was trained on other data than those in"):
        inspect("--run", copied, "--data", official)
    (copied / "weights_epoch2.safetensors").unlink()
    with pytest.raises(UsageError, match="the committed records hold no weights"):
        inspect("--run", copied)
    assert not (copied / gradients.FILE).exists()


def test_a_network_without_convolutions_has_layers_and_no_maps(tiny_config, tmp_path, capsys):
    run = train(tiny_config("model.name=dense"), tmp_path, "cpu")
    inspect("--run", run.folder)
    assert "has no convolutions; what it looks at is left out" in capsys.readouterr().out
    assert sorted(file.name for file in (run.folder / "inspection").iterdir()) == ["gradients.csv"]
    images = load_dataset(run.config.data).validation.images[:1]
    with pytest.raises(UsageError, match="no maps to look at; `predict --occlusion`"):
        grad_cam(run.network, images)
    assert np.ptp(occlusion(run.network, images[0])) > 0
