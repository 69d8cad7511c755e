"""Predictions come back value by value, plain or compressed."""

import lzma

import numpy as np
import pytest

from pm_cls.records import predictions
from pm_cls.records.predictions import LARGE, Predictions
from pm_cls.runtime.files import read_csv
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


def test_what_is_published_of_many_is_shorter_and_answers_as_before(tmp_path):
    path, copy, many = tmp_path / "p.csv", tmp_path / "copy.csv", made(LARGE + 1)
    many.logits[0] = [1.00011, 1.00022, 1.00033]  # to a thousandth, three times the same
    predictions.write(path, many)
    predictions.publish(path, copy)
    shorter = predictions.read(copy)
    assert shorter.names == many.names and (shorter.right() == many.right()).all()
    assert shorter.logits[0].tobytes() == many.logits[0].tobytes()
    assert 0 < np.abs(shorter.logits - many.logits).max() < 0.0006
    short = [len(f"{logit:.7g}".partition(".")[2]) <= 3 for logit in shorter.logits.flat]
    assert len(short) - 3 * 2 <= sum(short) < len(short)  # another row at most is as close
    assert predictions.stored(copy).stat().st_size < predictions.stored(path).stat().st_size
    assert predictions.published(path).logits.tobytes() == shorter.logits.tobytes()
    assert predictions.published(copy).logits.tobytes() == shorter.logits.tobytes()
    (tmp_path / "again").mkdir()
    predictions.publish(copy, tmp_path / "again" / "copy.csv")
    (again,) = (tmp_path / "again").iterdir()
    assert again.read_bytes() == predictions.stored(copy).read_bytes()


def test_of_few_all_is_published_as_it_is(tmp_path):
    path, copy = tmp_path / "p.csv", tmp_path / "copy.csv"
    few = made(LARGE)
    few.logits[0] = np.nan
    predictions.write(path, few)
    predictions.publish(path, copy)
    assert not copy.exists()
    assert lzma.decompress(predictions.stored(copy).read_bytes()) == path.read_bytes()
    predictions.publish(copy, tmp_path / "again.csv")
    again = predictions.stored(tmp_path / "again.csv")
    assert again.read_bytes() == predictions.stored(copy).read_bytes()
    assert predictions.published(path).logits.tobytes() == few.logits.tobytes()


def test_a_plain_file_of_many_is_published_as_a_compressed_one(tmp_path):
    """A record from before large ones were compressed."""
    path, copy, plain = (tmp_path / name for name in ("p.csv", "copy.csv", "plain.csv"))
    predictions.write(path, made(LARGE + 1))
    predictions.publish(path, copy)
    file = predictions.stored(path)
    path.write_bytes(lzma.decompress(file.read_bytes()))
    file.unlink()
    assert predictions.read(path).logits.tobytes() == made(LARGE + 1).logits.tobytes()
    predictions.publish(path, plain)
    assert predictions.stored(plain).read_bytes() == predictions.stored(copy).read_bytes()
    assert not plain.exists()


def test_a_cell_without_an_end_is_told(tmp_path):
    """What the reader of CSV finds wrong is no ValueError of its own."""
    path = tmp_path / "p.csv"
    path.write_text("image,label,logit\n" + '"' + "a,0,1.5\n" * 30_000)
    for read in (predictions.read, read_csv):
        with pytest.raises(ValueError, match="damaged: field larger"):
            read(path)
