"""How strongly training would move each layer, and how many activations cannot pass it on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import paddle
from paddle import nn

from pm_cls.data import Split
from pm_cls.data.images import to_float
from pm_cls.engine import mean_loss
from pm_cls.silence import silence

# Of an activation's output y: where its derivative is below a tenth of its greatest.
SATURATED: dict[type[nn.Layer], Callable[[paddle.Tensor], paddle.Tensor]] = {
    nn.Sigmoid: lambda y: 4 * y * (1 - y) < 0.1,
    nn.Tanh: lambda y: 1 - y * y < 0.1,
    nn.ReLU: lambda y: y <= 0,
}


@dataclass(frozen=True)
class LayerState:
    """A convolution or linear layer over all images.

    Attributes:
        layer: conv1, conv2, ..., fc1, fc2, ... from the images on.
        gradient_norm: L2 norm of the gradient of the mean loss with respect to its weights.
        saturated: share, 0 to 1, of the outputs of the activation after it at which the derivative
            is below a tenth of its greatest (relu: at which it is zero); None without activation.
    """

    layer: str
    gradient_norm: float
    saturated: float | None


@silence()
def layer_states(model: nn.Layer, split: Split, batch_size: int) -> list[LayerState]:
    """Go once through the images without a step.

    The layers work as in training, so that batch normalisation takes the statistics of each batch;
    only dropout is off. The gradient is that of the mean loss over all images.

    Args:
        model: of two `Sequential`s, `features` and `classifier`.
    """
    model.train()
    for layer in model.sublayers():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    layers = list(named_layers(model))
    counts = [np.zeros(2, np.int64) for _ in layers]
    hooks = [
        activation.register_forward_post_hook(_counting(count))
        for (_, _, activation), count in zip(layers, counts, strict=True)
        if activation is not None
    ]
    model.clear_gradients()
    n = len(split.labels)
    try:
        for start in range(0, n, batch_size):
            images = paddle.to_tensor(to_float(split.images[start : start + batch_size]))
            labels = split.labels[start : start + batch_size]
            (mean_loss(model(images), labels) * (len(labels) / n)).backward()
    finally:
        for hook in hooks:
            hook.remove()
    return [
        LayerState(
            name,
            float(np.linalg.norm(layer.weight.grad.numpy().astype(np.float64))),
            None if activation is None else float(count[0] / count[1]),
        )
        for (name, layer, activation), count in zip(layers, counts, strict=True)
    ]


def named_layers(model: nn.Layer) -> Iterator[tuple[str, nn.Layer, nn.Layer | None]]:
    """Convolutions and linear layers as conv1, ..., fc1, ..., with the activation after each."""
    for part, prefix in ((model.features, "conv"), (model.classifier, "fc")):
        layers = list(part)
        at = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2D | nn.Linear)]
        for number, (first, end) in enumerate(pairwise([*at, len(layers)]), start=1):
            activations = (layer for layer in layers[first:end] if type(layer) in SATURATED)
            yield f"{prefix}{number}", layers[first], next(activations, None)


def _counting(count: np.ndarray) -> Callable[[nn.Layer, object, paddle.Tensor], None]:
    def hook(layer: nn.Layer, _: object, output: paddle.Tensor) -> None:
        count[:] += int(SATURATED[type(layer)](output).sum()), int(np.prod(output.shape))

    return hook
