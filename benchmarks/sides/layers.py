"""Milliseconds of each layer's forward and backward pass, batch 10, one thread: the least of five.

python benchmarks/sides/layers.py NETWORK paddle|pm_cls|pytorch
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

SHAPE = (10, 3, 224, 224)


def measure(
    layers: Sequence[Any], images: Callable[[], Any], backward: Callable[[Any], None]
) -> list[list[Any]]:
    """Name, forward and backward milliseconds of each layer; the first gives no gradient on."""
    least = [[9e9, 9e9] for _ in layers]
    for _ in range(5):
        values = images()
        for number, layer in enumerate(layers):
            began = time.perf_counter()
            out = layer(values)
            middle = time.perf_counter()
            backward(out)
            passes = (middle - began, time.perf_counter() - middle)
            least[number] = [min(pair) for pair in zip(least[number], passes, strict=True)]
            values = cut(out)
    return [
        [type(layer).__name__, 1e3 * forward, 1e3 * backward_]
        for layer, (forward, backward_) in zip(layers, least, strict=True)
    ]


network, way = sys.argv[1:]
if way == "pytorch":
    import torch
    from pytorch_table import build

    torch.set_num_threads(1)
    model = build(network, "relu").to(memory_format=torch.channels_last)

    def cut(out: Any) -> Any:
        return out.detach().requires_grad_()

    def backward(out: Any) -> None:
        out.backward(torch.ones_like(out))
        model.zero_grad(set_to_none=True)

    def images() -> Any:
        return (torch.rand(SHAPE) * 2 - 1).to(memory_format=torch.channels_last)

    layers = list(model)
else:
    from pm_cls.runtime import device

    device.prepare("cpu")
    import paddle

    from pm_cls import build_model
    from pm_cls.config import Config
    from pm_cls.models.blocks.convolution import Conv2D
    from pm_cls.models.blocks.pooling import MaxPool2D

    if way == "paddle":
        Conv2D.forward = paddle.nn.Conv2D.forward
        MaxPool2D.forward = paddle.nn.MaxPool2D.forward
    model = build_model(Config(experiment="benchmark", model={"name": network}))

    def cut(out: Any) -> Any:
        values = out.detach()
        values.stop_gradient = False
        return values

    def backward(out: Any) -> None:
        if not out.stop_gradient:
            paddle.autograd.backward([out], [paddle.ones_like(out)])
        for parameter in model.parameters():
            parameter.clear_gradient(False)

    def images() -> Any:
        return paddle.uniform(SHAPE, min=-1.0)

    layers = [*model.features, *model.classifier]
print(json.dumps(measure(layers, images, backward)))
