"""Dropout (Srivastava et al. 2014) put into a network that was built, or changed in it."""

from collections.abc import Iterator

from paddle import nn

from pm_cls.models.blocks.activations import ACTIVATIONS
from pm_cls.models.blocks.stages import Sequential, sequentials
from pm_cls.runtime.errors import UsageError


def drop(model: nn.Layer, rate: float | None) -> None:
    """Drop values with this probability; None leaves the network as it is.

    Where its `Sequential`s have dropout that takes the rate; else it comes after the activation of
    each hidden linear layer.

    Raises:
        UsageError: the network has no such place.
    """
    if rate is None:
        return
    places = sequentials(model)
    present = [layer for _, _, layers in places for layer in layers if type(layer) is nn.Dropout]
    for layer in present:
        layer.p = rate
    if present or not rate:
        return
    before = sum(1 for _ in model.sublayers())
    for parent, name, layers in reversed(places):  # the innermost first
        setattr(parent, name, Sequential(*_with_dropout(layers, rate)))
    if sum(1 for _ in model.sublayers()) == before:
        raise UsageError(f"`model.dropout` is {rate}, for which this network has no place")


def _with_dropout(layers: nn.Sequential, rate: float) -> Iterator[nn.Layer]:
    is_hidden = False  # whether a linear layer came since the last activation
    for layer in layers:
        yield layer
        if isinstance(layer, nn.Linear):
            is_hidden = True
        elif is_hidden and isinstance(layer, tuple(ACTIVATIONS.values())):
            yield nn.Dropout(rate)
            is_hidden = False
