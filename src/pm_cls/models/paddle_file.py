"""Parameters of a file that `paddle.save` wrote, read without executing its pickle.

A pickle may call anything as a rule. Here it can name what makes an array and nothing else.
"""

import pickle
from io import BytesIO
from typing import Any

import numpy as np

NUMPY = {"numpy.core.multiarray", "numpy._core.multiarray"}  # before and from NumPy 2 on


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of protocol 2 write them."""
    if encoding != "latin1":
        raise ValueError(f"it holds text in {encoding}")
    return text.encode("latin1")


class _Parameters(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if module in NUMPY and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        raise ValueError(f"it names {module}.{name}, which is no parameter")


def read_parameters(content: bytes) -> dict[str, np.ndarray]:
    """By name the parameters of such a file, of numbers.

    Raises:
        ValueError: it is none, is damaged, or holds what is no parameter.
    """
    try:
        named = _Parameters(BytesIO(content)).load()
    except (
        pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError, OverflowError,
        UnicodeError, MemoryError,
    ) as error:  # fmt: skip
        raise ValueError(f"it is no file of parameters ({error})")
    if not isinstance(named, dict):
        raise ValueError("it is no file of parameters")
    return {
        str(name): value
        for name, value in named.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }
