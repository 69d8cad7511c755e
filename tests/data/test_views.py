"""The field of view is found whatever its form and what lies around it; colours become alike."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pm_cls.config import DataConfig
from pm_cls.data.photographs.images import sample
from pm_cls.data.photographs.views import (
    MEAN_COLOUR,
    resampled,
    sampler,
    view_box,
    with_mean_colour,
)

RNG = np.random.default_rng(0)


def eye(width, height, box, cut=0, colour=(170, 90, 50)):
    """A photograph with a disc in a box, its top and bottom cut by so many pixels."""
    image = Image.new("RGB", (width, height), (4, 4, 5))
    draw = ImageDraw.Draw(image)
    draw.ellipse(box, fill=colour)
    _, top, _, bottom = box
    draw.rectangle((0, top, width, top + cut), fill=(4, 4, 5))
    draw.rectangle((0, bottom - cut, width, bottom), fill=(4, 4, 5))
    noise = RNG.normal(0, 3, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def near(found, expected, within):
    return np.abs(np.subtract(found, expected)).max() <= within


def test_a_round_field_of_view():
    assert near(view_box(eye(1200, 900, (250, 100, 950, 800))), (250, 100, 950, 800), 12)


def test_one_that_is_cut_keeps_its_scale():
    found = view_box(eye(1200, 900, (200, 0, 1100, 900), cut=100))
    assert near(found, (200, 0, 1100, 900), 15)
    assert found[2] - found[0] == pytest.approx(found[3] - found[1], abs=2)


def test_text_and_reflections_in_the_border_do_not_count():
    image = eye(1200, 900, (350, 150, 950, 750))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 140, 40), fill=(255, 255, 255))  # a line of text in a corner
    draw.rectangle((1100, 400, 1115, 500), fill=(200, 200, 255))
    assert near(view_box(image), (350, 150, 950, 750), 12)


@pytest.mark.parametrize("haze", [0.0, 0.3, 0.5])
def test_haze_over_all_of_it(haze):
    image = eye(800, 800, (150, 120, 650, 620))
    hazy = Image.blend(image, Image.new("RGB", image.size, (255, 255, 255)), haze)
    assert near(view_box(hazy), (150, 120, 650, 620), 12)


def test_a_dark_one():
    image = eye(800, 800, (150, 120, 650, 620), colour=(40, 24, 16))
    assert near(view_box(image), (150, 120, 650, 620), 12)


def test_without_a_border_the_photograph_is_whole():
    full = Image.fromarray(RNG.integers(60, 200, (300, 400, 3), dtype=np.uint8))
    assert view_box(full) == (0, -50, 400, 350)  # the square around it
    black = Image.new("RGB", (300, 300))
    assert view_box(black) == (0, 0, 300, 300)
    tiny = Image.new("RGB", (1, 1), (9, 9, 9))
    assert view_box(tiny) == (0, 0, 1, 1)


def test_cropped_photographs_are_alike_whatever_the_camera_left_around():
    config = DataConfig(field_of_view="crop")
    wide = sampler(config)(eye(1200, 900, (250, 100, 950, 800)), 64)
    close = sampler(config)(eye(720, 720, (10, 10, 710, 710)), 64)
    assert np.abs(wide.astype(int) - close).mean() < 4
    plain = sample(eye(1200, 900, (250, 100, 950, 800)), 64)
    assert np.abs(wide.astype(int) - plain).mean() > 15
    as_it_is = sampler(DataConfig())(eye(720, 720, (10, 10, 710, 710)), 64)
    np.testing.assert_allclose(as_it_is, sample(eye(720, 720, (10, 10, 710, 710)), 64), atol=20)


def test_the_mean_colour_within_becomes_the_same():
    for colour in ((170, 90, 50), (90, 60, 40), (140, 130, 100)):
        pixels = sample(eye(400, 400, (50, 50, 350, 350), colour=colour), 64)
        even = with_mean_colour(pixels)
        inside = pixels.max(axis=0) > 30
        found = even[:, inside].mean(axis=1)
        assert near(found, MEAN_COLOUR, 6)
    assert (with_mean_colour(np.zeros((3, 8, 8), np.uint8)) == 0).all()


def test_each_way_has_a_place_of_its_own_in_the_cache(photographs):
    from pm_cls.data import load_dataset

    found = [
        load_dataset(DataConfig(root=str(photographs), image_size=32, **settings)).train.images
        for settings in ({}, {"field_of_view": "crop"}, {"colour": "even"},
                         {"field_of_view": "crop", "colour": "even"})
    ]  # fmt: skip
    for i, one in enumerate(found):
        assert all(not np.array_equal(one, other) for other in found[:i])


def test_a_square_takes_no_memory_for_the_black_beyond():
    strip = Image.new("RGB", (15_000, 1000), (90, 60, 40))
    tracemalloc.start()
    found = sampler(DataConfig(field_of_view="crop"))(strip, 30)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert found[0, 14:16].min() == 90 and not found[:, :14].any() and not found[:, 16:].any()


@pytest.mark.parametrize("place", range(40))
def test_a_part_is_what_the_cut_out_picture_gives(place):
    rng = np.random.default_rng(place)
    height, width, side, size = (int(n) for n in rng.integers(1, 60, 4))
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    left, top = int(rng.integers(1 - side, width)), int(rng.integers(1 - side, height))
    box = (left, top, left + side, top + side)
    np.testing.assert_array_equal(sample(image, size, box), sample(image.crop(box), size))


def test_photographs_that_are_sampled_already_are_made_alike_too():
    photographs = [eye(90, 90, (20, 10, 70, 60)), eye(90, 90, (5, 5, 85, 85))]
    images = np.stack([sample(one, 90) for one in photographs])
    np.testing.assert_array_equal(resampled(images, DataConfig()), images)
    config = DataConfig(field_of_view="crop", colour="even", channel_order="bgr")
    each = [sampler(config)(one, 90)[::-1] for one in photographs]
    np.testing.assert_array_equal(resampled(images, config), each)
