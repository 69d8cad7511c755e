"""The networks are those of the thesis: every size and every parameter count that it states."""

import functools
import itertools

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn import functional as F

from pm_cls.models import MODELS, build_model
from pm_cls.models.blocks.compiled import all_gradients
from pm_cls.models.blocks.convolution import Conv2D
from pm_cls.models.blocks.filtering import along_width
from pm_cls.models.blocks.pooling import MaxPool2D
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.target import Binary
from pm_cls.train.losses import cross_entropy

LENET7 = ["6x220x220", "6x110x110", "16x106x106", "16x53x53", "120x50x50", "300000", "64", "1"]
LENET9 = [*LENET7[:5], "120x25x25", "240x20x20", "96000", "32", "1"]
ALEXNET = [
    "96x56x56", "96x28x28", "256x28x28", "256x14x14", "384x14x14", "384x14x14", "256x14x14",
    "256x7x7", "12544", "4096", "1",
]  # fmt: skip
MNIST = ["6x24x24", "6x12x12", "16x8x8", "16x4x4", "120x1x1", "120", "64", "10"]
THESIS = [
    ("lenet7", {}, 224, 19_233_841, LENET7),
    ("lenet9", {}, 224, 4_142_817, LENET9),
    ("alexnet", {}, 224, 55_135_617, ALEXNET),
    ("alexnet", {"fc_layers": 3}, 224, 71_916_929, [*ALEXNET[:-1], "4096", "1"]),
    ("mnist_lenet", {"activation": "sigmoid"}, 28, 41_806, MNIST),
]


@pytest.mark.parametrize(("name", "options", "size", "parameters", "shapes"), THESIS)
def test_sizes_and_parameters_are_those_of_the_thesis(name, options, size, parameters, shapes):
    model = build_model(name, image_size=size, **options)
    assert sum(p.numpy().size for p in model.parameters()) == parameters
    seen = []
    shaping = (nn.Conv2D, nn.MaxPool2D, nn.Flatten, nn.Linear)
    for layer in model.sublayers():
        if isinstance(layer, shaping):
            layer.register_forward_post_hook(lambda _, __, out: seen.append(out.shape[1:]))
    model.eval()
    with paddle.no_grad():
        logits = model(paddle.zeros([1, 1 if name == "mnist_lenet" else 3, size, size]))
    assert ["x".join(map(str, shape)) for shape in seen] == shapes
    assert list(logits.shape) == [1, int(shapes[-1])]


@pytest.mark.parametrize(
    ("activation", "layer"),
    [("sigmoid", nn.Sigmoid), ("tanh", nn.Tanh), ("relu", nn.ReLU)],
)
@pytest.mark.parametrize(("name", "places"), [("lenet7", 4), ("lenet9", 5)])
def test_activation_follows_every_hidden_layer(name, places, activation, layer):
    model = build_model(name, activation=activation, image_size=80)
    assert sum(isinstance(part, layer) for part in model.sublayers()) == places


@pytest.mark.parametrize(("name", "least"), [("lenet7", 28), ("lenet9", 72), ("alexnet", 29)])
def test_too_small_an_image_is_told_with_the_size_needed(name, least):
    model = build_model(name, image_size=least)
    with paddle.no_grad():
        assert list(model(paddle.zeros([2, 3, least, least])).shape) == [2, 1]
    with pytest.raises(UsageError, match=f"needs {least} pixels or more"):
        build_model(name, image_size=least - 1)


def test_pooled_features_keep_the_linear_layer_as_it_is_at_28_pixels():
    plain = build_model("lenet7", image_size=28)
    pooled = build_model("lenet7", image_size=61, pool_to=1)
    assert pooled.classifier[1].weight.shape == plain.classifier[1].weight.shape == [120, 64]
    images = paddle.randn([2, 3, 61, 61])
    mean = pooled.features[:-1](images).mean([2, 3])
    np.testing.assert_allclose(pooled.classifier(mean).numpy(), pooled(images).numpy(), atol=1e-5)
    with pytest.raises(UsageError, match="pool_to` is no key of the network alexnet"):
        build_model("alexnet", pool_to=1)


def test_a_gain_multiplies_the_initial_weights():
    models = []
    for gain in (1.0, 4.0):
        paddle.seed(0)
        models.append(build_model("lenet7", image_size=28, init_gain=gain).state_dict())
    for name, plain in models[0].items():
        factor = 4 if name.endswith("weight") else 1
        np.testing.assert_array_equal(models[1][name].numpy(), factor * plain.numpy())


@pytest.mark.parametrize(
    ("name", "size", "places"), [("lenet7", 28, 4), ("lenet9", 72, 5), ("alexnet", 32, 6)]
)
def test_normalisation_comes_before_each_activation(name, size, places):
    paddle.seed(0)
    model = build_model(name, activation="sigmoid", image_size=size, normalization="layers")
    layers = [*model.features, *model.classifier]
    before = [a for a, b in itertools.pairwise(layers) if isinstance(b, nn.Sigmoid)]
    assert len(before) == places
    assert all(isinstance(layer, nn.BatchNorm2D | nn.BatchNorm1D) for layer in before)
    seen = []
    before[0].register_forward_post_hook(lambda _, __, out: seen.append(out.numpy()))
    model.train()
    model(3 + paddle.randn([4, 3, size, size]))
    np.testing.assert_allclose(seen[0].mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(seen[0].std((0, 2, 3)), 1, atol=1e-2)


def test_normalised_images_have_no_colour_cast():
    model = build_model("lenet7", image_size=28, normalization="input")
    plain = build_model("lenet7", image_size=28)
    learned = [one for one in model.parameters() if not one.stop_gradient]
    plain.set_state_dict(dict(zip(plain.state_dict(), learned, strict=True)))
    images = paddle.randn([4, 3, 28, 28])
    cast = images * 0.1 + paddle.to_tensor([1.0, -2.0, 3.0]).reshape([3, 1, 1])
    np.testing.assert_allclose(model(cast).numpy(), model(images).numpy(), atol=1e-3)
    assert np.abs(plain(cast).numpy() - plain(images).numpy()).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "size"), [("resnet18", 32), ("resnet50", 32), ("densenet121", 32), ("dense", 28)]
)
def test_images_are_normalised_where_a_sequence_begins_with_their_convolution(name, size):
    with pytest.raises(UsageError, match=r"normalization` is input, for which .* no place"):
        build_model(name, image_size=size, normalization="input")


def test_mnist_lenet_needs_28():
    with pytest.raises(UsageError, match="needs 28"):
        build_model("mnist_lenet", image_size=32)


def test_initial_weights_are_he_normal_and_xavier_uniform():
    """The thesis leaves initialisation to Paddle: these are its defaults."""
    paddle.seed(0)
    model = build_model("lenet7", image_size=80)
    conv, linear = model.features[6].weight.numpy(), model.classifier[1].weight.numpy()
    assert abs(conv.std() / np.sqrt(2 / (16 * 4 * 4)) - 1) < 0.05
    bound = np.sqrt(6 / sum(linear.shape))
    assert abs(np.abs(linear).max() / bound - 1) < 0.01
    assert not model.classifier[1].bias.numpy().any()


def test_a_network_takes_the_channels_and_gives_the_outputs_of_the_data():
    for name, size in (("lenet7", 28), ("lenet9", 72), ("alexnet", 32), ("mnist_lenet", 28)):
        model = build_model(name, channels=2, outputs=5, image_size=size)
        model.eval()
        assert list(model(paddle.zeros([3, 2, size, size])).shape) == [3, 5]


def test_unknown_names_and_options_are_refused():
    with pytest.raises(UsageError, match="known: " + ", ".join(MODELS)):
        build_model("vgg")
    with pytest.raises(UsageError, match=r"model\.fc_layers"):
        build_model("lenet7", fc_layers=3)


@pytest.mark.parametrize("name", ["lenet7", "lenet9", "alexnet"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_fast_convolutions_give_the_function_and_the_gradients_of_the_plain_ones(name, activation):
    paddle.seed(3)
    plain = build_model(name, activation=activation, fast=False)
    fast = build_model(name, activation=activation)
    _, unexpected = fast.set_state_dict(plain.state_dict())
    assert not unexpected
    for layer in plain.sublayers():
        if isinstance(layer, Conv2D):
            layer.forward = functools.partial(nn.Conv2D.forward, layer)  # Paddle's own, bias too
    rng = np.random.default_rng(0)
    images = paddle.to_tensor(rng.uniform(-1, 1, (4, 3, 224, 224)).astype(np.float32))
    found = []
    for model in (plain, fast):
        model.eval()  # no dropout
        with all_gradients():
            logits = model(images)
        cross_entropy(logits, np.array([0, 1, 1, 0]), Binary()).mean().backward()
        found.append([logits, *(parameter.grad for parameter in model.parameters())])
    # Where rounding takes a value over a kink of relu or pooling, a whole gradient comes or goes.
    within = 1e-4 if (activation, name) == ("sigmoid", "lenet7") else 2e-2
    for expected, got in zip(*found, strict=True):
        assert paddle.linalg.norm(got - expected) <= within * paddle.linalg.norm(expected)
    same_bits = [(a.numpy() == b.numpy()).all() for a, b in zip(*found, strict=True)]
    assert not all(same_bits), "the fast network takes the plain path, so this compared nothing"


@pytest.mark.parametrize(
    ("kernel", "padding", "width", "tile"),
    [(3, 1, 14, 2), (5, 2, 28, 4), (6, 0, 25, 4), (4, 0, 53, 5)],
)
def test_minimal_filtering_is_a_convolution(kernel, padding, width, tile):
    rng = np.random.default_rng(1)
    images = paddle.to_tensor(rng.normal(size=(2, 16, 20, width)).astype(np.float32))
    weight = paddle.to_tensor(rng.normal(size=(8, 16, kernel, kernel)).astype(np.float32))
    layer = Conv2D(16, 8, kernel, padding=padding)
    assert layer._tile(images) == tile
    exact = nn.functional.conv2d(
        images.astype("float64"), weight.astype("float64"), padding=padding
    )
    maps = along_width(images, weight, padding, tile)
    error = abs(maps.numpy() - exact.numpy()).max() / abs(exact.numpy()).max()
    assert error < 1e-5


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 4},
        {"dilation": 2},
        {"bias_attr": False},
        {"kernel_size": [3, 5]},
        {"kernel_size": [5, 1], "padding": [2, 0]},
        {"padding": [1, 2]},
        {"padding": "same"},
        {"padding": 2, "padding_mode": "reflect"},
        {"padding": 1, "stride": 2},
        {"padding": 1, "stride": [1, 2], "bias_attr": False},
        {"data_format": "NHWC"},
        {"groups": 2, "dilation": [2, 1], "padding": [0, 3], "bias_attr": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("fast", [True, False])
def test_every_convolution_is_that_of_paddle(options, fast):
    paddle.seed(0)
    options = {"kernel_size": 3, **options}
    theirs, ours = nn.Conv2D(16, 8, **options), Conv2D(16, 8, **options)
    ours.fast = fast
    assert not any(ours.set_state_dict(theirs.state_dict()))
    shape = (2, 14, 18, 16) if "data_format" in options else (2, 16, 14, 18)
    images = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = []
    for layer in (theirs, ours):
        given = paddle.to_tensor(images, stop_gradient=False)
        maps = layer(given)
        slopes = np.random.default_rng(2).normal(size=maps.shape).astype(np.float32)
        (maps * paddle.to_tensor(slopes)).sum().backward()
        found.append([maps, given.grad, *(parameter.grad for parameter in layer.parameters())])
    for expected, got in zip(*found, strict=True):
        scale = max(1.0, float(paddle.abs(expected).max()))
        np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-5 * scale, rtol=0)


def test_few_channels_strides_and_odd_widths_are_convolved_plainly():
    images = paddle.zeros([1, 16, 20, 20])
    assert not Conv2D(3, 16, 3)._may_be_filtered(paddle.zeros([1, 3, 20, 20]))
    assert not Conv2D(16, 8, 3)._may_be_filtered(images)
    assert not Conv2D(16, 16, 3, stride=2)._may_be_filtered(images)
    assert not Conv2D(16, 16, 1)._may_be_filtered(images)
    assert Conv2D(16, 16, 3)._may_be_filtered(images)
    assert Conv2D(16, 16, 4)._tile(images) is None  # 17 columns
    assert Conv2D(16, 16, 3)._tile(images) == 3  # 18 columns


def corner(value):
    """Images with one window of a value."""
    images = np.random.default_rng(2).random((1, 1, 8, 8))
    images[..., :2, :2] = value
    return images


POOLED = {
    "different values": np.random.default_rng(2).normal(size=(2, 3, 13, 10)),
    "ties": np.random.default_rng(2).integers(0, 2, (2, 3, 12, 12)),
    "large": np.where(np.random.default_rng(2).random((2, 3, 12, 12)) < 0.5, 3e38, 1),
}
SENSELESS = {
    "a window of NaN": corner(np.nan),
    "a window of -inf": corner(-np.inf),
    "NaN here and there": np.where(
        np.random.default_rng(2).random((2, 3, 12, 12)) < 0.5, np.nan, 1
    ),
    "infinite": np.where(np.random.default_rng(2).random((2, 3, 12, 12)) < 0.5, np.inf, 1),
}


@pytest.mark.parametrize("values", [*POOLED, *SENSELESS])
def test_pooling_is_that_of_paddle_to_the_bit(values, monkeypatch):
    images = {**POOLED, **SENSELESS}[values].astype(np.float32)
    kept = []
    real = F.max_pool2d
    monkeypatch.setattr(F, "max_pool2d", lambda *a, **k: kept.append(k) or real(*a, **k))
    found = []
    for pool in (nn.MaxPool2D(2, 2), MaxPool2D(2, 2)):
        given = paddle.to_tensor(images, stop_gradient=False)
        maxima = pool(given)
        gradient = np.random.default_rng(3).normal(size=maxima.shape).astype(np.float32)
        maxima.backward(paddle.to_tensor(gradient))
        found.append((maxima.numpy(), given.grad.numpy()))
    for expected, got in zip(*found, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert ({"return_mask": True} in kept) is (values in POOLED)


def test_a_network_with_plain_convolutions_can_be_exported(tmp_path):
    model = build_model("lenet7", image_size=28, fast=False)
    model.eval()
    images = paddle.uniform([2, 3, 28, 28])
    given = paddle.static.InputSpec([None, 3, 28, 28], "float32")
    paddle.jit.save(model, str(tmp_path / "network"), input_spec=[given])
    exported = paddle.jit.load(str(tmp_path / "network"))
    np.testing.assert_allclose(exported(images).numpy(), model(images).numpy(), atol=1e-6)
