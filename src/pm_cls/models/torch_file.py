"""Tensors of a file that `torch.save` wrote in its older form, read without PyTorch.

Such a file is a row of pickles, which as a rule may call anything. Here they can name an ordered
dict, the kinds of storages and the function that makes a tensor of a storage; all else is refused
before it is looked up. After the pickles come the storages, each as its number of values and these.
"""

import math
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: str


@dataclass(frozen=True)
class _View:
    """A tensor before its storage is read."""

    storage: _Storage
    offset: int
    shape: Sequence[int]
    stride: Sequence[int]


def _view(storage: _Storage, offset: int, shape: Any, stride: Any, *others: object) -> _View:
    return _View(storage, offset, shape, stride)


class _Tensors(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in KINDS:
            return KINDS[name]
        raise ValueError(f"it names {module}.{name}, which is no tensor")

    def persistent_load(self, saved: Any) -> _Storage:
        what, kind, key, *_ = saved
        if what != "storage":
            raise ValueError(f"it refers to a {what}, which is no tensor")
        return _Storage(str(key), str(kind))


def read_tensors(content: bytes) -> dict[str, np.ndarray]:
    """By name the tensors of such a file.

    Raises:
        ValueError: it is none, is damaged, or holds what is no tensor.
    """
    file = BytesIO(content)
    try:
        if _Tensors(file).load() != MAGIC or _Tensors(file).load() != PROTOCOL:
            raise ValueError("it is no file of torch.save in its older form")
        _Tensors(file).load()  # sizes of the machine's types
        named, keys = _Tensors(file).load(), _Tensors(file).load()
        views = {str(name): view for name, view in named.items() if isinstance(view, _View)}
        kinds = {view.storage.key: view.storage.kind for view in views.values()}
        values = {str(key): _values(file, kinds[str(key)]) for key in keys}
        return {name: _array(view, values[view.storage.key]) for name, view in views.items()}
    except (
        pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError, OverflowError
    ) as error:  # fmt: skip
        raise ValueError(f"it is no file of tensors ({error})")


def _values(file: BytesIO, kind: str) -> np.ndarray:
    dtype = np.dtype(kind)
    count = int(np.frombuffer(file.read(8), "<i8")[0])
    return np.frombuffer(file.read(count * dtype.itemsize), dtype, count)


def _array(view: _View, values: np.ndarray) -> np.ndarray:
    last = view.offset + sum(
        (n - 1) * step for n, step in zip(view.shape, view.stride, strict=True)
    )
    if min(view.offset, *view.shape, *view.stride, 0) < 0 or last >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    if math.prod(view.shape) > len(values):
        raise ValueError("a tensor repeats its storage")
    strides = [step * values.itemsize for step in view.stride]
    return np.lib.stride_tricks.as_strided(values[view.offset :], view.shape, strides).copy()
