"""Each change of the stress test does what it says, and the same every time."""

import hashlib
import itertools

import numpy as np
import pytest

from pm_cls.data.photographs.stress import CHANGES, STRENGTHS, Cell, cells, changed

RNG = np.random.default_rng(0)
FLAT = np.empty((1, 3, 64, 64), np.uint8)
FLAT[0] = np.array([150, 100, 50]).reshape(3, 1, 1)
BUSY = RNG.integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)


def at(change, strength=3, images=FLAT):
    return changed(images, Cell(change, strength))


def test_every_change_has_five_strengths_but_the_mirror_image():
    assert len(cells()) == 5 * (len(CHANGES) - 1) + 1
    assert {cell.strength for cell in cells()} == {*STRENGTHS}
    assert {*cells([3])} == {Cell(change, 3) for change in CHANGES}
    assert {*cells([5])} == {Cell(change, 5) for change in CHANGES if change != "mirrored"}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_the_same_every_time_and_grows(change):
    found = at(change, images=BUSY)
    assert found.dtype == np.uint8 and found.shape == BUSY.shape
    np.testing.assert_array_equal(found, at(change, images=BUSY))
    np.testing.assert_array_equal(found[:1], at(change, images=BUSY[:1]))
    assert not np.array_equal(found, BUSY)
    if change != "mirrored":
        smooth = np.repeat(np.repeat(BUSY, 8, axis=2), 8, axis=3)[:, :, :224, :224]
        moved = [np.abs(at(change, s, smooth).astype(int) - smooth).mean() for s in STRENGTHS]
        assert all(a < b for a, b in itertools.pairwise(moved)), moved


def colour(images):
    return images[0, :, 32, 32].tolist()


def test_values_at_strength_three():
    assert colour(at("darker")) == [105, 70, 35]
    assert colour(at("lighter")) == [195, 130, 65]
    gamma = [round(255 * (v / 255) ** 0.6) for v in (150, 100, 50)]
    assert colour(at("gamma 0.6")) == gamma
    assert colour(at("less red")) == [120, 100, 50]
    assert colour(at("more green")) == [150, 120, 50]
    assert colour(at("more blue")) == [150, 100, 60]
    assert colour(at("haze")) == [round(v + 0.3 * (255 - v)) for v in (150, 100, 50)]
    grey = 0.299 * 150 + 0.587 * 100 + 0.114 * 50
    found = colour(at("less saturation"))
    assert found == [round(grey + 0.4 * (v - grey)) for v in (150, 100, 50)]
    assert colour(at("less saturation", 5)) == [round(grey)] * 3


def test_contrast_noise_blur_and_resolution():
    halves = FLAT.copy()
    halves[..., :32] //= 2
    less = at("less contrast", images=halves).astype(int)
    before = np.ptp(halves[0, 0].astype(int))
    assert np.ptp(less[0, 0]) == pytest.approx(0.6 * before, abs=2)
    noisy = at("noise").astype(int) - FLAT
    assert noisy.std() == pytest.approx(10, rel=0.05)
    large = np.repeat(np.repeat(BUSY[:1], 4, axis=2), 4, axis=3)[:, :, :224, :224]
    for change in ("blur", "resolution", "JPEG"):
        assert at(change, images=large).std() < large.std()
    lines = np.zeros((1, 3, 224, 224), np.uint8)
    lines[..., ::2] = 255  # nothing of it is left at 96 pixels
    assert at("resolution", images=lines).std() < 60


def test_places_at_strength_three():
    square = np.zeros((1, 3, 200, 200), np.uint8)
    square[:, :, 80:120, 80:120] = 255
    assert at("zoom in", images=square).sum() == pytest.approx(1.25**2 * square.sum(), rel=0.02)
    assert at("zoom out", images=square).sum() == pytest.approx(0.8**2 * square.sum(), rel=0.02)
    moved = at("shift", images=square)
    np.testing.assert_array_equal(moved[..., 20:], square[..., :-20])
    assert not moved[..., :20].any()
    cut = at("cut", images=np.full((1, 3, 200, 200), 9, np.uint8))
    assert (cut == 0).mean() == pytest.approx(0.25)
    assert not cut[:, :, :25].any() and cut[:, :, 25:175].all()
    np.testing.assert_array_equal(at("mirrored", images=BUSY), BUSY[..., ::-1])
    bar = np.zeros((1, 3, 201, 201), np.uint8)
    bar[:, :, 98:103, 100:190] = 255
    turned = at("rotation", images=bar)[0, 0]
    rows, columns = np.nonzero(turned > 128)
    angle = np.degrees(np.arctan2(-(rows - 100).mean(), (columns - 100).mean()))
    assert angle == pytest.approx(30, abs=2)


def test_the_pixels_are_these():
    """So that figures of different years can stand side by side."""
    exact = ("darker", "more red", "haze", "noise", "shift", "cut", "mirrored", "less contrast")
    digest = hashlib.sha256()
    for change in exact:
        digest.update(at(change, images=BUSY).tobytes())
    assert digest.hexdigest()[:16] == "ff417ce2263e9bc2"
