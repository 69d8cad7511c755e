"""What each kernel of a network of classes answers to: its mean response to each class."""

import numpy as np
import paddle

from pm_cls.data import DATASETS, Dataset
from pm_cls.data.transforms import to_float
from pm_cls.inspect.looking import rgb
from pm_cls.inspect.saliency import convolutions
from pm_cls.models.classifier import Run
from pm_cls.models.taps import outputs_of
from pm_cls.records.responses import Layer, Responses
from pm_cls.runtime.silence import silence

BATCH = 100


@silence()
@paddle.no_grad()
def responses(run: Run, dataset: Dataset) -> Responses:
    """Of the convolutions of a run of classes, over its validation images.

    Examples are kept where the data are drawn by this package: others are not its to publish.
    """
    split, classes = dataset.validation, run.spec.target.outputs
    taps = convolutions(run.network, split.images)
    layers = [layer for tap in taps for layer in (tap.layer, tap.activation or tap.layer)]
    first = np.array([np.flatnonzero(split.labels == label)[0] for label in range(classes)])
    shown = first if DATASETS[run.config.data.name].is_drawn else first[:0]
    sums = [np.zeros((tap.layer.weight.shape[0], classes)) for tap in taps]
    for start in range(0, len(split.labels), BATCH):
        labels = split.labels[start : start + BATCH]
        with outputs_of(layers) as made:
            run.network(paddle.to_tensor(to_float(split.images[start : start + BATCH])))
        for total, maps in zip(sums, made[1::2], strict=True):
            np.add.at(total.T, labels, maps.mean(axis=[2, 3]).numpy())
    counts = np.bincount(split.labels, minlength=classes)
    with outputs_of(layers) as made:
        run.network(paddle.to_tensor(to_float(split.images[first])))
    kept = [one.numpy()[: len(shown)] for one in made]
    return Responses(
        epoch=run.epoch,
        examples=rgb(split.images[shown], run.config),
        layers=[
            Layer(
                kernels=tap.layer.weight.numpy(),
                means=(total / counts).astype(np.float32),
                outputs=kept[2 * i],
                activations=kept[2 * i + 1],
            )
            for i, (tap, total) in enumerate(zip(taps, sums, strict=True))
        ],
    )
