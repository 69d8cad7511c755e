"""What is computed faster on the CPU is what Paddle computes, in values and in gradients."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn

import pm_cls
from pm_cls.models import build_model
from pm_cls.models.blocks import compiled
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.depthwise import DepthwiseConv2D
from pm_cls.models.blocks.filtering import in_tiles
from pm_cls.models.blocks.linear import Linear
from pm_cls.models.blocks.normalisation import takes_two
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.models.blocks.stages import Sequential

ACTIVATIONS = [nn.ReLU, nn.Sigmoid, nn.Tanh]
RNG = np.random.default_rng(0)


def seen(layer, images):
    """The output, the gradients of images and parameters under a fixed gradient of the output."""
    dtype = layer.parameters()[0].dtype
    given = paddle.to_tensor(images, dtype=dtype, stop_gradient=False)
    with compiled.all_gradients():
        maps = layer(given)
    slopes = np.random.default_rng(2).normal(size=maps.shape)
    (maps * paddle.to_tensor(slopes, dtype=dtype)).sum().backward()
    gradients = [given.grad, *(parameter.grad for parameter in layer.parameters())]
    layer.clear_gradients()
    return [maps.numpy(), *(gradient.numpy() for gradient in gradients)]


def exact(plain, ours):
    """A layer of Paddle in float64, with the parameters of ours."""
    plain.to(dtype="float64")
    for parameter, of_ours in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.set_value(of_ours.numpy().astype(np.float64))
    return plain


def assert_near(found, expected, within):
    for got, exact in zip(found, expected, strict=True):
        assert abs(got - exact).max() <= within * max(1, abs(exact).max())


def stage(channels, outputs, activation, fast=True) -> Sequential:
    paddle.seed(1)
    layers = Sequential(Conv2D(channels, outputs, 5), activation(), MaxPool2D(2, 2))
    layers.fast = layers[0].fast = fast
    return layers


@pytest.fixture
def calls(monkeypatch):
    """The names of compiled loops that were called."""
    names = []
    for source in ("convolutions", "tiles", "planes"):
        loops = compiled.kernels(source)
        for name in (
            "convolve_and_pool", "gradients_of_both", "transformed_tiles", "gradients_of_weight",
        ):  # fmt: skip
            if real := getattr(loops, name, None):
                noted = lambda *a, n=name, f=real: names.append(n) or f(*a)  # noqa: E731
                monkeypatch.setattr(loops, name, noted)
    return names


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("channels", "size"), [(2, (20, 20)), (6, (31, 26)), (4, (6, 70))])
def test_a_stage_is_that_of_paddle(channels, size, activation, calls):
    images = RNG.normal(size=(3, channels, *size)).astype(np.float32)
    ours = stage(channels, 8, activation)
    plain = nn.Sequential(nn.Conv2D(channels, 8, 5), activation(), nn.MaxPool2D(2, 2))
    expected = seen(exact(plain, ours), images)
    found = seen(ours, images)
    assert calls == ["convolve_and_pool", "gradients_of_both"]
    assert_near(found, expected, 3e-6)


ONE = np.arange(144).reshape(12, 12) == 70
SENSELESS = {
    "ties": np.zeros((2, 2, 12, 12)),
    "one NaN": np.where(ONE, np.nan, RNG.normal(size=(2, 2, 12, 12))),
    "all NaN": np.full((2, 2, 12, 12), np.nan),
    "one infinite": np.where(ONE, np.inf, RNG.normal(size=(2, 2, 12, 12))),
    "all -inf": np.full((2, 2, 12, 12), -np.inf),
    "too large for a sum": np.full((2, 2, 12, 12), 3e38),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("values", SENSELESS)
def test_a_stage_of_ties_and_senseless_values_is_that_of_paddle(values, activation):
    images = SENSELESS[values].astype(np.float32)
    expected = seen(stage(2, 4, activation, fast=False), images)
    found = seen(stage(2, 4, activation), images)
    for got, plain in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_pooling_before_the_activation_changes_no_value(activation):
    images = RNG.normal(size=(2, 16, 13, 13)).astype(np.float32)
    layers = stage(16, 20, activation)
    with paddle.no_grad():
        given = paddle.to_tensor(images)
        plain = layers[2](layers[1](layers[0](given)))
        np.testing.assert_array_equal(layers(given).numpy(), plain.numpy())


def test_a_hook_sees_its_layer(calls):
    layers = stage(2, 4, nn.ReLU)
    maps = []
    handle = layers[0].register_forward_post_hook(lambda layer, given, made: maps.append(made))
    with paddle.no_grad():
        given = paddle.to_tensor(RNG.normal(size=(1, 2, 12, 12)).astype(np.float32))
        layers(given)
        assert maps[0].shape == [1, 4, 8, 8] and not calls
        handle.remove()
        layers(given)
    assert len(maps) == 1 and calls == ["convolve_and_pool"]


@pytest.mark.parametrize(
    ("channels", "outputs", "size", "options"),
    [
        (3, 5, 12, {}),  # an odd number of outputs
        (2, 4, 12, {"bias_attr": False}),
        (2, 4, 12, {"stride": 2}),
        (2, 4, 12, {"padding": 2}),
        (2, 4, 5, {"padding": 1}),
    ],
    ids=str,
)
def test_other_stages_are_left_to_paddle(channels, outputs, size, options, calls):
    layers = Sequential(Conv2D(channels, outputs, 5, **options), nn.ReLU(), MaxPool2D(2, 2))
    images = RNG.normal(size=(2, channels, size, size)).astype(np.float32)
    found = seen(layers, images)
    layers.fast = layers[0].fast = False
    assert_near(found, seen(layers, images), 1e-6)
    assert not calls


BOTH = {"stage": lambda: stage(2, 4, nn.ReLU), "tiles": lambda: Sequential(Conv2D(16, 16, 3))}


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize("kind", BOTH)
def test_parameters_may_be_frozen(kind, frozen):
    layers = BOTH[kind]()
    getattr(layers[0], frozen).stop_gradient = True
    channels = layers[0].weight.shape[1]
    given = paddle.to_tensor(RNG.normal(size=(2, channels, 12, 12)).astype(np.float32))
    with compiled.all_gradients():
        maps = layers(given)
    maps.sum().backward()
    (other,) = {"weight", "bias"} - {frozen}
    assert getattr(layers[0], frozen).grad is None
    assert getattr(layers[0], other).grad is not None


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 6])
@pytest.mark.parametrize("size", [(14, 14), (9, 23), (7, 6)])
def test_convolution_in_tiles_is_that_of_paddle(kernel, padding, size, calls):
    paddle.seed(0)
    images = RNG.normal(size=(3, 16, *size)).astype(np.float32)
    ours = Conv2D(16, 20, kernel, padding=padding)
    expected = seen(exact(nn.Conv2D(16, 20, kernel, padding=padding), ours), images)
    assert_near(seen(ours, images), expected, 5e-5)
    assert calls.count("transformed_tiles") == 2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(14, 14), (9, 23), (3, 8), (1, 2)])
def test_channels_by_themselves_are_those_of_paddle(kernel, stride, size, calls):
    paddle.seed(0)
    images = RNG.normal(size=(2, 6, *size)).astype(np.float32)
    ours = DepthwiseConv2D(6, kernel, stride)
    plain = nn.Conv2D(6, 6, kernel, stride, padding="SAME", groups=6, bias_attr=False)
    assert_near(seen(ours, images), seen(exact(plain, ours), images), 1e-5)
    assert calls == ["gradients_of_weight"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["image", "weight"])
def test_channels_with_senseless_values_are_those_of_paddle(value, where):
    paddle.seed(0)
    images = RNG.normal(size=(2, 6, 8, 9)).astype(np.float32)
    ours = DepthwiseConv2D(6, 3)
    if where == "image":
        images[0, 2, 7, 8] = value
    else:
        weight = ours.weight.numpy()
        weight[2, 0, 0, 0] = value
        ours.weight.set_value(weight)
    found = seen(ours, images)
    ours.fast = False
    for got, expected in zip(found, seen(ours, images), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_many_images_are_cut_in_blocks():
    paddle.seed(0)
    images = RNG.normal(size=(3, 16, 90, 90)).astype(np.float32)
    ours, plain = Conv2D(16, 16, 3), Conv2D(16, 16, 3)
    plain.set_state_dict(ours.state_dict())
    plain.fast = False
    assert_near(seen(ours, images), seen(plain, images), 5e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_does_not_spread(value):
    images = RNG.normal(size=(1, 16, 14, 14)).astype(np.float32)
    images[0, 3, 4, 4] = value
    ours = Conv2D(16, 16, 3)
    given = paddle.to_tensor(images)
    plain = nn.functional.conv2d(given, ours.weight)
    np.testing.assert_array_equal(
        np.isfinite((ours(given) - ours.bias.reshape([-1, 1, 1])).numpy()),
        np.isfinite(plain.numpy()),
    )


def test_tensors_that_lie_otherwise_in_memory():
    images = paddle.to_tensor(RNG.normal(size=(16, 3, 12, 12)).astype(np.float32))
    turned = images.transpose([1, 0, 2, 3])
    weight = paddle.to_tensor(RNG.normal(size=(16, 3, 3, 16)).astype(np.float32))
    weight = weight.transpose([0, 3, 1, 2])
    plain = nn.functional.conv2d(turned, weight)
    assert_near([in_tiles(turned, weight, 0).numpy()], [plain.numpy()], 5e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_some_gradients_can_be_asked_for_by_paddle_grad(kind, calls):
    layers = BOTH[kind]()
    given = paddle.to_tensor(RNG.normal(size=(2, layers[0].weight.shape[1], 12, 12)), "float32")
    given.stop_gradient = False
    for some in ([given], [layers[0].weight], [layers[0].bias, given]):
        assert all(found.shape for found in paddle.grad(layers(given).sum(), some))
    assert not calls


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("n", [1, 10, 13])
def test_a_step_on_the_way_is_that_of_momentum(n, decay):
    from pm_cls.config.schema import OptimizerConfig
    from pm_cls.train.optimizers import build_optimizer, step_on_the_way

    config = OptimizerConfig(learning_rate=0.1, momentum=0.9, weight_decay=decay)
    found = []
    for is_ours in (False, True):
        paddle.seed(0)
        model = nn.Sequential(nn.Linear(7, 12), nn.Tanh(), Linear(12, 300), nn.Linear(300, 1))
        optimizer = build_optimizer(model.parameters(), config)
        if is_ours:
            step_on_the_way(model, optimizer, config)
        for step in range(3):
            given = np.random.default_rng(step).normal(size=(n, 7)).astype(np.float32)
            with compiled.all_gradients():
                made = model(paddle.to_tensor(given))
            made.square().mean().backward()
            assert (model[2].weight.grad is None) is is_ours
            optimizer.step()
            optimizer.clear_grad(set_to_zero=False)
        assert len([k for k in optimizer.state_dict() if "velocity" in k]) == 6
        found.append([parameter.numpy() for parameter in model.parameters()])
    assert_near(found[1], found[0], 1e-5)


def test_a_narrow_layer_steps_with_the_others():
    assert Linear(8, 256).can_step() and not Linear(8, 255).can_step()
    assert not Linear(8, 256, bias_attr=False).can_step()


def test_a_network_that_is_not_fast_takes_no_loops(calls):
    model = build_model("lenet9", image_size=72, fast=False)
    with paddle.no_grad():
        model(paddle.zeros([1, 3, 72, 72]))
    assert not calls
    model = build_model("lenet9", image_size=72)
    with paddle.no_grad():
        model(paddle.zeros([1, 3, 72, 72]))
    assert calls.count("convolve_and_pool") == 2 and "transformed_tiles" in calls


LOAD = """
from pm_cls.runtime import device
device.prepare("cpu")
from pm_cls.models.blocks.compiled import kernels
print(kernels("tiles"))
"""
NOTE = "compiling loops"
SMALL = """
import numba
@numba.njit(numba.float32(numba.float32), cache=True)
def twice(x):
    return 2 * x
"""


@pytest.fixture
def installed(tmp_path):
    """A function: name -> variables of an installation of that name, with a loop soon compiled."""

    def made(name):
        package = tmp_path / name / "pm_cls"
        shutil.copytree(Path(pm_cls.__file__).parent, package)
        (package / "models/blocks/compiled/tiles.py").write_text(SMALL)
        return {"PYTHONPATH": str(package.parent)}

    return made


def load(cache, before="", **variables):
    environment = {**os.environ, "PM_CLS_CACHE": str(cache), **variables}
    done = subprocess.run(
        [sys.executable, "-c", before + LOAD], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


def test_loops_are_compiled_once_and_damaged_ones_anew(tmp_path, installed):
    cache, variables = tmp_path / "cache", installed("here")
    assert NOTE in load(cache, **variables).stderr
    again = load(cache, **variables)
    assert again.stderr == "" and "module" in again.stdout
    machine_code = max(cache.rglob("*.nbc"), key=lambda file: file.stat().st_size)
    content = bytearray(machine_code.read_bytes())
    content[len(content) // 2] ^= 1
    machine_code.write_bytes(content)
    assert NOTE in load(cache, **variables).stderr
    next(cache.rglob("*.nbi")).unlink()
    assert NOTE in load(cache, **variables).stderr


@pytest.mark.once
def test_installations_that_share_a_cache_leave_each_other_what_they_compiled(tmp_path, installed):
    for variables in (here := installed("here"), elsewhere := installed("elsewhere")):
        assert NOTE in load(tmp_path / "cache", **variables).stderr
    for variables in (here, elsewhere):
        assert load(tmp_path / "cache", **variables).stderr == ""


@pytest.mark.once
@pytest.mark.parametrize(
    ("before", "variables"),
    [("import sys; sys.modules['numba'] = None\n", {}), ("", {"NUMBA_DISABLE_JIT": "1"})],
    ids=["not installed", "switched off"],
)
def test_without_numba_paddle_computes(tmp_path, before, variables):
    assert load(tmp_path, before, **variables).stdout == "None\n"


@pytest.mark.once
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, installed):
    (tmp_path / "file").touch()
    done = load(tmp_path / "file" / "cache", **installed("here"))
    assert "module" in done.stdout and "Traceback" not in done.stderr


def test_one_value_a_channel_is_too_little_for_batch_normalisation():
    for name, size, is_too_little in (("resnet18", 32, True), ("resnet18", 64, False)):
        model = build_model(name, image_size=size)
        assert takes_two(model, paddle.zeros([1, 3, size, size])) == is_too_little
    frozen = build_model("resnet18", image_size=32, frozen_statistics=True)
    assert not takes_two(frozen, paddle.zeros([1, 3, 32, 32]))
