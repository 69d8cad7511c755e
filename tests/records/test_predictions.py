"""Predictions come back value by value, plain or compressed."""

import lzma

import numpy as np
import pytest

from pm_cls.records import predictions
from pm_cls.records.predictions import LARGE, Predictions
from pm_cls.scores.target import Classes


def made(n):
    rng = np.random.default_rng(n)
    logits = rng.normal(0, 10, (n, 3)).astype(np.float32)
    names = tuple(f"图 {i}.png" for i in range(n))
    return Predictions(names, rng.integers(0, 3, n), logits, Classes(3))


@pytest.mark.parametrize(("n", "name"), [(LARGE, "p.csv"), (LARGE + 1, "p.csv.xz")])
def test_they_come_back(tmp_path, n, name):
    path, first = tmp_path / "p.csv", made(n)
    for other in (made(5), made(LARGE + 5), first):  # each takes the place of the one before
        predictions.write(path, other)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert predictions.stored(path) == tmp_path / name
    found = predictions.read(path)
    assert found.names == first.names and found.target == first.target
    assert found.logits.tobytes() == first.logits.tobytes()
    np.testing.assert_array_equal(found.labels, first.labels)


def test_a_compressed_file_is_the_plain_one_and_always_the_same(tmp_path):
    path = tmp_path / "p.csv"
    predictions.write(path, made(LARGE + 1))
    content = predictions.stored(path).read_bytes()
    text = lzma.decompress(content).decode()
    assert text.startswith("image,label,logit_0,logit_1,logit_2\n图 0.png,")
    predictions.write(path, made(LARGE + 1))
    assert predictions.stored(path).read_bytes() == content
    predictions.stored(path).unlink()
    path.write_text(text)  # as records before were written
    assert predictions.read(path).logits.tobytes() == made(LARGE + 1).logits.tobytes()


@pytest.mark.parametrize("damage", [lambda c: c[:-20], lambda c: b"", lambda c: b"no" + c])
def test_a_damaged_one_is_told(tmp_path, damage):
    path = tmp_path / "p.csv"
    predictions.write(path, made(LARGE + 1))
    file = predictions.stored(path)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError):
        predictions.read(path)
    with pytest.raises(OSError):
        predictions.read(tmp_path / "other.csv")
