"""What a network looks at: the measures, the changed photographs, and the way to the report."""

import dataclasses
import os
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.data import Split, load_dataset
from pm_cls.inspect import drawn, looking
from pm_cls.inspect import saliency as attention
from pm_cls.inspect.__main__ import main as inspect
from pm_cls.inspect.ablations import ABLATIONS, changed, mean_colour
from pm_cls.models import build_model
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.mirrored import Mirrored
from pm_cls.models.classifier import Run
from pm_cls.presentation import drawing, pictures
from pm_cls.records import calibration, predictions, result
from pm_cls.records import saliency as looks
from pm_cls.report.sections import saliency as section
from pm_cls.runtime.errors import RunError
from pm_cls.scores.calibration import Calibration

SIDE = 28


class Small(nn.Layer):
    """One convolution and one linear layer, of which all gradients can be written down."""

    def __init__(self, outputs=1):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2D(3, 4, 5, stride=3), nn.ReLU())  # 4x8x8
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(256, outputs))

    def forward(self, images):
        return self.classifier(self.features(images))


@pytest.fixture(scope="module")
def small():
    paddle.seed(3)
    return Small()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (13, 3, SIDE, SIDE), np.uint8)


def to_tensor(images):
    return paddle.to_tensor(images.astype(np.float32) / 127.5 - 1)


def test_grad_cam_is_the_formula_of_the_paper(small, images):
    maps = small.features(to_tensor(images)).numpy()
    signs = np.sign(small(to_tensor(images)).numpy()[:, 0])
    assert {-1, 1} == set(signs)
    slopes = small.classifier[1].weight.numpy()[:, 0].reshape(4, 8, 8)
    weights = signs[:, None] * slopes.mean(axis=(1, 2))
    expected = np.maximum(np.einsum("nc,nchw->nhw", weights, maps), 0)
    np.testing.assert_allclose(attention.grad_cam(small, images), expected, atol=1e-6)


def test_what_is_seen_in_the_mirror_is_turned_back(images):
    paddle.seed(5)
    small = Small()
    both, labels = Mirrored(small), np.arange(13) % 2
    both.eval()
    found = attention.grad_cam(both, images, labels)
    np.testing.assert_allclose(
        attention.grad_cam(both, images[..., ::-1], labels), found[..., ::-1], atol=1e-6
    )
    slopes = small.classifier[1].weight.numpy()[:, 0].reshape(4, 8, 8).mean(axis=(1, 2))
    one, other = (
        np.einsum("c,nchw->nhw", slopes, small.features(to_tensor(seen)).numpy())
        for seen in (images, images[..., ::-1])
    )
    signs = np.where(labels == 1, 1, -1)[:, None, None]
    expected = np.maximum(signs * (one + other[..., ::-1]) / 2, 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (maps,) = attention.feature_maps(both, images[:2])
    np.testing.assert_allclose(maps, small.features(to_tensor(images[:2])).numpy(), atol=1e-6)
    for label in (0, 1):  # by default the answer that the mean of both gives
        given = (both(to_tensor(images)).numpy()[:, 0] >= 0) == label
        answered = attention.grad_cam(both, images, np.full(13, label))[given]
        np.testing.assert_array_equal(attention.grad_cam(both, images)[given], answered)


def test_of_stages_that_are_averaged_each_has_its_share():
    paddle.seed(6)
    network = build_model("efficientnet_lite0", image_size=64, stages=(5, 6))
    network.eval()
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), np.uint8)
    fifth, sixth = network.blocks[10], network.blocks[14]
    outputs = []
    with hooked([(one, lambda _, given, output: outputs.append(output)) for one in (fifth, sixth)]):
        logits = network(to_tensor(images)).numpy()[:, 0]
    linear = network.classifier[1]
    slopes = np.split(linear.weight.numpy()[:, 0], [112])
    fine, coarse = (
        np.einsum("c,nchw->nhw", slope, maps.numpy()) / maps.shape[2] / maps.shape[3]
        for slope, maps in zip(slopes, outputs, strict=True)
    )
    assert fine.shape[1:] == (4, 4) and coarse.shape[1:] == (2, 2)
    shares = fine.sum(axis=(1, 2)) + coarse.sum(axis=(1, 2))
    np.testing.assert_allclose(shares + linear.bias.numpy(), logits, atol=1e-5)
    found = attention.grad_cam(network, images, np.ones(2, np.int64))
    corners = fine[:, ::3, ::3] + coarse / 4  # where bilinear values are those of the places
    np.testing.assert_allclose(found[:, ::3, ::3], np.maximum(corners, 0), atol=1e-6)


def test_feature_maps_and_kernels_are_those_of_the_network(small, images):
    (maps,) = attention.feature_maps(small, images[:2])
    np.testing.assert_allclose(maps, small.features(to_tensor(images[:2])).numpy(), atol=1e-6)
    np.testing.assert_array_equal(
        attention.first_kernels(small, images), small.features[0].weight.numpy()
    )
    alexnet = build_model("alexnet", image_size=64)
    shapes = [m.shape[1:] for m in attention.feature_maps(alexnet, np.zeros((1, 3, 64, 64), "u1"))]
    assert shapes == [(96, 16, 16), (256, 8, 8), (384, 4, 4), (384, 4, 4), (256, 4, 4)]


def test_of_several_classes_the_maps_are_those_of_the_logit_of_the_answer(images):
    paddle.seed(4)
    whole, one = Small(3), Small()
    one.features.set_state_dict(whole.features.state_dict())
    answers = attention.logits_of(whole, images, 10).argmax(axis=1)
    for label in range(3):
        linear, last = one.classifier[1], whole.classifier[1]
        linear.weight.set_value(last.weight[:, label : label + 1])
        linear.bias.set_value(last.bias[label : label + 1])
        labels, yes = np.full(len(images), label), np.ones(len(images), np.int64)
        found = attention.grad_cam(whole, images, labels)
        np.testing.assert_allclose(found, attention.grad_cam(one, images, yes), atol=1e-6)
        covered = attention.occlusion(whole, images[0], label)
        np.testing.assert_allclose(covered, attention.occlusion(one, images[0], 1), atol=1e-5)
        by_default = attention.grad_cam(whole, images)[answers == label]
        np.testing.assert_array_equal(by_default, found[answers == label])


def test_occlusion_is_the_fall_of_the_score_of_the_answer(small, images):
    for image in images[:4]:
        found = attention.occlusion(small, image)
        assert found.shape == (13, 13)
        covered = image.copy()
        covered[:, 6:10, 8:12] = image.mean(axis=(1, 2)).astype(np.uint8)[:, None, None]
        before, after = small(to_tensor(np.stack([image, covered]))).numpy()[:, 0]
        fall = before - after if before >= 0 else after - before
        assert found[3, 4] == pytest.approx(fall, abs=1e-5)
    assert np.abs(attention.occlusion(small, np.full((3, SIDE, SIDE), 90, np.uint8))).max() < 1e-5


def test_squares_cover_the_thesis_size_and_fit_every_other():
    assert looks.patch_starts(224) == (32, list(range(0, 193, 16)))
    for size in (4, 13, 28, 50, 64, 72, 112, 223, 256):
        side, starts = looks.patch_starts(size)
        assert starts[0] == 0 and starts[-1] + side == size
        assert max(np.diff(starts)) <= side // 2


def test_a_map_lies_amid_the_squares_that_were_covered():
    grid = np.zeros((13, 13), np.float32)
    grid[0, 4] = 1  # of 224 pixels rows 0 to 32, columns 64 to 96
    over = looks.spread(grid, 224)
    assert over.shape == (224, 224) and over.dtype == np.float32
    assert (over[:16] == over[0]).all() and over[31, 80] == pytest.approx(over[0, 80] / 32)
    assert over[0, 79] == over[0, 80] == pytest.approx(31 / 32) and over[0, 63] == 0
    shown = dataclasses.replace(shown_of("a"), occlusion=grid[np.newaxis])
    panel = pictures.judged(shown, "true_negative").axes[2 * pictures.A_ROW]
    np.testing.assert_array_equal(panel.images[-1].get_array(), looks.spread(grid, 8))


def test_agreement_is_the_rank_correlation_of_the_same_places():
    grid = np.zeros((13, 13), np.float32)
    grid[2, 9] = 1  # of 224 pixels rows 32 to 64, columns 144 to 176
    rows, columns = np.indices((14, 14)) * 16 + 8
    near = np.exp(-((rows - 48) ** 2 + (columns - 160) ** 2) / 2000).astype(np.float32)
    far = np.flip(near)
    assert attention.agreement(near, grid, 224) > 0.1 > -0.05 > attention.agreement(far, grid, 224)
    rising = np.arange(169, dtype=np.float32).reshape(13, 13)
    assert attention.agreement(rising, rising, 224) > 0.99
    assert attention.agreement(rising, -rising, 224) < -0.99
    assert attention.agreement(np.zeros((7, 7), np.float32), rising, 224) is None
    assert attention.agreement(rising, np.zeros((13, 13), np.float32), 224) is None


def test_outcomes_are_told_by_answer_and_label():
    found = looks.outcomes(np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0]))
    assert [looks.OUTCOMES[i] for i in found] == list(looks.OUTCOMES)


@pytest.fixture(scope="module")
def eyes():
    """Two round fields of view: reddish, with a bright place at the left or above."""
    images = np.zeros((2, 3, 56, 56), np.uint8)
    rows, columns = np.indices((56, 56))
    inside = (rows - 28) ** 2 + (columns - 28) ** 2 < 26**2
    for image, (row, column) in zip(images, ((28, 14), (14, 28)), strict=True):
        image[:, inside] = np.array([[150], [70], [40]])
        image[:, (rows - row) ** 2 + (columns - column) ** 2 < 5**2] = 250
    return images, inside


def test_changes_take_one_thing_away_each(eyes):
    images, inside = eyes
    colour = np.array([120.0, 60.0, 30.0])
    made = {name: changed(images, name, colour) for name in ABLATIONS}
    assert all(one.shape == images.shape and one.dtype == np.uint8 for one in made.values())
    np.testing.assert_array_equal(made["as it is"], images)
    assert (made["grey"][:, 0] == made["grey"][:, 1]).all()
    even = made["even colour"][:, :, inside].astype(float).mean(axis=2)
    np.testing.assert_allclose(even, np.broadcast_to(colour, (2, 3)), atol=1.5)
    assert np.ptp(made["flat"][0][:, inside], axis=1).max() == 0
    np.testing.assert_allclose(
        made["flat"][0][:, 28, 40], images[0][:, inside].mean(axis=1), atol=0.51
    )
    np.testing.assert_array_equal(made["outline"][0], made["outline"][1])
    np.testing.assert_array_equal(made["outline"][0][:, 28, 28], colour)
    assert made["no outline"][0, :, 3].max() == 0 and made["no outline"][0, 0, 28, 40] == 150
    for name in ("even colour", "flat", "outline", "blurred"):
        assert made[name][:, :, ~inside].max() == 0, name


def test_the_bright_place_is_found_wherever_it_is(eyes):
    images, _ = eyes
    covered = changed(images, "no bright place", np.zeros(3))
    control = changed(images, "no opposite place", np.zeros(3))
    assert covered.max() < 250
    assert (control == 250).sum() == (images == 250).sum()
    assert control[0, 0, 28, 42] != 150 and control[1, 0, 42, 28] != 150
    blurred = changed(images, "blurred", np.zeros(3))
    assert blurred[0, 1].max() < 200 and blurred[0, 1, 28, 14] > blurred[0, 1, 28, 42] + 10


def test_mean_colour_is_that_within_the_view(eyes):
    images, inside = eyes
    expected = np.mean([image[:, inside].mean(axis=1) for image in images], axis=0)
    np.testing.assert_allclose(mean_colour(images), expected)
    assert (mean_colour(np.zeros((1, 3, 8, 8), np.uint8)) == 0).all()


def test_a_run_keeps_what_its_network_looks_at(inspected):
    found, shown = looks.read(inspected), looks.read_shown(inspected)
    stored = result.read(inspected).epochs[2]
    assert found.epoch == 2 and list(found.ablations) == list(ABLATIONS)
    assert found.ablations["as it is"].correct == stored.correct
    assert found.ablations["as it is"].loss == pytest.approx(stored.loss, rel=1e-5)
    assert sum(found.counts.values()) == 16 == stored.n
    right = found.counts["true_positive"] + found.counts["true_negative"]
    assert right == stored.correct
    assert set(found.grad_cam) == {name for name, n in found.counts.items() if n}
    assert all(value.max() <= 1 for value in found.grad_cam.values())
    scored = predictions.read(predictions.file(inspected, 2))
    logit = dict(zip(scored.names, scored.logits[:, 0], strict=True))
    expected = [1 / (1 + np.exp(-logit[name])) for name in shown.names]
    np.testing.assert_allclose(shown.probabilities, expected, rtol=1e-5)
    assert len(shown.names) == sum(found.occluded.values()) == len(shown.images)
    drawn = {path.name for path in (inspected / looks.FOLDER).glob("*.png")}
    assert {"kernels.png", "mean_maps.png", "ablations.png"} < drawn
    assert any(name.startswith("feature_maps_") for name in drawn)


def test_what_is_kept_is_read_back(inspected, tmp_path):
    found, shown = looks.read(inspected), looks.read_shown(inspected)
    looks.write(tmp_path, found, shown)
    again, shown_again = looks.read(tmp_path), looks.read_shown(tmp_path)
    assert (again.counts, again.occluded, again.agreement, again.ablations) == (
        found.counts, found.occluded, found.agreement, found.ablations,
    )  # fmt: skip
    np.testing.assert_array_equal(again.kernels, found.kernels)
    assert shown_again.names == shown.names
    for one, other in zip(shown_again.feature_maps, shown.feature_maps, strict=True):
        np.testing.assert_array_equal(one, other)


def shown_of(*names, **others):
    """Photographs of zeros, all with feature maps."""
    n = len(names)
    nothing = np.zeros((n, 1, 8, 8), np.float32)
    return looks.Shown(
        names=names,
        labels=np.zeros(n, np.int64),
        probabilities=np.full(n, 0.4),
        images=np.zeros((n, 3, 8, 8), np.uint8),
        grad_cam=nothing[:, 0],
        occlusion=nothing[:, 0],
        mapped=np.arange(n),
        feature_maps=[nothing],
        **others,
    )


def test_photographs_of_one_name_in_two_folders_have_a_picture_each(inspected, tmp_path):
    drawn.looks(tmp_path, looks.read(inspected), shown_of("a/yes/1.png", "a/no/1.png"))
    found = sorted(path.name for path in tmp_path.glob("feature_maps_*"))
    assert found == ["feature_maps_1.png", "feature_maps_1_2.png"]


def test_pictures_are_titled_by_the_threshold_and_the_classes_of_the_run(inspected):
    shown = shown_of("a", threshold=0.3, classes=("no", "$5$ or more"))
    assert [name for name in looks.OUTCOMES if len(pictures.of_outcome(shown, name))] == [
        "false_positive"
    ]
    title = pictures.outcome_name("false_positive", shown.classes)
    assert title.en == "no, called $5$ or more"
    draw = partial(pictures.judged, shown, "false_positive")
    assert drawing.titled(draw, title, "en").get_suptitle() == r"no, called \$5\$ or more"
    assert pictures.outcome_name("true_negative", ()).en == "not ill, called healthy"
    found, two = looks.read(inspected), ("no", "yes")
    config = SimpleNamespace(data=SimpleNamespace(classes=two))
    runs = {"own": [SimpleNamespace(saliency=found, config=config)]}
    figure = section.make(SimpleNamespace(experiments=runs)).figures["mean_maps_own"]("en")
    titles = {axes.get_title().split("\n")[0] for axes in figure.axes} - {""}
    assert titles and titles <= {f"{one}, called {other}" for one in two for other in two}


def test_kernels_that_are_zero_are_grey(recwarn):
    found = SimpleNamespace(kernels=np.zeros((2, 3, 5, 5), np.float32))
    figure = pictures.kernels(found)
    assert (figure.axes[0].images[0].get_array() == 0.5).all() and not recwarn.list


@pytest.fixture
def copied(trained, tmp_path):
    folder = tmp_path / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    return folder


def test_a_run_with_a_threshold_is_looked_at_by_it(copied):
    logits = predictions.read(predictions.file(copied, 2)).logits[:, 0]
    parts = Calibration(2.0, 0.5, 0.5, 9).probabilities(np.sort(logits))[[2, 3, 10, 11]]
    for threshold, called in ((parts[:2].mean(), 13), (parts[2:].mean(), 5)):
        worth = Calibration(2.0, float(threshold), 0.5, 9)
        calibration.write(copied, worth, None, "held out")
        run = Run.read(copied)
        found, shown = looking.look(run, load_dataset(run.config.data))
        assert found.counts["true_positive"] + found.counts["false_positive"] == called
        looks.write(copied, found, shown)
        kept = looks.read_shown(copied)
        counted = {name: len(pictures.of_outcome(kept, name)) for name in looks.OUTCOMES}
        assert counted == found.occluded and kept.threshold == worth.threshold
        answers = (kept.probabilities >= kept.threshold).astype(int)
        maps = attention.grad_cam(run.network, kept.images, answers)
        np.testing.assert_allclose(kept.grad_cam, maps, atol=1e-5)
        for row in (0, -1):
            fall = attention.occlusion(run.network, kept.images[row], int(answers[row]))
            np.testing.assert_array_equal(kept.occlusion[row], fall)


def test_what_is_not_finite_is_told_before_anything_is_written(copied, monkeypatch):
    monkeypatch.setattr(looking.saliency, "occlusion", lambda *_: np.full((15, 15), np.nan))
    with pytest.raises(RunError, match="seed0: what its network looks at became NaN"):
        inspect(["--run", str(copied), "--device", "cpu"])
    assert [file.name for file in (copied / looks.FOLDER).iterdir()] == ["gradients.csv"]


def test_a_name_that_is_no_utf8_is_drawn(tmp_path):
    shown = shown_of(os.fsdecode(b"\xff.png"))
    drawing.save_png(lambda language: pictures.feature_maps(shown, 0, language), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_gradients_alone(copied):
    inspect(["--run", str(copied), "--device", "cpu", "--gradients-only"])
    assert [file.name for file in (copied / looks.FOLDER).iterdir()] == ["gradients.csv"]
    assert looks.read(copied) is None and looks.read_shown(copied) is None


def test_where_nothing_is_answered_rightly_no_feature_maps_are_chosen():
    wrong = np.array([looks.OUTCOMES.index(name) for name in ("false_positive", "false_negative")])
    chosen = looking._first_right(wrong)
    assert len(chosen) == 0 and np.arange(2)[chosen].shape == (0,)


def test_without_an_activation_after_a_convolution_there_are_no_feature_maps(trained, monkeypatch):
    monkeypatch.setattr(looking.saliency, "feature_maps", lambda *_: [])
    monkeypatch.setattr(looking.saliency, "occlusion", lambda *_: np.arange(225.0).reshape(15, 15))
    run = Run.read(trained)
    _, shown = looking.look(run, load_dataset(run.config.data))
    assert len(shown.mapped) == 0 and shown.feature_maps == []


def test_wrong_answers_are_drawn_in_their_colours(monkeypatch, tmp_path):
    drawn_with = []
    monkeypatch.setattr(drawing, "save_png", lambda draw, path: drawn_with.append(draw.args[0]))
    blue_first = np.zeros((2, 3, 4, 4), np.uint8)
    blue_first[:, 0] = 255
    split = Split(("a", "b"), np.array([0, 1]), blue_first)
    drawn.errors(tmp_path, split, np.array([0, 0]), "bgr")
    assert drawn_with[0].shape == (1, 3, 4, 4) and (drawn_with[0][0, 2] == 255).all()
    assert not drawn_with[0][0, :2].any()
