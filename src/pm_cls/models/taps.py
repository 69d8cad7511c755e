"""Layers of a network in the order in which images go through them, in any topology, by hooks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import paddle
from paddle import nn

from pm_cls.models.blocks.activations import SATURATED
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.mirrored import one_way
from pm_cls.runtime.errors import UsageError


@dataclass
class Tap:
    """A convolution or linear layer, and the activation that its output goes to.

    `name` is conv1, conv2, ..., fc1, fc2, ... from the images on; `activation` None where another
    such layer, or the end, comes first.
    """

    name: str
    layer: nn.Layer
    activation: nn.Layer | None = None


@paddle.no_grad()
def taps(model: nn.Layer, images: paddle.Tensor) -> list[Tap]:
    """Find the layers by sending images, float32 [n, channels, h, w], through the network once.

    The network is left in evaluation mode; a layer that is used twice is listed once.
    """
    model.eval()
    found: list[Tap] = []

    def note(layer: nn.Layer, given: object, output: object) -> None:
        if isinstance(layer, nn.Conv2D | nn.Linear):
            if all(tap.layer is not layer for tap in found):
                kind = "conv" if isinstance(layer, nn.Conv2D) else "fc"
                number = 1 + sum(tap.name.startswith(kind) for tap in found)
                found.append(Tap(f"{kind}{number}", layer))
        elif found and found[-1].activation is None:
            found[-1].activation = layer

    layers = [
        layer
        for layer in model.sublayers()
        if isinstance(layer, nn.Conv2D | nn.Linear) or type(layer) in SATURATED
    ]
    with hooked([(layer, note) for layer in layers]):
        one_way(model)(images)
    return found


def last_linear(model: nn.Layer, outputs: int, needed_by: str) -> nn.Linear:
    """The one linear layer that gives so many outputs.

    Raises:
        UsageError: there is none, or there are several; it begins with `needed_by`.
    """
    linear = [layer for layer in model.sublayers() if isinstance(layer, nn.Linear)]
    found = [layer for layer in linear if layer.weight.shape[1] == outputs]
    if len(found) != 1:
        raise UsageError(
            f"{needed_by} needs a network with one linear layer that gives the {outputs} outputs; "
            f"{len(found)} are in this one"
        )
    return found[0]


@contextmanager
def activated(
    found: Sequence[Tap], note: Callable[[int, paddle.Tensor, paddle.Tensor], None]
) -> Iterator[None]:
    """Call `note(place, given, output)` when the output of a tap has gone through its activation.

    An activation may serve several layers, as in a ResNet: each is told of its own call alone.
    """
    last: list[int] = []  # the place of the tap whose activation is awaited

    def passed(place: int) -> Callable[..., None]:
        def hook(*_: object) -> None:
            last[:] = [place]

        return hook

    def followed(layer: nn.Layer, given: tuple[paddle.Tensor], output: paddle.Tensor) -> None:
        if last and found[last[0]].activation is layer:
            note(last.pop(), given[0], output)

    activations = {id(tap.activation): tap.activation for tap in found if tap.activation}
    hooks = [(tap.layer, passed(place)) for place, tap in enumerate(found)]
    with hooked([*hooks, *((layer, followed) for layer in activations.values())]):
        yield
