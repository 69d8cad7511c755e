"""Each optimiser makes the step that its source states."""

import numpy as np
import paddle
import pytest

from pm_cls.config.schema import OptimizerConfig
from pm_cls.runtime.errors import UsageError
from pm_cls.train.optimizers import build_optimizer


def two_steps(**settings):
    """A parameter of ones whose gradient is (1, 2), then (3, -4)."""
    parameter = paddle.create_parameter([2], "float32")
    parameter.set_value(np.ones(2, np.float32))
    optimizer = build_optimizer([parameter], OptimizerConfig(learning_rate=0.1, **settings))
    for gradient in ([1.0, 2.0], [3.0, -4.0]):
        (parameter * paddle.to_tensor(gradient)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return parameter.numpy()


def test_sgd():
    np.testing.assert_allclose(two_steps(name="sgd"), [1 - 0.1 - 0.3, 1 - 0.2 + 0.4], rtol=1e-6)


def test_sgd_with_decay_shrinks_the_weights_too():
    first = 1 - 0.1 * (np.array([1, 2]) + 0.5)
    expected = first - 0.1 * (np.array([3, -4]) + 0.5 * first)
    np.testing.assert_allclose(two_steps(name="sgd", weight_decay=0.5), expected, rtol=1e-6)


def test_momentum():
    expected = [1 - 0.1 * 1 - 0.1 * (0.5 * 1 + 3), 1 - 0.1 * 2 - 0.1 * (0.5 * 2 - 4)]
    np.testing.assert_allclose(two_steps(name="momentum", momentum=0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("rho", [0.9, 0.5])
def test_rmsprop(rho):
    gradients, square, value = np.array([[1.0, 2], [3, -4]]), np.zeros(2), np.ones(2)
    for gradient in gradients:
        square = rho * square + (1 - rho) * gradient**2
        value = value - 0.1 * gradient / np.sqrt(square + 1e-7)
    options = {} if rho == 0.9 else {"rho": rho}
    found = two_steps(name="rmsprop", momentum=0.0, **options)
    np.testing.assert_allclose(found, value, rtol=1e-5)


GRADIENTS = np.array([[1.0, 2], [3, -4]])


def test_nesterov():
    velocity, value = np.zeros(2), np.ones(2)
    for gradient in GRADIENTS:
        velocity = 0.5 * velocity + gradient
        value = value - 0.1 * (gradient + 0.5 * velocity)
    np.testing.assert_allclose(two_steps(name="nesterov", momentum=0.5), value, rtol=1e-6)


def test_adagrad():
    square, value = np.zeros(2), np.ones(2)
    for gradient in GRADIENTS:
        square = square + gradient**2
        value = value - 0.1 * gradient / (np.sqrt(square) + 1e-6)
    np.testing.assert_allclose(two_steps(name="adagrad"), value, rtol=1e-5)


def test_adadelta():
    square, moved, value = np.zeros(2), np.zeros(2), np.ones(2)
    for gradient in GRADIENTS:
        square = 0.8 * square + 0.2 * gradient**2
        step = np.sqrt((moved + 1e-3) / (square + 1e-3)) * gradient
        moved = 0.8 * moved + 0.2 * step**2
        value = value - 0.1 * step
    found = two_steps(name="adadelta", rho=0.8, epsilon=1e-3)
    np.testing.assert_allclose(found, value, rtol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_and_adamw_differ_in_the_decay(name):
    first, second, value = np.zeros(2), np.zeros(2), np.ones(2)
    for n, gradient in enumerate(GRADIENTS, start=1):
        if name == "adam":
            gradient = gradient + 0.5 * value
        else:
            value = value - 0.1 * 0.5 * value
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9**n), second / (1 - 0.999**n)
        value = value - 0.1 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    np.testing.assert_allclose(two_steps(name=name, weight_decay=0.5), value, rtol=1e-5)


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_l1_pulls_by_the_sign_and_elastic_net_by_both(l2):
    value = np.ones(2)
    for gradient in GRADIENTS:
        value = value - 0.1 * (gradient + 4.0 * np.sign(value) + l2 * value)
    assert value[0] < 0 < value[1]
    np.testing.assert_allclose(two_steps(name="sgd", l1=4.0, weight_decay=l2), value, rtol=1e-5)


def test_l1_beside_adamw_is_refused():
    with pytest.raises(UsageError, match=r"`optimizer\.l1` is no key of adamw; adam has it"):
        two_steps(name="adamw", l1=0.1)


def test_options_have_their_ranges():
    with pytest.raises(UsageError, match=r"optimizer\.rho"):
        two_steps(name="rmsprop", rho=1.0)
    with pytest.raises(UsageError, match=r"optimizer\.rho"):
        two_steps(name="sgd", rho=0.5)
