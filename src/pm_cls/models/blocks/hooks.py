"""What is told of each forward pass of a layer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from paddle import nn


@contextmanager
def hooked(hooks: Sequence[tuple[nn.Layer, Callable[..., None]]]) -> Iterator[None]:
    """Call `hook(layer, inputs, output)` after each forward pass of its layer."""
    handles = [layer.register_forward_post_hook(hook) for layer, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
