"""Weights as safetensors: numbers and names only, nothing that could execute."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import whole

DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "int32": "I32", "bool": "BOOL"}


def write_tensors(path: Path, tensors: Mapping[str, paddle.Tensor]) -> None:
    """As `safetensors.numpy.save_file`, which has to have all tensors in memory a second time.

    The file is there whole or not at all: eight bytes with the length of the header, the header in
    JSON, and the values, those of wide types first.

    Raises:
        OSError: it cannot be written.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header, end = {}, 0
    for name in names:
        one, begin = tensors[name], end
        end += one.element_size() * int(one.size)
        dtype = DTYPES[str(one.dtype).removeprefix("paddle.")]
        header[name] = {"dtype": dtype, "shape": one.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with whole(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(tensors[name].numpy().tobytes())


def save_weights(model: nn.Layer, path: Path) -> None:
    """Write all parameters under their Paddle names; OSError where that fails."""
    write_tensors(path, model.state_dict())


def load_weights(model: nn.Layer, path: Path) -> None:
    """Fill the network with stored weights; all of them fit, or none is taken.

    Raises:
        UsageError: no such file, a damaged one, or the weights of another network or another type.
    """
    try:
        stored = load_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: is not there; the committed records hold no weights")
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path}: cannot be read as safetensors ({error})")
    expected = {name: list(value.shape) for name, value in model.state_dict().items()}
    found = {name: list(value.shape) for name, value in stored.items()}
    if found != expected:
        differing = sorted(k for k in expected | found if found.get(k) != expected.get(k))
        first = differing[0]
        raise UsageError(
            f"{path}: holds the weights of another network: {first} is {found.get(first)}, "
            f"{expected.get(first)} is needed ({len(differing)} differ in all)"
        )
    for name, value in model.state_dict().items():
        if str(stored[name].dtype) != (needed := str(value.dtype).removeprefix("paddle.")):
            raise UsageError(f"{path}: {name} is {stored[name].dtype}; {needed} is needed")
        if not np.isfinite(stored[name]).all():
            raise UsageError(f"{path}: is damaged ({name} is not finite); train the run anew")
    model.set_state_dict(stored)
