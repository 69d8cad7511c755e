"""How large the features of an image are, for the linear layer after them."""

from paddle import nn

from pm_cls.runtime.errors import UsageError


def at_least(image_size: int, needed: int) -> None:
    """UsageError where images are smaller than a network needs."""
    if image_size < needed:
        raise UsageError(
            f"`data.image_size` is {image_size}; this network needs {needed} pixels or more"
        )


def in_colour(channels: int, network: str) -> None:
    """UsageError where images have other channels than the three that a network takes."""
    if channels != 3:
        raise UsageError(
            f"{network} takes images [3, height, width]; those of the data have {channels} channel"
        )


def feature_count(features: nn.Sequential, image_size: int) -> int:
    """Number of values that `features` makes of one square image.

    The sizes are computed, not tried out: Paddle hangs on an image smaller than a kernel.

    Raises:
        UsageError: `image_size` is too small; the message says which size is needed.
    """
    channels = [layer.weight.shape[0] for layer in features if isinstance(layer, nn.Conv2D)][-1]
    side = _side(features, image_size)
    if side < 1:
        needed = image_size
        while _side(features, needed) < 1:
            needed += 1
        at_least(image_size, needed)
    return channels * side * side


def _side(features: nn.Sequential, image_size: int) -> int:
    side = image_size
    for layer in features:
        if isinstance(layer, nn.Conv2D):
            reach = layer._dilation[0] * (layer._kernel_size[0] - 1) + 1
            stride, padding = layer._stride[0], layer._padding
        elif isinstance(layer, nn.MaxPool2D):
            reach, stride, padding = layer.ksize, layer.stride, layer.padding
        elif isinstance(layer, nn.AdaptiveAvgPool2D):
            side = layer._output_size
            continue
        else:
            continue
        side = (side + 2 * padding - reach) // stride + 1
        if side < 1:
            return 0
    return side
