"""The digits, clothes and objects that runs get wrong, for whoever holds their files."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pm_cls.config import DataConfig
from pm_cls.data import Dataset, load_dataset
from pm_cls.data.transforms import in_order
from pm_cls.presentation.templates import address_of
from pm_cls.report.runs import Record, grouped
from pm_cls.runtime.errors import DataError
from pm_cls.scores.target import Classes

MOST = 200


@dataclass(frozen=True)
class Missed:
    """An image (a data address) that `wrong` runs get wrong; the most frequent answer first."""

    name: str
    label: str
    answers: list[str]
    wrong: int
    image: str


@dataclass(frozen=True)
class Experiment:
    """Its runs, the number of images that one of them at least gets wrong, and MOST of these."""

    name: str
    n_runs: int
    n_wrong: int
    shown: list[Missed]


def experiments(runs: Sequence[Record], roots: Mapping[str, str]) -> Iterator[Experiment]:
    """Those on the data sets of `roots`, the images that most runs get wrong first.

    Raises:
        DataError: the files are missing, bad, or not those that the runs were scored on; or no
            run is on such data.
    """
    loaded: dict[DataConfig, Dataset] = {}
    others: dict[str, str] = {}
    shown = set()
    for name, ours in grouped(runs, lambda run: run.experiment).items():
        first = ours[0]
        if (root := roots.get(first.dataset)) is None or not isinstance(first.last.target, Classes):
            continue
        config = first.config.data.model_copy(update={"root": root})
        if config not in loaded:
            loaded[config] = load_dataset(config)
        if loaded[config].digest == first.data.digest:
            shown.add(first.dataset)
            yield _missed(name, ours, loaded[config])
        else:
            others[first.dataset] = first.name
    for name in sorted(set(roots) - shown):
        why = f"no run tells several classes of {name} apart"
        if name in others:
            why = f"not the images that {others[name]} was scored on"
        raise DataError(f"--root {name}={roots[name]}: {why}")


def _missed(name: str, runs: Sequence[Record], data: Dataset) -> Experiment:
    split = data.validation
    classes = data.spec.classes or tuple(map(str, range(data.spec.target.outputs)))
    answers: dict[str, Counter[int]] = {}
    for run in runs:
        given = run.last.target.predicted(run.last.logits)
        for index in np.flatnonzero(~run.last.right()):
            answers.setdefault(run.last.names[index], Counter())[int(given[index])] += 1
    place = {image: index for index, image in enumerate(split.names)}
    worst = sorted(answers, key=lambda image: (-answers[image].total(), place[image]))
    shown = [
        Missed(
            name=image,
            label=classes[split.labels[place[image]]],
            answers=[classes[answer] for answer, _ in answers[image].most_common()],
            wrong=answers[image].total(),
            image=_address(split.images[place[image]], runs[0].config.data.channel_order),
        )
        for image in worst[:MOST]
    ]
    return Experiment(name, len(runs), len(worst), shown)


def _address(image: np.ndarray, channel_order: str) -> str:
    """uint8 [1 or 3, height, width] as a PNG in a data address."""
    pixels = in_order(image, channel_order)
    return address_of(Image.fromarray(pixels.transpose(1, 2, 0).squeeze()), "png")
