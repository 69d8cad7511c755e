"""What a network looks at: the measures, the changed photographs, and the way to the report."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls import inspect, runs
from pm_cls.errors import DataError
from pm_cls.inspection import attention, looks, pictures
from pm_cls.inspection.probes import PROBES, changed, mean_colour
from pm_cls.models import build_model
from pm_cls.report import main as report
from pm_cls.results import read_runs

SIDE = 28


class Small(nn.Layer):
    """One convolution and one linear layer, of which all gradients can be written down."""

    channels, outputs = 3, 1

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2D(3, 4, 5, stride=3), nn.ReLU())  # 4x8x8
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(256, 1))

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


def test_feature_maps_and_kernels_are_those_of_the_network(small, images):
    (maps,) = attention.feature_maps(small, images[:2])
    np.testing.assert_allclose(maps, small.features(to_tensor(images[:2])).numpy(), atol=1e-6)
    np.testing.assert_array_equal(attention.first_kernels(small), small.features[0].weight.numpy())
    alexnet = build_model("alexnet", image_size=64)
    shapes = [m.shape[1:] for m in attention.feature_maps(alexnet, np.zeros((1, 3, 64, 64), "u1"))]
    assert shapes == [(96, 16, 16), (256, 8, 8), (384, 4, 4), (384, 4, 4), (256, 4, 4)]


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
    side, starts = looks.patch_starts(224)
    assert (side, len(starts), starts[-1] + side) == (32, 13, 224)
    for size in (4, 13, 28, 50, 112, 223):
        side, starts = looks.patch_starts(size)
        assert len(starts) and starts[-1] + side <= size


def test_agreement_is_the_rank_correlation_of_the_same_places():
    grid = np.zeros((13, 13), np.float32)
    grid[2, 9] = 1  # of 224 pixels rows 32 to 64, columns 144 to 176
    rows, columns = np.indices((14, 14)) * 16 + 8
    near = np.exp(-((rows - 48) ** 2 + (columns - 160) ** 2) / 2000).astype(np.float32)
    far = np.flip(near)
    assert looks.agreement(near, grid, 224) > 0.1 > -0.05 > looks.agreement(far, grid, 224)
    rising = np.arange(169, dtype=np.float32).reshape(13, 13)
    assert looks.agreement(rising, rising, 224) > 0.99
    assert looks.agreement(rising, -rising, 224) < -0.99
    assert looks.agreement(np.zeros((7, 7), np.float32), rising, 224) is None
    assert looks.agreement(rising, np.zeros((13, 13), np.float32), 224) is None


def test_outcomes_are_told_by_answer_and_label():
    found = looks.outcomes(np.array([0.0, -1, 2, -3]), np.array([1, 1, 0, 0]))
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
    made = {name: changed(images, name, colour) for name in PROBES}
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


@pytest.fixture(scope="module")
def inspected(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspected") / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    inspect.main(["--run", str(folder), "--device", "cpu"])
    return folder


def test_a_run_keeps_what_its_network_looks_at(inspected):
    found, shown = looks.read(inspected), looks.read_shown(inspected)
    stored = json.loads((inspected / runs.RESULT).read_text())["epochs"]["2"]
    assert found.epoch == 2 and list(found.probes) == list(PROBES)
    assert found.probes["as it is"].correct == stored["correct"]
    assert found.probes["as it is"].loss == pytest.approx(stored["loss"], rel=1e-5)
    assert sum(found.counts.values()) == 16 == stored["n"]
    right = found.counts["true_positive"] + found.counts["true_negative"]
    assert right == stored["correct"]
    assert set(found.grad_cam) == {name for name, n in found.counts.items() if n}
    assert all(value.max() <= 1 for value in found.grad_cam.values())
    predictions = runs.read_predictions(runs.predictions_file(inspected, 2))
    logit = dict(zip(predictions.names, predictions.logits[:, 0], strict=True))
    expected = [1 / (1 + np.exp(-logit[name])) for name in shown.names]
    np.testing.assert_allclose(shown.probabilities, expected, rtol=1e-5)
    assert len(shown.names) == sum(found.occluded.values()) == len(shown.images)
    drawn = {path.name for path in (inspected / looks.FOLDER).glob("*.png")}
    assert {"kernels.png", "mean_maps.png", "probes.png"} < drawn
    assert any(name.startswith("feature_maps_") for name in drawn)


def test_the_report_draws_it_without_paddle_and_publishes_no_photograph(
    inspected, photographs, tmp_path
):
    arguments = ["--runs-dir", str(inspected.parent.parent), "--out", str(tmp_path)]
    code = (
        f"import sys; from pm_cls.report import main; main({arguments!r})\n"
        "assert not any(name.split('.')[0] == 'paddle' for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "brightest place covered" in page and "Rank correlation of Grad-CAM" in page
    assert "遮住最亮处" in (tmp_path / "report.zh.html").read_text("utf-8")
    assert (tmp_path / "figures" / "mean_maps_lenet7_relu.svg").exists()
    kept = tmp_path / "records" / "lenet7_relu" / "seed0" / looks.FOLDER
    assert {file.name for file in kept.iterdir()} == {
        "gradients.csv", "looks.json", "looks.safetensors",
    }  # fmt: skip
    report([*arguments, "--photographs", str(photographs)])
    private = (tmp_path / "report-photographs.html").read_text("utf-8")
    shown = looks.read_shown(inspected)
    outcomes = [name for name in looks.OUTCOMES if len(pictures.of_outcome(shown, name))]
    assert len(re.findall('alt="lenet7_relu"', private)) == len(outcomes) + len(shown.mapped)
    # From the records alone the same pages come out, but for the pictures with photographs.
    again = tmp_path / "again"
    report(["--runs-dir", str(tmp_path / "records"), "--out", str(again)])
    assert (again / "report.html").read_text("utf-8") == page


@pytest.mark.parametrize("name", [looks.ARRAYS, looks.FACTS])
def test_damaged_looks_are_told_and_the_run_left_out(inspected, tmp_path, name):
    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    found, problems = read_runs(tmp_path)
    assert found == [] and len(problems) == 1


def test_damaged_pictures_are_told_with_the_mend(inspected, photographs, tmp_path):
    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(inspected, folder)
    (folder / looks.PHOTOGRAPHS).write_bytes(b"cut")
    arguments = ["--runs-dir", str(tmp_path), "--out", str(tmp_path / "out")]
    report(arguments)  # does not need them
    with pytest.raises(DataError, match=r"photographs.safetensors: is damaged .*makes it anew"):
        report([*arguments, "--photographs", str(photographs)])


def test_gradients_alone(trained, tmp_path):
    folder = tmp_path / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    inspect.main(["--run", str(folder), "--device", "cpu", "--gradients-only"])
    assert [file.name for file in (folder / looks.FOLDER).iterdir()] == ["gradients.csv"]
    assert looks.read(folder) is None and looks.read_shown(folder) is None
