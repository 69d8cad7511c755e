"""Pooling, dropout and activations put into networks that were built."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.models import build_model
from pm_cls.models.blocks.activations import ACTIVATIONS, MONOTONE, SATURATED
from pm_cls.models.blocks.pooling import MaxPool2D, pool_otherwise
from pm_cls.models.build import MODELS
from pm_cls.runtime.errors import UsageError

SIDE_OF = {"mnist_lenet": 28, "lenet9": 96}  # pixels; 64 of the others


def built(name="lenet7", **settings):
    paddle.seed(3)
    return build_model(name, image_size=SIDE_OF.get(name, 64), **settings)


def layers_of(model, kind):
    return [layer for layer in model.sublayers() if type(layer) is kind]


@pytest.mark.parametrize("name", ["lenet7", "lenet9", "alexnet", "mnist_lenet", "cifar_cnn"])
@pytest.mark.parametrize("kind", ["average", "overlapping"])
def test_pooling_is_exchanged_and_the_weights_are_the_same(name, kind):
    plain, other = built(name), built(name, pooling=kind)
    assert not layers_of(other, MaxPool2D) or kind == "overlapping"
    assert len(layers_of(plain, MaxPool2D)) > 0
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    channels = plain.parameters()[0].shape[1]
    side = SIDE_OF.get(name, 64)
    values = np.random.default_rng(0).normal(size=(2, channels, side, side)).astype(np.float32)
    images = paddle.to_tensor(values)
    plain.eval(), other.eval()
    assert other(images).shape == plain(images).shape
    assert not np.array_equal(other(images).numpy(), plain(images).numpy())


@pytest.mark.parametrize("side", [8, 9])
def test_what_each_pooling_gives(side):
    values = np.random.default_rng(1).normal(size=(1, 1, side, side)).astype(np.float32)
    model = nn.Sequential(MaxPool2D(2, 2))
    pool_otherwise(model, "overlapping")
    found = model(paddle.to_tensor(values, stop_gradient=False)).numpy()[0, 0]
    expected = [
        [values[0, 0, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max() for j in range(side // 2)]
        for i in range(side // 2)
    ]
    np.testing.assert_array_equal(found, expected)
    model = nn.Sequential(MaxPool2D(2, 2))
    pool_otherwise(model, "average")
    found = model(paddle.to_tensor(values)).numpy()[0, 0]
    blocks = values[0, 0, : side // 2 * 2, : side // 2 * 2].reshape(side // 2, 2, side // 2, 2)
    np.testing.assert_allclose(found, blocks.mean(axis=(1, 3)), rtol=1e-5, atol=1e-6)


def test_a_network_without_such_pooling_is_refused():
    with pytest.raises(UsageError, match=r"`model\.pooling` is average; this network has no 2x2"):
        built("dense", pooling="average")


def kinds(model):
    return [type(layer).__name__ for layer in model.classifier]


def test_dropout_comes_after_hidden_linear_layers():
    assert kinds(built("lenet7", dropout=0.3)) == ["Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert built("lenet7", dropout=0.3).classifier[3].p == 0.3
    assert kinds(built("lenet7", dropout=0.0)) == ["Flatten", "Linear", "ReLU", "Linear"]
    assert "Dropout" in kinds(built("lenet7", dropout=0.3, normalization="layers"))
    drops = layers_of(built("dense", dropout=0.2), nn.Dropout)
    assert [layer.p for layer in drops] == [0.2, 0.2]


def test_dropout_that_a_network_has_takes_the_rate():
    assert [one.p for one in layers_of(built("alexnet", dropout=0.1), nn.Dropout)] == [0.1]
    assert [one.p for one in layers_of(built("alexnet", dropout=0.0), nn.Dropout)] == [0.0]
    assert [one.p for one in layers_of(built("alexnet"), nn.Dropout)] == [0.5]
    deep = built("deep3x3", dropout=0.2, drop_outputs=0.4)
    assert deep.dropped.p == 0.4 and sorted(x.p for x in layers_of(deep, nn.Dropout)) == [0.2, 0.4]


def test_dropout_without_a_place_is_refused():
    with pytest.raises(UsageError, match=r"`model\.dropout` is 0\.5, for which this network"):
        built("resnet18", dropout=0.5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_in_a_network_by_stages_and_layer_by_layer(name):
    """GELU falls before it rises, so that it must not wait for the pooling."""
    values = np.random.default_rng(4).normal(size=(2, 3, 64, 64)).astype(np.float32)
    images = paddle.to_tensor(values)
    by_stages, by_layers = built(activation=name), built(activation=name, fast=False)
    np.testing.assert_allclose(by_stages(images).numpy(), by_layers(images).numpy(), atol=1e-4)
    assert layers_of(by_stages, ACTIVATIONS[name])
    rising = np.linspace(-5, 5, 1001).astype(np.float32)
    values = ACTIVATIONS[name]()(paddle.to_tensor(rising)).numpy()
    assert bool((np.diff(values) >= 0).all()) is (ACTIVATIONS[name] in MONOTONE)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_saturated_is_where_the_derivative_is_small(name):
    x = paddle.to_tensor(np.linspace(-6, 6, 2401)[1::2].astype(np.float32), stop_gradient=False)
    layer = ACTIVATIONS[name]()
    y = layer(x)
    (slope,) = paddle.grad(y.sum(), x)
    found = SATURATED[type(layer)](x, y).numpy()
    least = 1e-6 if name == "relu" else 0.1 * slope.numpy().max()
    differing = found != (slope.numpy() < least)
    assert differing.sum() <= 4  # at the border itself


RELU_ALONE = {"vgg16", "resnet18", "resnet50", "densenet121", "efficientnet_lite0"}


@pytest.mark.parametrize("name", sorted({*MODELS} - RELU_ALONE))
def test_a_network_takes_all_activations(name):
    for activation in ("leaky_relu", "gelu"):
        model = build_model(name, image_size=SIDE_OF.get(name, 96), activation=activation)
        assert layers_of(model, ACTIVATIONS[activation])
