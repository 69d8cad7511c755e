"""How strongly training would move each layer, and how many activations cannot pass it on."""

from collections.abc import Iterator

import numpy as np
import paddle
from paddle import nn

from pm_cls.data import Dataset
from pm_cls.data.transforms import to_float
from pm_cls.models.blocks.activations import SATURATED
from pm_cls.models.build import build
from pm_cls.models.classifier import Run
from pm_cls.models.taps import activated, taps
from pm_cls.records.gradients import LayerState
from pm_cls.runtime.silence import silence
from pm_cls.train.lessons import Lessons
from pm_cls.train.objective import Objective


def layer_states(run: Run, dataset: Dataset) -> Iterator[LayerState]:
    """Each layer of a run before training and at its reported epochs.

    The gradients leave out the share of `loss.centre`: a run does not keep its centres.
    """
    config, split = run.config, dataset.train
    without_centres = config.loss.model_copy(update={"centre": 0.0})
    for epoch in (0, *config.train.report_epochs):
        model = Run(run.folder, config, epoch).network if epoch else build(config, run.spec)
        loss = Objective(without_centres, run.spec, model)
        lessons = Lessons(config, split, loss)  # which weighs the classes too
        trained = split.images[lessons.kept], split.labels[lessons.kept]
        update = lessons.steps * epoch if config.train.fit == "steps" else 0
        yield from _states(model, *trained, config.train.batch_size, loss, (epoch, update))


@silence()
def _states(
    model: nn.Layer,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    loss: Objective,
    when: tuple[int, int],
) -> list[LayerState]:
    """Go once through the images that are trained on, without a step.

    The layers work as in training, so that batch normalisation takes the statistics of each batch;
    only dropout is off. The gradient is that of the mean loss over all images.

    Args:
        when: the epoch and the updates made.
    """
    found = taps(model, paddle.to_tensor(to_float(images[:1])))
    model.train()
    for layer in model.sublayers():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    counts = [np.zeros(2, np.int64) for _ in found]

    def count(place: int, given: paddle.Tensor, output: paddle.Tensor) -> None:
        saturated = SATURATED[type(found[place].activation)](given, output)
        counts[place] += int(saturated.sum()), int(np.prod(output.shape))

    model.clear_gradients()
    n = len(labels)
    with activated(found, count):
        for start in range(0, n, batch_size):
            batch = paddle.to_tensor(to_float(images[start : start + batch_size]))
            given = labels[start : start + batch_size]
            (loss(model(batch), given) * (len(given) / n)).backward()
    return [
        LayerState(
            *when,
            tap.name,
            float(np.linalg.norm(tap.layer.weight.grad.numpy().astype(np.float64))),
            None if tap.activation is None else float(part / whole),
            _near_zero(tap.layer.weight.numpy()),
        )
        for tap, (part, whole) in zip(found, counts, strict=True)
    ]


def _near_zero(weights: np.ndarray) -> float:
    size = np.sqrt(np.mean(weights.astype(np.float64) ** 2))
    return float(np.mean(np.abs(weights) <= 0.01 * size))
