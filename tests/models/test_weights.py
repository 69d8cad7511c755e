"""Tensors on disk: what the library writes, with one of them in memory at a time."""

import tracemalloc

import paddle
from safetensors.numpy import save

from pm_cls.models.weights import write_tensors


def made():
    paddle.seed(0)
    return {
        "b.weight": paddle.randn([3, 5]),
        "steps": paddle.to_tensor([7], "int64"),
        "a": paddle.zeros([]),
        "größe": paddle.to_tensor([True, False]),
        "none": paddle.zeros([0, 2]),
    }


def test_they_are_the_bytes_of_the_library(tmp_path):
    write_tensors(tmp_path / "x", made())
    expected = save({name: value.numpy() for name, value in made().items()})
    assert (tmp_path / "x").read_bytes() == expected
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_one_tensor_is_in_memory(tmp_path):
    size = 1 << 20
    tensors = {str(i): paddle.full([size // 4], i, "float32") for i in range(20)}
    tracemalloc.start()
    write_tensors(tmp_path / "x", tensors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < peak < 4 * size
    assert (tmp_path / "x").stat().st_size > 20 * size
