"""inspection/responses.safetensors: what each kernel of a network of classes answers to.

On data that are drawn an example of each class is kept too, with what the kernels make of it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pm_cls.runtime.files import write_bytes

FILE = "inspection/responses.safetensors"
_LAYERS = ("kernels", "means", "outputs", "activations")


@dataclass(frozen=True)
class Layer:
    """A convolution.

    Attributes:
        kernels: float32 [maps, channels, k, k].
        means: of its activations over the validation images of each class, float32 [maps, classes].
        outputs, activations: of the examples, float32 [n, maps, h, w]; n is 0 where none is kept.
    """

    kernels: np.ndarray
    means: np.ndarray
    outputs: np.ndarray
    activations: np.ndarray


@dataclass(frozen=True)
class Responses:
    """Of the last reported epoch.

    Attributes:
        examples: uint8 [n, channels, h, w] in the order red, green, blue; the first validation
            image of each class, or none.
        layers: the convolutions in the order of the image.
    """

    epoch: int
    examples: np.ndarray
    layers: list[Layer]


def write(folder: Path, found: Responses) -> None:
    tensors = {"epoch": np.array(found.epoch), "examples": found.examples}
    for number, layer in enumerate(found.layers):
        tensors |= {f"{number}.{name}": getattr(layer, name) for name in _LAYERS}
    kept = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    (folder / FILE).parent.mkdir(exist_ok=True)
    write_bytes(folder / FILE, save(kept))


def read(folder: Path) -> Responses | None:
    """What `write` wrote, or None; OSError, ValueError or LookupError where it is damaged."""
    if not (folder / FILE).is_file():
        return None
    try:
        tensors = load((folder / FILE).read_bytes())
    except SafetensorError as error:
        raise ValueError(f"{FILE}: {error}")
    count = sum(name.endswith(".kernels") for name in tensors)
    layers = [Layer(**{name: tensors[f"{i}.{name}"] for name in _LAYERS}) for i in range(count)]
    return Responses(tensors["epoch"].item(), tensors["examples"], layers)
