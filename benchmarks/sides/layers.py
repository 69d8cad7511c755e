"""Milliseconds of each layer's forward and backward pass, batch 10, one thread: the least of five.

python benchmarks/sides/layers.py NETWORK pm_cls|paddle
"""

import json
import sys
import time

from pm_cls import device

network, way = sys.argv[1:]
device.prepare("cpu")

import paddle  # noqa: E402

from pm_cls.models import build_model  # noqa: E402
from pm_cls.models.convolution import Conv2D  # noqa: E402

if way == "paddle":
    Conv2D.forward = paddle.nn.Conv2D.forward
model = build_model(network)
layers = [*model.features, *model.classifier]
least = [[9e9, 9e9] for _ in layers]
for _ in range(5):
    values = paddle.uniform([10, 3, 224, 224], min=-1.0)
    for number, layer in enumerate(layers):
        values = values.detach()
        values.stop_gradient = number == 0
        began = time.perf_counter()
        out = layer(values)
        middle = time.perf_counter()
        if not out.stop_gradient:
            paddle.autograd.backward([out], [paddle.ones_like(out)])
        end = time.perf_counter()
        least[number] = [min(least[number][0], middle - began), min(least[number][1], end - middle)]
        values = out
    for parameter in model.parameters():
        parameter.clear_gradient(False)
print(
    json.dumps(
        [[type(x).__name__, 1e3 * f, 1e3 * b] for x, (f, b) in zip(layers, least, strict=True)]
    )
)
