"""How strongly training would move each layer, and how many activations cannot pass it on."""

from collections.abc import Callable
from dataclasses import dataclass

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
    counts: dict[str, list[int]] = {}
    named: dict[str, nn.Layer] = {}
    hooks = []
    for part, prefix in ((model.features, "conv"), (model.classifier, "fc")):
        number = 0
        for layer in part:
            if isinstance(layer, nn.Conv2D | nn.Linear):
                number += 1
                name = f"{prefix}{number}"
                named[name] = layer
            elif type(layer) in SATURATED:
                counts[name] = [0, 0]
                hooks.append(layer.register_forward_post_hook(_counting(counts[name])))
            elif isinstance(layer, nn.Dropout):
                layer.eval()
    model.clear_gradients()
    n = len(split.labels)
    for start in range(0, n, batch_size):
        images = paddle.to_tensor(to_float(split.images[start : start + batch_size]))
        labels = split.labels[start : start + batch_size]
        (mean_loss(model(images), labels) * (len(labels) / n)).backward()
    for hook in hooks:
        hook.remove()
    return [
        LayerState(
            name,
            float(np.linalg.norm(layer.weight.grad.numpy().astype(np.float64))),
            counts[name][0] / counts[name][1] if name in counts else None,
        )
        for name, layer in named.items()
    ]


def _counting(count: list[int]) -> Callable[[nn.Layer, object, paddle.Tensor], None]:
    def hook(layer: nn.Layer, _: object, output: paddle.Tensor) -> None:
        count[0] += int(SATURATED[type(layer)](output).sum())
        count[1] += int(np.prod(output.shape))

    return hook
