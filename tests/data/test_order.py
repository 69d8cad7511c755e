"""Which images an epoch goes through: classes are balanced as each way says, by the seed."""

import numpy as np
import pytest

from pm_cls.data.dataset import Split
from pm_cls.data.order import ORDERS, check, held_out, kept, shuffled, thinned
from pm_cls.runtime.errors import UsageError

LABELS = np.array([0] * 7 + [1] * 3 + [2] * 12)[np.random.default_rng(0).permutation(22)]


def places(name, seed=1, epoch=2, batch=6):
    return check(name, LABELS)(LABELS, batch, seed, epoch)


@pytest.mark.parametrize("name", ORDERS)
def test_it_follows_from_seed_and_epoch(name):
    np.testing.assert_array_equal(places(name), places(name))
    assert places(name).dtype.kind == "i"
    others = [places(name, seed=2), places(name, epoch=3)]
    assert all(len(other) == len(places(name)) for other in others)
    for other in others:
        assert np.array_equal(other, places(name)) == (name == "as_stored")


def test_each_class_as_often_as_said():
    def counts(name):
        return np.bincount(LABELS[places(name)]).tolist()

    assert counts("shuffled") == counts("as_stored") == [7, 3, 12]
    assert counts("oversampled") == counts("balanced_batches") == [12, 12, 12]
    assert counts("undersampled") == [3, 3, 3]


def test_no_image_is_left_out_or_drawn_oftener_than_need_be():
    np.testing.assert_array_equal(places("shuffled"), shuffled(22, 1, 2))
    np.testing.assert_array_equal(places("as_stored"), np.arange(22))
    times = np.bincount(places("oversampled"), minlength=22)
    assert (times[LABELS == 1] == 4).all() and (times[LABELS == 2] == 1).all()
    assert set(times[LABELS == 0]) == {1, 2}
    assert np.bincount(places("undersampled")).max() == 1


def test_batches_are_balanced():
    drawn = LABELS[places("balanced_batches")]
    for start in range(0, 36, 6):
        assert np.bincount(drawn[start : start + 6]).tolist() == [2, 2, 2]


def test_what_does_not_go_is_refused():
    with pytest.raises(UsageError, match=r"`train\.order` is 'sorted'; known: shuffled, as_stored"):
        check("sorted", LABELS)
    several = np.stack([LABELS, LABELS], axis=1)
    assert check("shuffled", several)
    with pytest.raises(UsageError, match=r"oversampled goes by the class; .* several labels"):
        check("oversampled", several)


def test_a_class_is_thinned_by_the_seed():
    places = np.arange(2, 22)
    found = thinned(places, LABELS, {2: 0.25, 0: 0.01}, seed=4)
    before, after = np.bincount(LABELS[places]), np.bincount(LABELS[found])
    assert after.tolist() == [1, before[1], round(before[2] / 4)]
    assert set(found) <= set(places) and (np.diff(found) > 0).all()
    np.testing.assert_array_equal(found, thinned(places, LABELS, {2: 0.25, 0: 0.01}, seed=4))
    assert not np.array_equal(found, thinned(places, LABELS, {2: 0.25, 0: 0.01}, seed=5))
    np.testing.assert_array_equal(thinned(places, LABELS, {}, seed=4), places)
    with pytest.raises(UsageError, match=r"names class 3; the training images have 0, 1, 2"):
        thinned(places, LABELS, {3: 0.5}, seed=4)


def split_of(n, patients=None):
    return Split(tuple(map(str, range(n))), np.zeros(n, np.int64), np.zeros((n, 1)), patients)


def test_what_is_held_out_is_the_rest():
    split = split_of(22)
    both = np.concatenate([kept(split, 0.3, 1), held_out(split, 0.3, 1)])
    assert sorted(both) == list(range(22)) and len(held_out(split, 0.3, 1)) == 7
    assert len(held_out(split, 0.0, 1)) == 0


def test_a_patient_is_held_out_whole():
    patients = np.repeat(np.arange(20), 4)[np.random.default_rng(1).permutation(80)]
    split = split_of(80, patients)
    draws = set()
    for seed in range(5):
        out = held_out(split, 0.25, seed)
        assert len(out) == 20 and not {*patients[out]} & {*patients[kept(split, 0.25, seed)]}
        draws.add(tuple(out))
    assert len(draws) == 5
    alone = split_of(4, np.zeros(4, np.int64))  # of one patient, who is trained on
    assert len(held_out(alone, 0.5, 0)) == 0 and len(kept(alone, 0.5, 0)) == 4
    assert len(held_out(split, 0.0, 0)) == 0
