"""Initial weights have the spread that their sources state."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.models import build_model
from pm_cls.models.blocks.initialisers import INITIALISERS, draw_weights
from pm_cls.runtime.errors import UsageError

FAN_IN, FAN_OUT = 600, 200
SPREADS = {  # standard deviations of a linear layer's weights
    "zeros": 0.0,
    "constant": 0.0,
    "normal": 0.01,
    "xavier_uniform": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "xavier_normal": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "he_uniform": (2 / FAN_IN) ** 0.5,
    "he_normal": (2 / FAN_IN) ** 0.5,
    "orthogonal": (1 / FAN_IN) ** 0.5,
}


def drawn(name, seed=0):
    paddle.seed(seed)
    model = nn.Sequential(nn.Linear(FAN_IN, FAN_OUT), nn.Conv2D(24, 30, 5))
    draw_weights(model, name)
    return [layer.weight.numpy() for layer in model]


@pytest.mark.parametrize("name", SPREADS)
def test_spread(name):
    linear, convolution = drawn(name)
    assert linear.std() == pytest.approx(SPREADS[name], rel=0.03, abs=1e-9)
    assert linear.mean() == pytest.approx(0.01 if name == "constant" else 0, abs=2e-3)
    if name == "he_normal":
        assert convolution.std() == pytest.approx((2 / (24 * 25)) ** 0.5, rel=0.03)
    if name == "orthogonal":
        np.testing.assert_allclose(linear.T @ linear, np.eye(FAN_OUT), atol=1e-5)


def test_all_ways_are_tried():
    assert {"paddle", *SPREADS} == set(INITIALISERS)


@pytest.mark.parametrize("name", INITIALISERS)
def test_a_seed_gives_the_same_bits(name):
    first, again, other = drawn(name), drawn(name), drawn(name, seed=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    is_drawn = name not in ("zeros", "constant")
    assert any((a != b).any() for a, b in zip(first, other, strict=True)) is is_drawn


def test_a_network_takes_them_and_another_name_is_told():
    model = build_model("dense", initial_weights="zeros")
    assert not model.layers[1].weight.numpy().any()
    with pytest.raises(UsageError, match=r"`model\.initial_weights` is 'he'; known: paddle, zeros"):
        build_model("dense", initial_weights="he")
