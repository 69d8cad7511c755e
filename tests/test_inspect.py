"""Gradients and saturation of each layer, and the command that keeps them beside a run."""

import csv
import shutil

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls import engine, inspect, runs
from pm_cls.data import Split
from pm_cls.errors import UsageError
from pm_cls.inspection.gradients import layer_states
from pm_cls.models import build_model
from pm_cls.results import read_runs

from .test_train import results_of

LAYERS = ["conv1", "conv2", "conv3", "fc1", "fc2"]


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 3, 28, 28), np.uint8)
    return Split(tuple("abcdefg"), rng.integers(0, 2, 7), images)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_gradient_is_that_of_the_mean_loss_over_all_images(split, activation):
    paddle.seed(0)
    model = build_model("lenet7", activation=activation, image_size=28)
    states = layer_states(model, split, batch_size=3)  # 3, 3 and 1: each counts by its size
    assert [state.layer for state in states] == LAYERS
    images = paddle.to_tensor(split.images.astype(np.float32) / 127.5 - 1)
    loss = engine.mean_loss(model(images), split.labels)
    layers = [x for x in model.sublayers() if isinstance(x, nn.Conv2D | nn.Linear)]
    expected = paddle.grad(loss, [layer.weight for layer in layers])
    norms = [np.linalg.norm(gradient.numpy()) for gradient in expected]
    np.testing.assert_allclose([state.gradient_norm for state in states], norms, rtol=1e-4)
    again = layer_states(model, split, batch_size=7)  # nothing is left over from before
    np.testing.assert_allclose([s.gradient_norm for s in again], norms, rtol=1e-4)


def test_saturated_is_where_the_derivative_is_small(split):
    model = build_model("lenet7", activation="sigmoid", image_size=28, init_gain=30.0)
    states = {state.layer: state.saturated for state in layer_states(model, split, 2)}
    with paddle.no_grad():
        before = model.features[0](paddle.to_tensor(split.images.astype(np.float32) / 127.5 - 1))
    derivative = 1 / (4 * np.cosh(np.clip(before.numpy() / 2, -40, 40)) ** 2)
    assert states["conv1"] == pytest.approx((derivative < 0.025).mean(), abs=1e-3)
    assert 0.1 < states["conv1"] < 1 and states["fc2"] is None


def test_relu_counts_its_zeros_and_dropout_is_off(split):
    paddle.seed(0)
    model = build_model("alexnet", image_size=32)
    first, second = (layer_states(model, resized(split), 4) for _ in range(2))
    assert [state.layer for state in first][-2:] == ["fc1", "fc2"] and len(first) == 7
    assert [s.gradient_norm for s in first] == [s.gradient_norm for s in second]
    assert 0.2 < first[0].saturated < 0.8


def resized(split):
    return Split(split.names, split.labels, np.pad(split.images, ((0, 0), (0, 0), (2, 2), (2, 2))))


@pytest.fixture
def copied(trained, tmp_path):
    folder = tmp_path / "runs" / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    return folder


def test_a_run_is_looked_into_from_its_initial_weights_on(copied, tiny_config):
    before = results_of(copied)
    inspect.main(["--run", str(copied), "--device", "cpu"])
    with (copied / runs.GRADIENTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == runs.GRADIENT_COLUMNS
    assert [row["layer"] for row in rows] == LAYERS * 3
    assert [int(row["epoch"]) for row in rows] == [0] * 5 + [1] * 5 + [2] * 5
    assert [int(row["update"]) for row in rows[::5]] == [0, 3, 6]  # 24 images, 10 a step
    assert [row["saturated"] == "" for row in rows] == [False, False, False, False, True] * 3
    assert len({row["gradient_norm"] for row in rows}) == 15
    config = tiny_config()
    paddle.seed(config.seed)
    model = build_model("lenet7", image_size=32, **config.model.options())
    from pm_cls.data import load_dataset

    expected = layer_states(model, load_dataset(config.data).train, 10)
    assert [float(r["gradient_norm"]) for r in rows[:5]] == pytest.approx(
        [state.gradient_norm for state in expected], rel=1e-5
    )
    assert results_of(copied) == before
    (run,), problems = read_runs(copied.parent.parent)
    assert not problems and len(run.layers) == 15
    assert run.layers[4].saturated is None and run.layers[5].update == 3


def test_other_data_and_missing_weights_are_told(copied, official):
    next((official / "PALM-Training400").glob("H*")).unlink()
    with pytest.raises(UsageError, match="was trained on other data than those in"):
        inspect.main(["--run", str(copied), "--data", str(official), "--device", "cpu"])
    (copied / "weights_epoch2.safetensors").unlink()
    with pytest.raises(UsageError, match="the committed records hold no weights"):
        inspect.main(["--run", str(copied), "--device", "cpu"])
    assert not (copied / runs.GRADIENTS).exists()
