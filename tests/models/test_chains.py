"""The small networks of the source documents have the layers and parameters that these state."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.models import build_model
from pm_cls.runtime.errors import UsageError

OBJECTS = {"channels": 3, "image_size": 32}
COUNTS = [
    ("lenet20", {}, 931_080, [(20, 24), (20, 12), (50, 12), (50, 6)]),
    ("cnn8", {}, 12_042, [(8, 24), (8, 12), (16, 8), (16, 4)]),
    ("deep3x3", {}, 123_552,
     [(16, 28), (16, 28), (16, 14), (32, 14), (32, 16), (32, 8), (64, 8), (64, 8), (64, 4)]),
    ("cnn32", {}, 693_962, [(32, 26), (32, 13)]),
    ("cifar_cnn", OBJECTS, 1_250_858,
     [(32, 32), (32, 30), (32, 15), (64, 15), (64, 13), (64, 6)]),
    ("colour_cnn", {"channels": 3, "outputs": 6}, 3_815, [(2, 28), (2, 14), (3, 12), (3, 6)]),
    ("shape_cnn", {"outputs": 5}, 19_941, [(8, 28), (8, 14), (16, 12), (16, 6)]),
    ("shape_cnn", {"channels": 3, "outputs": 5, "grey": True}, 19_941,
     [(8, 28), (8, 14), (16, 12), (16, 6)]),
    ("dense", {}, 109_386, []),
    ("dense", {"batch_norm": True}, 109_770, []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "parameters", "maps"), COUNTS)
def test_parameters_and_maps(name, options, parameters, maps):
    model = build_model(name, **{"channels": 1, "outputs": 10, "image_size": 28, **options})
    trained = [p for p in model.parameters() if not p.stop_gradient]
    assert sum(int(parameter.numel()) for parameter in trained) == parameters
    seen = []
    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D | nn.MaxPool2D):
            layer.register_forward_post_hook(lambda _, given, made: seen.append(made.shape[1:3]))
    size = options.get("image_size", 28)
    model.eval()
    logits = model(paddle.zeros([2, options.get("channels", 1), size, size]))
    assert logits.shape == [2, options.get("outputs", 10)]
    assert list(map(tuple, seen)) == maps


def test_images_that_are_too_small_are_told():
    with pytest.raises(UsageError, match="image_size` is 7, of which nothing is left after"):
        build_model("cnn8", image_size=7)


def test_outputs_may_be_dropped_in_training_alone():
    model = build_model("deep3x3", channels=1, outputs=10, image_size=28, drop_outputs=0.5)
    images = paddle.uniform([8, 1, 28, 28])
    model.eval()
    assert (model(images) != 0).all()
    model.train()
    assert 0.2 < float((model(images) == 0).astype("float32").mean()) < 0.8


def test_grey_is_the_weighted_mean_of_red_green_and_blue():
    model = build_model("dense", channels=3, outputs=6, image_size=28, grey=True)
    red, green, blue = paddle.uniform([3, 4, 1, 28, 28])
    grey = (0.299 * red + 0.587 * green + 0.114 * blue + 1) / 2
    found = model(paddle.concat([red, green, blue], axis=1))
    np.testing.assert_allclose(found.numpy(), model.layers(grey).numpy(), atol=1e-5)
    with pytest.raises(
        UsageError, match=r"`model\.grey` is for 3 channels; those of the data are 1"
    ):
        build_model("dense", channels=1, grey=True)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("name", ["lenet20", "cnn8", "deep3x3", "cifar_cnn", "dense"])
def test_networks_of_the_documents_see_pixels_from_0_to_1_unless_told(name, unit):
    model = build_model(
        name, channels=3, outputs=10, image_size=32, **({} if unit else {"unit": unit})
    )
    model.eval()
    images = paddle.uniform([2, 3, 32, 32])
    expected = model.layers((images + 1) / 2 if unit else images)
    np.testing.assert_allclose(model(images).numpy(), expected.numpy(), atol=1e-5)
