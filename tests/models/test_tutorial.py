"""The larger networks have the sizes and parameters that their sources state."""

import numpy as np
import paddle
import pytest

from pm_cls.models import build_model
from pm_cls.models.taps import taps
from pm_cls.runtime.errors import UsageError

NETWORKS = [
    ("zfnet", {}, 58_264_705, {"features.0": [96, 110], "features.2": [96, 55],
                               "features.3": [256, 26], "features.12": [256, 6]}),
    ("vgg16", {}, 134_264_641, {"network.features.2": [64, 224], "network.features.30": [512, 7]}),
    ("googlenet", {}, 5_974_577, {"stem.0": [64, 224], "stem.7": [192, 56], "third.1": [480, 56],
                                  "fourth.4": [832, 28], "fifth.2": [1024, 14]}),
    ("resnet18", {}, 11_177_025, {"network.conv1": [64, 112], "network.layer4": [512, 7]}),
    ("resnet50", {}, 23_510_081, {"network.layer1": [256, 56], "network.layer4": [2048, 7]}),
    ("densenet121", {}, 6_954_881, {"network.conv1_func": [64, 112],
                                    "network.batch_norm": [1024, 7]}),
    ("deep3x3", {}, 2_580_981, {"layers.5": [32, 112], "layers.7": [32, 114],
                                "layers.14": [64, 28]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "parameters", "maps"), NETWORKS)
def test_parameters_and_maps(name, options, parameters, maps):
    model = build_model(name, channels=3, outputs=1, image_size=224, **options)
    trained = [p for p in model.parameters() if not p.stop_gradient]
    assert sum(int(parameter.numel()) for parameter in trained) == parameters
    seen, layers = {}, dict(model.named_sublayers())
    for place in maps:
        layers[place].register_forward_post_hook(
            lambda _, __, made, place=place: seen.update({place: list(made.shape)})
        )
    model.eval()
    with paddle.no_grad():
        assert model(paddle.zeros([1, 3, 224, 224])).shape == [1, 1]
    assert seen == {place: [1, count, side, side] for place, (count, side) in maps.items()}


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "resnet50", "densenet121"])
def test_networks_for_colour_say_what_they_take(name):
    with pytest.raises(UsageError, match=r"takes images \[3, height, width\]; .* 1 channel"):
        build_model(name, channels=1, outputs=10, image_size=32)
    with pytest.raises(UsageError, match="activation"):
        build_model(name, activation="tanh")


@pytest.mark.parametrize("name", ["googlenet", "vgg16", "resnet18", "densenet121"])
def test_the_least_size(name):
    with pytest.raises(UsageError, match=r"`data\.image_size` is 31; this network needs 32"):
        build_model(name, image_size=31)
    model = build_model(name, image_size=32)
    model.eval()
    assert np.isfinite(model(paddle.zeros([2, 3, 32, 32])).numpy()).all()


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121"])
def test_faster_layers_give_the_same_function(name):
    """And gradients, but for maxima and signs that rounding moves; in training."""
    found = []
    images = paddle.uniform([4, 3, 64, 64], min=-1, max=1, seed=5)
    for fast in (True, False):
        paddle.seed(3)
        model = build_model(name, image_size=64, fast=fast)
        logits = model(images)
        logits.square().sum().backward()
        found.append([logits.numpy(), model.parameters()[0].grad.numpy()])
    for ours, plain in zip(*found, strict=True):
        assert np.linalg.norm(ours - plain) < 1e-2 * np.linalg.norm(plain)


@pytest.mark.parametrize(("name", "convolutions"), [("resnet18", 2), ("resnet50", 3)])
def test_a_resnet_without_shortcuts_is_its_convolutions_one_after_the_other(name, convolutions):
    model = build_model(name, image_size=32, shortcuts=False)
    paths = [layer for layer, _ in model.named_sublayers()]
    assert not any("downsample" in path for path in paths)
    block = model.network.layer2[0]
    block.eval()
    images = expected = paddle.rand([2, block.conv1.weight.shape[1], 8, 8]) - 0.5
    for number in range(1, convolutions + 1):
        made = getattr(block, f"conv{number}")(expected)
        expected = paddle.nn.functional.relu(getattr(block, f"bn{number}")(made))
    np.testing.assert_allclose(block(images).numpy(), expected.numpy(), atol=1e-6)
    whole = build_model(name, image_size=32).network.layer2[1]
    whole.eval()
    images = paddle.rand([1, whole.conv1.weight.shape[1], 4, 4])
    for norm in (whole.bn2, getattr(whole, "bn3", whole.bn2)):
        norm.weight.set_value(paddle.zeros_like(norm.weight))
    np.testing.assert_allclose(whole(images).numpy(), images.numpy(), atol=1e-6)


def test_the_last_layer_of_a_resnet_begins_within_the_root_of_its_features():
    weight = build_model("resnet18", image_size=32).network.fc.weight.numpy()
    assert 0.9 < abs(weight).max() * 512**0.5 <= 1


def test_auxiliary_heads_answer_in_training_alone():
    model = build_model("googlenet", image_size=64, auxiliary=True, outputs=2)
    images = paddle.zeros([2, 3, 64, 64])
    assert [logits.shape for logits in model(images)] == [[2, 2]] * 3
    model.eval()
    assert model(images).shape == [2, 2]


def test_all_can_be_looked_into():
    """Inspection finds the layers of any topology."""
    for name in ("googlenet", "resnet18"):
        model = build_model(name, image_size=32)
        assert len(taps(model, paddle.zeros([1, 3, 32, 32]))) > 20
