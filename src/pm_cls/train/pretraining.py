"""Layer-wise pre-training by autoencoders (Bengio et al. 2007).

Each convolution and linear layer but the last learns, in the order of a forward pass, to make
something of what it takes from which a decoder of its own makes that again. The decoders are then
thrown away. The method was made for networks of one path; in one of several each layer learns from
what its own path gives it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from tqdm import tqdm

from pm_cls.config.schema import PretrainingConfig
from pm_cls.data.order import shuffled
from pm_cls.data.transforms import to_float
from pm_cls.models.taps import Tap, taps
from pm_cls.runtime.errors import Diverged
from pm_cls.runtime.silence import silence
from pm_cls.train.log import log


@silence()
@paddle.utils.unique_name.guard("pretraining_")  # the names of the run's optimiser stay theirs
def pretrain(
    model: nn.Layer,
    images: np.ndarray,
    kept: np.ndarray,
    config: PretrainingConfig,
    *,
    batch_size: int,
    seed: int,
) -> None:
    """Bring the layers before the last to weights from which their input can be made again.

    Args:
        images: uint8 [n, channels, height, width]; `kept`, int64, are the places that are used.

    Raises:
        Diverged: the error became NaN or infinite.
    """
    if not config.epochs:
        return
    paddle.seed(int(np.random.SeedSequence([seed, 0, 5]).generate_state(1)[0]))  # decoders
    layers = taps(model, paddle.to_tensor(to_float(images[kept[:1]])))[:-1]
    for tap in layers:
        decoder = _decoder(tap.layer)
        parameters = [*tap.layer.parameters(), *decoder.parameters()]
        optimizer = paddle.optimizer.Adam(config.learning_rate, parameters=parameters)
        errors = []
        with _trained(tap.layer):
            for epoch in tqdm(
                range(config.epochs), f"pre-training {tap.name}", disable=None, leave=False
            ):
                order = kept[shuffled(len(kept), seed, epoch)]
                batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
                errors.append(0.0)
                for batch in batches:
                    given = _given_to(model, tap.layer, images[batch])
                    error = ((_again(tap, decoder, given) - given) ** 2).mean()
                    errors[-1] += error.item() * len(batch) / len(order)
                    error.backward()
                    optimizer.step()
                    optimizer.clear_grad(set_to_zero=False)
        if not math.isfinite(errors[-1]):
            raise Diverged(f"pre-training: the error of {tap.name} became {errors[-1]}")
        log.info(f"pre-trained {tap.name}: mean squared error {errors[0]:.4g} -> {errors[-1]:.4g}")
    model.clear_gradients()


@contextmanager
def _trained(layer: nn.Layer) -> Iterator[None]:
    """A layer at the whole learning rate, whatever `optimizer.features_rate` makes of it later."""
    own = [(one, one.optimize_attr, one.stop_gradient) for one in layer.parameters()]
    for one, attributes, _ in own:
        one.optimize_attr, one.stop_gradient = {**attributes, "learning_rate": 1.0}, False
    try:
        yield
    finally:
        for one, attributes, is_still in own:
            one.optimize_attr, one.stop_gradient = attributes, is_still


def _decoder(layer: nn.Layer) -> nn.Layer:
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
    outputs, inputs = layer.weight.shape[0], layer._in_channels
    return nn.Conv2DTranspose(
        outputs, inputs, layer._kernel_size, layer._stride, layer._padding, groups=layer._groups
    )


def _again(tap: Tap, decoder: nn.Layer, given: paddle.Tensor) -> paddle.Tensor:
    """What the decoder makes of the layer's activated output, in the shape of what was given."""
    layer = tap.layer
    if isinstance(layer, nn.Linear):
        code = F.linear(given, layer.weight, layer.bias)
        return decoder(code if tap.activation is None else tap.activation(code))
    code = layer(given)
    code = code if tap.activation is None else tap.activation(code)
    return decoder(code, output_size=given.shape[2:])


class _Reached(Exception):
    """A layer was reached in a forward pass."""


@paddle.no_grad()
def _given_to(model: nn.Layer, layer: nn.Layer, images: np.ndarray) -> paddle.Tensor:
    """What a layer is given for uint8 images, from the layers before it as in an evaluation."""
    model.eval()
    with _stopping_at(layer) as found, suppress(_Reached):
        model(paddle.to_tensor(to_float(images)))
    return found[0]


@contextmanager
def _stopping_at(layer: nn.Layer) -> Iterator[list[paddle.Tensor]]:
    found: list[paddle.Tensor] = []

    def note(_: nn.Layer, given: tuple[paddle.Tensor, ...]) -> None:
        found.append(given[0])
        raise _Reached

    handle = layer.register_forward_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()
