"""Tensors of files of torch.save are read, and nothing in such a file is executed."""

import pickle
import struct

import numpy as np
import pytest

from pm_cls.models.torch_file import MAGIC, PROTOCOL, read_tensors

WEIGHTS = np.arange(12, dtype=np.float32)
COUNTS = np.array([7], np.int64)


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def whole(number):
    return b"J" + struct.pack("<i", number)


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def several(*parts):
    return b"(" + b"".join(parts) + b"t"


EMPTY = named("collections", "OrderedDict") + b")R"
REBUILD = named("torch._utils", "_rebuild_tensor_v2")


def tensor(key, count, shape, stride, offset=0, kind="FloatStorage", make=REBUILD):
    storage = several(
        text("storage"), named("torch", kind), text(key), text("cpu"), whole(count), b"N"
    )
    sizes = several(*map(whole, shape)), several(*map(whole, stride))
    return make + several(storage + b"Q", whole(offset), *sizes, b"\x89", EMPTY) + b"R"


def file(tensors=None, storages=None, magic=MAGIC):
    """The bytes of a file, put together by hand as torch.save does."""
    if tensors is None:
        tensors = {
            "weight": tensor("a", 12, (2, 3), (1, 2), offset=4),
            "count": tensor("b", 1, (), (), kind="LongStorage"),
        }
    if storages is None:
        storages = {"a": WEIGHTS, "b": COUNTS}
    content = b"".join(text(name) + value for name, value in tensors.items())
    return b"".join(
        [
            *(pickle.dumps(value, 2) for value in (magic, PROTOCOL, {"little_endian": True})),
            b"\x80\x02" + EMPTY + b"(" + content + b"u.",
            pickle.dumps(list(storages), 2),
            *(struct.pack("<q", len(v)) + v.tobytes() for v in storages.values()),
        ]
    )


def test_tensors_are_read_by_their_strides():
    found = read_tensors(file())
    assert list(found) == ["weight", "count"]
    np.testing.assert_array_equal(found["weight"], WEIGHTS[4:10].reshape(3, 2).T)
    assert found["weight"].dtype == np.float32 and found["weight"].flags.writeable
    assert found["count"].shape == () and found["count"] == 7


def test_nothing_else_can_be_named(tmp_path):
    trap = tmp_path / "executed"
    calls = named("posix", "system") + several(text(f"touch {trap}")) + b"R"
    for content in (
        file({"weight": calls}),
        file({"weight": tensor("a", 12, (2,), (1,), make=named("builtins", "eval"))}),
        file({"weight": tensor("a", 12, (2,), (1,), kind="nn.Module")}),
        pickle.dumps(MAGIC, 2) + b"\x80\x02" + calls + b".",
    ):
        with pytest.raises(ValueError, match=r"it names .*, which is no tensor"):
            read_tensors(content)
    assert not trap.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        file(magic=5),
        file()[:-9],
        file()[:40],
        file({"weight": tensor("a", 12, (2, 3), (6, 9))}),
        file({"weight": tensor("a", 12, (2,), (-1,), offset=11)}),
        file({"weight": tensor("a", 12, (40_000, 40_000), (0, 0))}),  # 6 GB of one value
        file({"weight": tensor("c", 12, (2,), (1,))}),
        file(storages={"a": WEIGHTS}),
        pickle.dumps({"weight": np.zeros(3)}),
    ],
)
def test_damaged_and_other_files_are_told(content):
    with pytest.raises(ValueError):
        read_tensors(content)


def test_a_file_with_random_bytes_is_read_or_told():
    rng, whole_file, told = np.random.default_rng(0), file(), 0
    for _ in range(500):
        content = bytearray(whole_file)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        try:
            found = read_tensors(bytes(content))
        except ValueError:
            told += 1
        else:
            assert all(isinstance(value, np.ndarray) for value in found.values())
            assert sum(value.size for value in found.values()) <= len(whole_file)
    assert 100 < told < 500
