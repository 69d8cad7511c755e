"""Changes of training images: what each does, and that they follow from seed, epoch and image."""

import numpy as np
import pytest

from pm_cls.data.augmentation import augmented, check, flip, shift
from pm_cls.data.order import kept, shuffled
from pm_cls.runtime.errors import UsageError

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


def test_an_image_changes_the_same_way_in_any_batch_and_another_in_each_epoch():
    steps = {"flip": 0.5, "shift": 0.2}
    whole = augmented(IMAGES, np.arange(6), steps, seed=3, epoch=1)
    alone = [augmented(IMAGES[i : i + 1], np.array([i]), steps, seed=3, epoch=1) for i in range(6)]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    for other in ({"seed": 4, "epoch": 1}, {"seed": 3, "epoch": 2}):
        assert not np.array_equal(whole, augmented(IMAGES, np.arange(6), steps, **other))


def test_nothing_is_done_without_steps_and_nothing_to_the_images_given():
    assert augmented(IMAGES, np.arange(6), {}, 0, 1) is IMAGES
    before = IMAGES.copy()
    augmented(IMAGES, np.arange(6), {"shift": 0.5, "flip": 1.0}, 0, 1)
    np.testing.assert_array_equal(IMAGES, before)


def test_steps_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"`train\.augmentation` is 'flop'; known: flip, shift"):
        check({"flop": 0.5})
    with pytest.raises(UsageError, match=r"`train\.augmentation\.flip` is 1\.5; up to 1"):
        check({"flip": 1.5})


def test_a_share_is_held_out_by_the_seed():
    found = kept(1000, 0.1, seed=5)
    assert len(found) == 900 and len(np.unique(found)) == 900 and found.max() < 1000
    assert np.array_equal(found, kept(1000, 0.1, seed=5))
    assert not np.array_equal(found, kept(1000, 0.1, seed=6))
    np.testing.assert_array_equal(kept(7, 0.0, seed=5), np.arange(7))
    assert len(kept(1, 0.9, seed=0)) == 1
    assert sorted(found[shuffled(900, 5, 1)]) == list(found)
