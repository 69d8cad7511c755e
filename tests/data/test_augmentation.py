"""Changes of training images: what each does, and that they follow from seed, epoch and image."""

import io

import numpy as np
import pytest
from PIL import Image

from pm_cls.config import load_config
from pm_cls.config.studies import experiments_in
from pm_cls.data.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    check,
    pictures,
    pixels,
    places,
)
from pm_cls.data.augmentation.places import flip, shift
from pm_cls.data.order import kept, shuffled
from pm_cls.runtime.errors import UsageError
from tests.conftest import REPOSITORY
from tests.data.test_order import split_of

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 3, 20, 30), dtype=np.uint8)


def test_flip_is_left_for_right_as_often_as_said():
    rng = np.random.default_rng(1)
    flipped = [
        np.array_equal(flip(IMAGES[0], rng, 0.3), IMAGES[0, :, :, ::-1]) for _ in range(1000)
    ]
    assert 0.25 < np.mean(flipped) < 0.35
    assert np.array_equal(flip(IMAGES[0], rng, 1.0), IMAGES[0, :, :, ::-1])


def test_shift_moves_by_whole_pixels_and_repeats_the_edge():
    rng, found = np.random.default_rng(2), set()
    ramp = np.broadcast_to(np.arange(30, dtype=np.uint8), (1, 20, 30))
    steep = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, np.newaxis], (1, 20, 30))
    for _ in range(300):
        both = shift(np.concatenate([ramp, steep]), rng, 0.1)
        right, down = 15 - int(both[0, 10, 15]), 10 - int(both[1, 10, 15])
        found.add((right, down))
        np.testing.assert_array_equal(both[0], np.clip(ramp[0].astype(int) - right, 0, 29))
        np.testing.assert_array_equal(both[1], np.clip(steep[0].astype(int) - down, 0, 19))
    assert found == {(x, y) for x in range(-3, 4) for y in range(-2, 3)}


def of(steps, seed=3, images=IMAGES):
    return Augmentation(steps, images, np.arange(len(images)), seed)


EVERY = {
    "flip": 0.5, "shift": 0.2, "rotation": 30, "scale": 0.3, "crop": 0.3, "brightness": 0.3,
    "contrast": 0.3, "saturation": 0.3, "hue": 0.1, "fancy_pca": 0.5, "gamma": 0.5,
    "balance": 0.2, "haze": 0.3, "blur": 1, "noise": 5, "resolution": 2, "jpeg": 0.9, "cutout": 0.3,
    "mixup": 0.4,
}  # fmt: skip


@pytest.mark.parametrize("steps", [EVERY, *({name: EVERY[name]} for name in EVERY)])
def test_an_image_changes_the_same_way_in_any_batch_and_another_in_each_epoch(steps):
    whole = of(steps).images(np.arange(6), epoch=1)
    assert whole.dtype == np.uint8 and whole.shape == IMAGES.shape
    assert not np.array_equal(whole, IMAGES)
    alone = [of(steps).images(np.array([i]), epoch=1) for i in range(6)]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    assert not np.array_equal(whole, of(steps, seed=4).images(np.arange(6), epoch=1))
    assert not np.array_equal(whole, of(steps).images(np.arange(6), epoch=2))


def test_every_step_is_tried():
    assert list(EVERY) == list(AUGMENTATIONS)


def test_nothing_is_done_without_steps_and_nothing_to_the_images_given():
    np.testing.assert_array_equal(of({}).images(np.array([4, 1]), 1), IMAGES[[4, 1]])
    before = IMAGES.copy()
    of(EVERY).images(np.arange(6), 1)
    np.testing.assert_array_equal(IMAGES, before)


def test_rotation_turns_counterclockwise_about_the_centre():
    image = np.zeros((1, 21, 21), np.uint8)
    image[0, 10, 20] = 200  # on the right
    turned = places.about_centre(image, degrees=90)
    assert np.unravel_index(turned[0].argmax(), (21, 21)) == (0, 10)  # at the top
    np.testing.assert_array_equal(places.about_centre(image), image)
    angles = set()
    for seed in range(200):
        at = places.rotation(image, np.random.default_rng(seed), 90)[0]
        row, column = np.unravel_index(at.argmax(), at.shape)
        angles.add(round(np.degrees(np.arctan2(10 - row, column - 10)) / 30))
    assert angles == {-3, -2, -1, 0, 1, 2, 3}


def test_scale_enlarges_and_shrinks_about_the_centre():
    image = np.zeros((1, 40, 40), np.uint8)
    image[0, 10:30, 10:30] = 255
    share = image.mean() / 255  # a quarter
    sizes = [places.scale(image, np.random.default_rng(s), 0.5).mean() / 255 for s in range(200)]
    assert share / 1.5**2 * 0.9 < min(sizes) < share / 1.3**2
    assert share * 1.3**2 < max(sizes) < share * 1.5**2 * 1.1
    larger = places.about_centre(image, factor=1.5)
    assert larger[0, 20, 6] > 200 and larger[0, 20, 4] < 50


def test_crop_takes_a_part_from_within():
    ramp = np.broadcast_to(np.linspace(0, 255, 64, dtype=np.uint8), (1, 64, 64))
    spans, begins = [], []
    for seed in range(200):
        row = places.crop(ramp, np.random.default_rng(seed), 0.5)[0, 32].astype(int)
        assert (np.diff(row) >= 0).all()
        spans.append(row[-2] - row[1])
        begins.append(row[1])
    assert min(spans) < 140 and max(spans) > 235 and max(begins) > 80


def test_cutout_is_grey_and_of_its_size():
    image = np.full((3, 40, 60), 7, np.uint8)
    areas = []
    for seed in range(100):
        covered = places.cutout(image, np.random.default_rng(seed), 0.5) != 7
        assert (covered == covered[0]).all()
        areas.append(int(covered[0].sum()))
    assert max(areas) == 20 * 20 and min(areas) >= 10 * 10


def factor_of(step, image, seed):
    return step(image, np.random.default_rng(seed), 0.3)


def test_brightness_and_contrast_multiply():
    image = np.full((3, 8, 8), 100, np.uint8)
    image[:, :4] = 60
    for step, base in ((pixels.brightness, 0), (pixels.contrast, 80)):
        factors = []
        for seed in range(200):
            low, high = (float(v) for v in np.unique(factor_of(step, image, seed)))
            assert (low - base) / (60 - base) == pytest.approx(
                (high - base) / (100 - base), abs=0.03
            )
            factors.append((high - base) / (100 - base))
        assert 0.69 < min(factors) < 0.75 and 1.25 < max(factors) < 1.31


def test_saturation_leaves_the_grey_value_and_hue_the_brightest_channel():
    image = np.zeros((3, 4, 4), np.uint8)
    image[:] = np.array([180, 120, 60], np.uint8).reshape(3, 1, 1)
    for seed in range(50):
        found = factor_of(pixels.saturation, image, seed)[:, 0, 0].astype(float)
        assert found @ pixels.GREY == pytest.approx(np.array([180, 120, 60]) @ pixels.GREY, abs=1)
        spread = np.ptp(found) / 120
        assert 0.69 < spread < 1.31
        assert pixels.hue(image, np.random.default_rng(seed), 0.5).max() == pytest.approx(
            180, abs=2
        )
    third = pixels.hue(image, FixedDraw(1 / 3), 0.5)[:, 0, 0]
    np.testing.assert_allclose(third, [60, 180, 120], atol=4)  # red became green


class FixedDraw:
    """A generator whose uniform numbers are this one."""

    def __init__(self, value):
        self.value = value

    def uniform(self, low, high):
        return self.value


def test_fancy_pca_moves_along_the_axes_of_the_training_set():
    rng = np.random.default_rng(0)
    direction = np.array([0.6, 0.64, 0.48])
    values = 128 + 30 * rng.normal(size=(4, 1, 16, 16)) * direction.reshape(1, 3, 1, 1)
    images = values.round().astype(np.uint8)
    axes = pixels.colour_axes(images, np.arange(4))
    longest = axes[np.linalg.norm(axes, axis=1).argmax()]
    np.testing.assert_allclose(longest / np.linalg.norm(longest), direction, atol=0.01)
    variance = (values / 255)[:, 0].var() / direction[0] ** 2
    assert np.linalg.norm(longest) == pytest.approx(255 * variance, rel=0.02)
    moved = pixels.fancy_pca(images[0], np.random.default_rng(5), 3.0, axes).astype(int) - images[0]
    assert all(len(np.unique(one)) == 1 for one in moved)  # one colour for all pixels
    alone = pixels.fancy_pca(images[0], np.random.default_rng(5), 3.0)
    assert alone.shape == images[0].shape


def test_gamma_is_a_power_and_as_often_above_one_as_below():
    image, rng = np.full((3, 2, 2), 64, np.uint8), np.random.default_rng(0)
    powers = [
        np.log(pixels.gamma(image, rng, 1.0)[0, 0, 0] / 255) / np.log(64 / 255) for _ in range(500)
    ]
    assert 0.49 < min(powers) < 0.52 and 1.9 < max(powers) < 2.02
    assert 0.44 < np.mean(np.array(powers) > 1) < 0.56


def test_each_channel_has_a_factor_of_its_own_and_haze_is_white():
    image = np.full((3, 2, 2), 100, np.uint8)
    found = np.array(
        [
            pixels.balance(image, np.random.default_rng(seed), 0.2)[:, 0, 0] / 100
            for seed in range(200)
        ]
    )
    assert 0.79 < found.min() < 0.82 and 1.18 < found.max() < 1.21
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.2
    np.testing.assert_array_equal(pixels.hazed(image, 0.5), np.full((3, 2, 2), 178))
    shares = [
        (pixels.haze(image, np.random.default_rng(seed), 0.3)[0, 0, 0] - 100) / 155
        for seed in range(200)
    ]
    assert min(shares) < 0.01 and 0.28 < max(shares) < 0.31


@pytest.mark.parametrize("channels", [1, 3])
def test_a_coarser_image_and_one_from_a_file_keep_shape_and_mean(channels):
    image = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (channels, 12, 12))
    coarse = pixels.coarsened(image, 0.5)
    np.testing.assert_array_equal(coarse, np.full_like(image, 100))
    np.testing.assert_array_equal(pixels.coarsened(image, 1.0), image)
    rough = np.repeat(IMAGES[0, :1], channels, axis=0)  # in grey, as colours are halved
    errors = [
        np.abs(pixels.through_jpeg(rough, quality).astype(int) - rough).mean()
        for quality in (100, 50, 5)
    ]
    assert errors == sorted(errors) and errors[0] < errors[2] / 3
    assert pixels.jpeg(image, np.random.default_rng(0), 0.9).shape == image.shape


def test_blur_and_noise():
    flat = np.full((3, 64, 64), 128, np.uint8)
    noisy = pixels.noise(flat, np.random.default_rng(0), 10).astype(float)
    assert noisy.std() == pytest.approx(10, rel=0.03) and noisy.mean() == pytest.approx(
        128, abs=0.3
    )
    point = np.zeros((1, 41, 41), np.uint8)
    point[0, 20, 20] = 255
    spread = pixels.blurred(np.kron(point, np.ones((1, 3, 3), np.uint8)), 5)[0].astype(float)
    axis = np.arange(123) - 61
    sd = np.sqrt((spread.sum(0) * axis**2).sum() / spread.sum())
    assert sd == pytest.approx(5, rel=0.15)
    np.testing.assert_array_equal(pixels.blurred(flat, 3), flat)


def test_mixup_mixes_with_an_image_that_is_trained_on():
    kept = np.array([1, 4, 5])
    mixing = Augmentation({"mixup": 0.5}, IMAGES, kept, 0)
    others, shares = mixing.partners(np.arange(6), 2)
    assert set(others) <= set(kept) and (shares >= 0.5).all() and (shares <= 1).all()
    assert len(set(shares)) == 6
    found = mixing.images(np.arange(6), 2)
    by_image = shares.reshape(6, 1, 1, 1)
    expected = by_image * IMAGES + (1 - by_image) * IMAGES[others]
    assert np.abs(found - expected).max() <= 0.51
    plain, ones = of({"flip": 1}).partners(np.arange(6), 2)
    assert (plain == np.arange(6)).all() and (ones == 1).all()


def test_steps_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"`train\.augmentation` is 'flop'; known: flip, shift"):
        check({"flop": 0.5}, 3)
    with pytest.raises(UsageError, match=r"`train\.augmentation\.flip` is 1\.5; up to 1 is"):
        check({"flip": 1.5}, 3)
    with pytest.raises(
        UsageError, match=r"augmentation\.hue` needs red, green and blue; .* 1 chan"
    ):
        check({"hue": 0.1}, 1)


def test_a_share_is_held_out_by_the_seed():
    found = kept(split_of(1000), 0.1, seed=5)
    assert len(found) == 900 and len(np.unique(found)) == 900 and found.max() < 1000
    assert np.array_equal(found, kept(split_of(1000), 0.1, seed=5))
    assert not np.array_equal(found, kept(split_of(1000), 0.1, seed=6))
    np.testing.assert_array_equal(kept(split_of(7), 0.0, seed=5), np.arange(7))
    assert len(kept(split_of(1), 0.9, seed=0)) == 1
    assert sorted(found[shuffled(900, 5, 1)]) == list(found)


@pytest.mark.once
def test_usual_strengths_are_those_of_the_study_and_its_page_names_all():
    file = REPOSITORY / "configs/techniques/techniques.yaml"
    for name, step in AUGMENTATIONS.items():
        stated = load_config(file, experiment=name).train.augmentation
        assert stated == {name: step.usual}
    names = [name for path, name in experiments_in(file.parent) if not name.startswith("lenet7")]
    for page in ("techniques.md", "techniques.zh.md"):
        text = (REPOSITORY / "docs" / page).read_text("utf-8")
        assert [name for name in names if f"| `{name}` |" not in text] == []


def test_the_picture_has_each_step_twice_the_same(monkeypatch):
    monkeypatch.setattr(pictures, "SIDE", 40)
    first = pictures.png()
    with Image.open(io.BytesIO(first)) as image:
        blocks = -(-(1 + len(AUGMENTATIONS)) // pictures.ACROSS)
        assert image.height == blocks * (40 + pictures.TITLE + pictures.EDGE) // 2
    assert first == pictures.png() != pictures.png(seed=1)
