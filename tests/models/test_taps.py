"""Layers are found in the order in which images go through them, whatever the topology."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.models import build_model
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.mirrored import Mirrored
from pm_cls.models.taps import activated, taps

IMAGES = paddle.to_tensor(np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32))


class Residual(nn.Layer):
    """Made in another order than used, with a layer used twice and another never."""

    def __init__(self, activation):
        super().__init__()
        self.last = nn.Linear(4 * 8 * 8, 2)
        self.never = nn.Conv2D(3, 3, 1)
        self.again = nn.Conv2D(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2D(4)
        self.act_in, self.act, self.act_out = activation(), activation(), activation()
        self.shortcut = nn.Conv2D(3, 4, 1)
        self.first = nn.Conv2D(3, 4, 3, padding=1)
        self.hidden = nn.Linear(4 * 8 * 8, 4 * 8 * 8)

    def forward(self, images):
        inner = self.act_in(self.norm(self.first(images)))
        inner = self.again(self.again(inner))
        whole = self.act(inner + self.shortcut(images))
        return self.last(self.act_out(self.hidden(whole.flatten(1))))


each_activation = pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU])


@each_activation
def test_names_follow_the_images_in_a_residual_block(activation):
    model = Residual(activation)
    found = taps(model, IMAGES)
    assert [(tap.name, tap.layer) for tap in found] == [
        ("conv1", model.first), ("conv2", model.again), ("conv3", model.shortcut),
        ("fc1", model.hidden), ("fc2", model.last),
    ]  # fmt: skip
    # Batch normalisation between does no harm; what another convolution follows has none.
    activations = [model.act_in, None, model.act, model.act_out, None]
    assert [tap.activation for tap in found] == activations


@each_activation
def test_a_plain_sequence_without_names_is_read(activation):
    layers = [nn.Conv2D(3, 4, 3), nn.BatchNorm2D(4), activation(), nn.Conv2D(4, 5, 3)]
    layers += [nn.MaxPool2D(2), activation(), nn.Flatten(), nn.Linear(5 * 2 * 2, 1)]
    found = taps(nn.Sequential(*layers), IMAGES)
    assert [(tap.name, tap.layer, tap.activation) for tap in found] == [
        ("conv1", layers[0], layers[2]), ("conv2", layers[3], layers[5]), ("fc1", layers[7], None),
    ]  # fmt: skip


@pytest.mark.parametrize("normalization", ["none", "input", "layers"])
def test_the_networks_of_the_package_are_read(normalization):
    model = build_model("lenet9", image_size=72, normalization=normalization)
    found = taps(model, paddle.zeros([1, 3, 72, 72]))
    assert [tap.name for tap in found] == ["conv1", "conv2", "conv3", "conv4", "fc1", "fc2"]
    assert all(isinstance(tap.activation, nn.ReLU) for tap in found[:-1])
    assert found[-1].activation is None


def test_the_last_layer_of_a_network_that_sees_mirror_images_too_has_no_activation():
    model = Mirrored(Residual(nn.ReLU))
    assert taps(model, IMAGES) == taps(model.network, IMAGES)
    assert taps(model, IMAGES)[-1].activation is None and not model.training


def test_a_network_is_left_as_it_was_but_for_its_mode():
    model = Residual(nn.ReLU)
    before = {name: value.numpy() for name, value in model.state_dict().items()}
    model.train()
    taps(model, IMAGES)
    assert not model.training and not any(p.grad is not None for p in model.parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    seen = []
    with hooked([(model.first, lambda *_: seen.append("within"))]):
        model(IMAGES)
    model(IMAGES)
    assert seen == ["within"]  # no hook stays


def test_hooks_go_where_the_network_fails_too():
    model = Residual(nn.ReLU)
    seen = []
    with (
        pytest.raises(ValueError, match=r"channel|dim"),
        hooked([(model.first, lambda *_: seen.append(1))]),
    ):
        model(paddle.zeros([1, 2, 8, 8]))
    model(IMAGES)
    assert not seen


def test_an_activation_that_serves_several_layers_is_told_of_each_call_apart():
    model = Residual(nn.Tanh)
    model.eval()
    model.act = model.act_out = model.act_in
    found, noted = taps(model, IMAGES), {}
    with activated(found, lambda place, given, output: noted.__setitem__(place, (given, output))):
        model(IMAGES)
    assert [found[place].name for place in noted] == ["conv1", "conv3", "fc1"]
    for given, output in noted.values():
        np.testing.assert_allclose(np.tanh(given.numpy()), output.numpy(), atol=1e-6)
    first = model.norm(model.first(IMAGES)).numpy()
    np.testing.assert_array_equal(noted[0][0].numpy(), first)
