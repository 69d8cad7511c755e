"""What a trained network does inside: its layers, and what it looks at; kept beside its run.

gradients, saliency, responses    measured on the network, with Paddle
ablations                         the photographs with one thing taken away
looking                           a run and its data -> what is kept (`pm_cls.records.saliency`)
drawn                             that, and wrong answers, as pictures beside the run
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.config import DataConfig
from pm_cls.data import Dataset, load_dataset
from pm_cls.records import gradients as gradient_records
from pm_cls.records import responses as response_records
from pm_cls.records import saliency as saliency_records
from pm_cls.runtime import device as devices
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import writing
from pm_cls.runtime.verbs import callable_as
from pm_cls.scores.target import Classes

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run


def inspect(
    run: str | Path | Sequence[str | Path],
    data: str | Path | None = None,
    *,
    device: str = "auto",
    gradients_only: bool = False,
) -> None:
    """Write inspection/ of finished runs.

    Its layers before training and at kept epochs; and where the network classifies photographs
    with one logit, what it looks at with the weights of the last of these epochs; where it tells
    classes, what each of its kernels answers to.

    Args:
        run: folders of finished runs, one or many.
        data: where the data lie, if not where the run was trained.
        gradients_only: only the layers.

    Raises:
        UsageError: a run or its weights are missing, or the data are not those of the run.
        DataError: the data are missing or bad.
        RunError: a network answers with NaN or infinite numbers.
    """
    devices.prepare(device)
    from pm_cls.inspect.gradients import layer_states
    from pm_cls.models.classifier import Run

    folders = [run] if isinstance(run, str | Path) else run
    loaded: dict[DataConfig, Dataset] = {}
    for one in [Run.read(Path(folder)) for folder in folders]:
        settings = one.data_at(data)
        if settings not in loaded:
            loaded[settings] = load_dataset(settings)
        dataset = loaded[settings]
        one.check_data(dataset, data)
        states = list(layer_states(one, dataset))
        with writing(one.folder):
            gradient_records.write(one.folder, states)
        print(f"written: {one.folder / gradient_records.FILE}", flush=True)
        if not gradients_only:
            _look(one, dataset)


def _look(run: "Run", dataset: Dataset) -> None:
    """Write and draw what the network of a run looks at, or say why that is left out."""
    from pm_cls.inspect import drawn
    from pm_cls.inspect.looking import look
    from pm_cls.inspect.responses import responses
    from pm_cls.inspect.saliency import has_convolutions

    target, written = run.spec.target, run.folder / saliency_records.FOLDER
    if isinstance(target, Classes):
        given = target.predicted(run.logits(dataset.validation.images))
        with writing(run.folder):
            drawn.errors(written, dataset.validation, given, run.config.data.channel_order)
    if not has_convolutions(run.network):
        print(f"{run.folder}: has no convolutions; what it looks at is left out")
        return
    if isinstance(target, Classes):
        written = run.folder / response_records.FILE
        try:
            answers = responses(run, dataset)
        except UsageError as error:
            print(f"{error}; that is left out")
            return
        with writing(run.folder):
            response_records.write(run.folder, answers)
    elif run.spec.of_photographs and target.outputs == 1:
        found, shown = look(run, dataset)
        with writing(run.folder):
            saliency_records.write(run.folder, found, shown)
            drawn.looks(written, found, shown)
    else:
        print(
            f"{run.folder}: neither judges photographs by one logit nor tells classes; what it "
            "looks at is left out"
        )
        return
    print(f"written: {written}", flush=True)


callable_as(inspect)
