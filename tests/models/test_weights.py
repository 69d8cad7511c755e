"""Tensors on disk: what the library writes, with one copy of them in memory."""

import errno
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save

from pm_cls.models.weights import write_tensors


def made():
    rng = np.random.default_rng(0)
    yield "b.weight", rng.normal(size=(3, 5)).astype(np.float32)
    yield "steps", np.array([7], np.int64)
    yield "a", np.zeros((), np.float32)


def test_they_are_the_bytes_of_the_library(tmp_path):
    write_tensors(tmp_path / "x", made())
    assert (tmp_path / "x").read_bytes() == save(dict(made()))
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_one_copy_is_in_memory(tmp_path):
    number, size = 20, 1 << 20
    tracemalloc.start()
    write_tensors(tmp_path / "x", ((str(i), np.full(size, i, np.uint8)) for i in range(number)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert number * size < peak < (number + 3) * size


def test_what_the_system_refuses_is_an_error_of_the_system(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from pm_cls.models import weights

    for words, number in [
        ("Error while serializing: I/O error: No space left (os error 28)", errno.ENOSPC),
        ('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "" })', 28),
        ("anything else", errno.EIO),
    ]:

        def refuse(*_, words=words):
            raise SafetensorError(words)

        monkeypatch.setattr(weights, "serialize_file", refuse)
        with pytest.raises(OSError) as told:
            write_tensors(tmp_path / "x", made())
        assert told.value.errno == number and told.value.filename == str(tmp_path / "x")
        assert not list(tmp_path.iterdir())
