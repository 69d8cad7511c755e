"""What each kernel of a network of classes answers to: its mean response to each class."""

from collections.abc import Callable, Sequence

import numpy as np
import paddle
from paddle import nn

from pm_cls.data import DATASETS, Dataset
from pm_cls.data.transforms import in_order, to_float
from pm_cls.inspect.saliency import convolutions
from pm_cls.models.blocks.hooks import hooked
from pm_cls.models.blocks.mirrored import one_way
from pm_cls.models.classifier import Run
from pm_cls.models.taps import Tap, activated
from pm_cls.records.responses import Layer, Responses
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.silence import silence

BATCH = 100


@silence()
@paddle.no_grad()
def responses(run: Run, dataset: Dataset) -> Responses:
    """Of the convolutions of a run of classes, over its validation images.

    Examples are kept where the data are drawn by this package: others are not its to publish.

    Raises:
        UsageError: there is no validation image of some class.
    """
    split, classes = dataset.validation, run.spec.target.outputs
    if absent := sorted({*range(classes)} - {*split.labels.tolist()}):
        raise UsageError(
            f"{run.folder}: what its kernels answer to is not known of class {absent[0]}, of which "
            f"there is none among its {len(split.labels)} validation images"
        )
    network = one_way(run.network)
    taps = convolutions(network, split.images)
    first = np.array([np.flatnonzero(split.labels == label)[0] for label in range(classes)])
    shown = first if DATASETS[run.config.data.name].is_generated else first[:0]
    sums = [np.zeros((tap.layer.weight.shape[0], classes)) for tap in taps]
    for start in range(0, len(split.labels), BATCH):
        labels = split.labels[start : start + BATCH]
        made = _maps(network, taps, split.images[start : start + BATCH])
        for total, (_, after) in zip(sums, made, strict=True):
            np.add.at(total.T, labels, after.mean(axis=(2, 3)))
    counts = np.bincount(split.labels, minlength=classes)
    kept = _maps(network, taps, split.images[first])
    return Responses(
        epoch=run.epoch,
        examples=in_order(split.images[shown], run.config.data.channel_order),
        layers=[
            Layer(
                kernels=tap.layer.weight.numpy(),
                means=(total / counts).astype(np.float32),
                outputs=output[: len(shown)],
                activations=after[: len(shown)],
            )
            for tap, total, (output, after) in zip(taps, sums, kept, strict=True)
        ],
    )


def _maps(
    model: nn.Layer, taps: Sequence[Tap], images: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each convolution what it gives and that after its activation, which may serve several."""
    made: list[list[paddle.Tensor]] = [[] for _ in taps]

    def convolved(place: int) -> Callable[..., None]:
        def hook(layer: nn.Layer, given: object, output: paddle.Tensor) -> None:
            made[place][:] = [output, output]

        return hook

    def note(place: int, given: paddle.Tensor, output: paddle.Tensor) -> None:
        made[place][1] = output

    hooks = [(tap.layer, convolved(place)) for place, tap in enumerate(taps)]
    with hooked(hooks), activated(taps, note):
        model(paddle.to_tensor(to_float(images)))
    return [(output.numpy(), after.numpy()) for output, after in made]
