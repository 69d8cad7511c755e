"""A run and its data -> what its network looks at, over the validation photographs."""

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from pm_cls.data import Dataset
from pm_cls.data.transforms import in_order
from pm_cls.inspect import saliency
from pm_cls.inspect.ablations import ABLATIONS, changed, mean_colour
from pm_cls.models.classifier import Run
from pm_cls.records.saliency import MOST_SHOWN, OUTCOMES, Saliency, Shown, outcomes
from pm_cls.runtime.errors import RunError
from pm_cls.scores import metrics
from pm_cls.scores.calibration import AS_IT_IS

CHUNK = 50  # photographs that are changed at once


def look(run: Run, dataset: Dataset) -> tuple[Saliency, Shown]:
    """What the network of a run with one logit looks at, and photographs chosen to show it on.

    Raises:
        RunError: what is found is not finite.
    """
    model, split, worth = run.network, dataset.validation, run.calibration or AS_IT_IS
    size, order = run.config.data.image_size, run.config.data.channel_order
    logits = run.logits(split.images)[:, 0]
    answers = worth.answers(logits).astype(np.int64)
    outcome = outcomes(answers, split.labels)
    chosen = _chosen(outcome)
    grad_cam = saliency.grad_cam(model, split.images, answers)
    progress = tqdm(chosen, "covering photographs", disable=None, leave=False)
    occlusion = np.stack(
        [saliency.occlusion(model, split.images[i], int(answers[i])) for i in progress]
    )
    if not (np.isfinite(grad_cam).all() and np.isfinite(occlusion).all()):
        raise RunError(f"{run.folder}: what its network looks at became NaN or infinite")
    mapped = _first_right(outcome[chosen])
    maps = saliency.feature_maps(model, split.images[chosen[mapped]]) if len(mapped) else []
    if not maps:  # no convolution has an activation of its own, as in EfficientNet and DenseNet
        mapped = mapped[:0]
    shown = Shown(
        names=tuple(split.names[i] for i in chosen),
        labels=split.labels[chosen],
        probabilities=worth.probabilities(logits[chosen]),
        images=in_order(split.images[chosen], order),
        grad_cam=grad_cam[chosen],
        occlusion=occlusion,
        mapped=mapped,
        feature_maps=maps,
        threshold=worth.threshold,
        classes=run.spec.classes,
    )
    pairs = zip(shown.grad_cam, shown.occlusion, strict=True)
    agreement = [saliency.agreement(*both, size) for both in pairs]
    largest = grad_cam.max(axis=(1, 2), keepdims=True)
    found = Saliency(
        epoch=run.epoch,
        kernels=in_order(saliency.first_kernels(model, split.images), order),
        counts=_counts(outcome),
        grad_cam=_means(grad_cam / np.where(largest > 0, largest, 1), outcome),
        occluded=_counts(outcome[chosen]),
        occlusion=_means(occlusion, outcome[chosen]),
        agreement=[value for value in agreement if value is not None],
        ablations=dict(_ablated(run, dataset)),
    )
    return found, shown


def _chosen(outcome: np.ndarray) -> np.ndarray:
    """Indices of photographs to show: of each outcome up to a number, drawn by chance."""
    drawn = np.random.default_rng(0).permutation(len(outcome))
    each = [
        drawn[outcome[drawn] == number][: MOST_SHOWN[name]] for number, name in enumerate(OUTCOMES)
    ]
    return np.concatenate(each)


def _first_right(outcome: np.ndarray) -> np.ndarray:
    """Where the first ill and the first healthy photograph stand that were judged rightly."""
    right = (OUTCOMES.index("true_positive"), OUTCOMES.index("true_negative"))
    first = [np.flatnonzero(outcome == one)[0] for one in right if one in outcome]
    return np.array(first, np.int64)


def _counts(outcome: np.ndarray) -> dict[str, int]:
    return {name: int((outcome == number).sum()) for number, name in enumerate(OUTCOMES)}


def _means(maps: np.ndarray, outcome: np.ndarray) -> dict[str, np.ndarray]:
    return {
        name: maps[outcome == number].mean(axis=0)
        for number, name in enumerate(OUTCOMES)
        if number in outcome
    }


def _ablated(run: Run, dataset: Dataset) -> Iterator[tuple[str, metrics.Scores]]:
    """Score the validation photographs after each change of ABLATIONS."""
    colour = mean_colour(dataset.train.images)
    images, labels = dataset.validation.images, dataset.validation.labels
    for name in tqdm(ABLATIONS, "changing photographs", disable=None, leave=False):
        logits = [
            run.logits(changed(images[i : i + CHUNK], name, colour))
            for i in range(0, len(images), CHUNK)
        ]
        yield name, metrics.scores(np.concatenate(logits), labels, run.spec.target)
