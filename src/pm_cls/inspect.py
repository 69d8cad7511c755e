"""Look into finished runs: how training would move each layer, and what the network looks at.

    python -m pm_cls.inspect --run runs/lenet7_relu/seed0

What comes out is kept beside each run in inspection/, with pictures of it, and the report draws it
without Paddle. `report --photographs` shows the photographs too.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pm_cls import device, drawing, metrics, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.config import Config, DataConfig
from pm_cls.data import Dataset, load_dataset
from pm_cls.errors import UsageError
from pm_cls.files import csv_text, read_json, write_text, writing
from pm_cls.inspection import looks, pictures
from pm_cls.inspection.looks import OUTCOMES, Looks, Shown
from pm_cls.inspection.probes import PROBES, changed, mean_colour

CHUNK = 50  # photographs that are changed at once


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("inspect", __doc__)
    parser.add_argument(
        "--run", type=Path, required=True, nargs="+", help="folders of finished runs"
    )
    parser.add_argument(
        "--data", metavar="FOLDER", help="where the data lie, if not where the run was trained"
    )
    parser.add_argument(
        "--gradients-only",
        action="store_true",
        help="only how each layer would be moved, not what the network looks at",
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    inspect(args.run, args.data, args.device, args.gradients_only)


def inspect(
    folders: Sequence[Path],
    root: str | None = None,
    device_choice: str = "auto",
    gradients_only: bool = False,
) -> None:
    """Write inspection/ of each run.

    Its layers before training and at kept epochs; and where the network classifies photographs,
    what it looks at with the weights of the last of these epochs.

    Raises:
        UsageError: a run or its weights are missing, or the data are not those of the run.
        DataError: the data are missing or bad.
    """
    device.prepare(device_choice)
    loaded: dict[DataConfig, Dataset] = {}
    for folder in folders:
        config = runs.read_config(folder)
        data = config.data
        data = data if root is None else data.model_copy(update={"root": root})
        if data not in loaded:
            loaded[data] = load_dataset(data)
        dataset = loaded[data]
        if dataset.digest != read_json(folder / runs.RESULT)["data_digest"]:
            raise UsageError(f"{folder}: was trained on other data than those in {data.root}")
        _inspect_layers(folder, config, dataset)
        if not gradients_only:
            _inspect_looks(folder, config, dataset)


def _inspect_layers(folder: Path, config: Config, dataset: Dataset) -> None:
    rows = list(_rows(folder, config, dataset))
    file = folder / runs.GRADIENTS
    with writing(file):
        file.parent.mkdir(exist_ok=True)
        write_text(file, csv_text(runs.GRADIENT_COLUMNS, rows))
    print(f"written: {file}", flush=True)


def _rows(folder: Path, config: Config, dataset: Dataset) -> Iterator[list[object]]:
    import paddle

    from pm_cls.inspection.gradients import layer_states
    from pm_cls.models import build_model
    from pm_cls.weights import load_trained

    steps = math.ceil(len(dataset.train.labels) / config.train.batch_size)
    for epoch in (0, *config.train.report_epochs):
        if epoch:
            model = load_trained(folder, config, epoch)
        else:
            paddle.seed(config.seed)  # as training begins
            model = build_model(
                config.model.name, image_size=config.data.image_size, **config.model.options()
            )
        for state in layer_states(model, dataset.train, config.train.batch_size):
            share = "" if state.saturated is None else f"{state.saturated:.6g}"
            yield [epoch, epoch * steps, state.layer, f"{state.gradient_norm:.6g}", share]


def _inspect_looks(folder: Path, config: Config, dataset: Dataset) -> None:
    from pm_cls import engine
    from pm_cls.inspection import attention
    from pm_cls.weights import load_trained

    epoch = config.train.report_epochs[-1]
    model = load_trained(folder, config, epoch)
    if model.channels != 3 or model.outputs != 1:
        print(f"{folder}: does not classify photographs, so what it looks at is left out")
        return
    split = dataset.validation
    logits = engine.predict(model, split.images, config.train.batch_size)[:, 0]
    outcome = looks.outcomes(logits, split.labels)
    chosen = _chosen(outcome)
    grad_cam = attention.grad_cam(model, split.images)
    progress = tqdm(chosen, "covering photographs", disable=None, leave=False)
    occlusion = np.stack([attention.occlusion(model, split.images[i]) for i in progress])
    mapped = _first_right(outcome[chosen])
    shown = Shown(
        names=tuple(split.names[i] for i in chosen),
        labels=split.labels[chosen],
        probabilities=metrics.probabilities(logits[chosen, np.newaxis])[:, 1],
        images=_rgb(split.images[chosen], config),
        grad_cam=grad_cam[chosen],
        occlusion=occlusion,
        mapped=mapped,
        feature_maps=attention.feature_maps(model, split.images[chosen[mapped]]),
    )
    size = config.data.image_size
    agreement = [
        looks.agreement(*both, size) for both in zip(shown.grad_cam, shown.occlusion, strict=True)
    ]
    largest = grad_cam.max(axis=(1, 2), keepdims=True)
    found = Looks(
        epoch=epoch,
        kernels=_rgb(attention.first_kernels(model), config),
        counts=_counts(outcome),
        grad_cam=_means(grad_cam / np.where(largest > 0, largest, 1), outcome),
        occluded=_counts(outcome[chosen]),
        occlusion=_means(occlusion, outcome[chosen]),
        agreement=[value for value in agreement if value is not None],
        probes=dict(_probe(model, config, dataset)),
    )
    with writing(folder):
        looks.write(folder, found, shown)
        _draw(folder / looks.FOLDER, found, shown)
    print(f"written: {folder / looks.FOLDER}", flush=True)


def _chosen(outcome: np.ndarray) -> np.ndarray:
    """Indices of photographs to show: of each outcome up to a number, drawn by chance."""
    drawn = np.random.default_rng(0).permutation(len(outcome))
    each = [
        drawn[outcome[drawn] == number][: looks.MOST_SHOWN[name]]
        for number, name in enumerate(OUTCOMES)
    ]
    return np.concatenate(each)


def _first_right(outcome: np.ndarray) -> np.ndarray:
    """Where the first ill and the first healthy photograph stand that were judged rightly."""
    right = (OUTCOMES.index("true_positive"), OUTCOMES.index("true_negative"))
    return np.array([np.flatnonzero(outcome == one)[0] for one in right if one in outcome])


def _counts(outcome: np.ndarray) -> dict[str, int]:
    return {name: int((outcome == number).sum()) for number, name in enumerate(OUTCOMES)}


def _means(maps: np.ndarray, outcome: np.ndarray) -> dict[str, np.ndarray]:
    return {
        name: maps[outcome == number].mean(axis=0)
        for number, name in enumerate(OUTCOMES)
        if number in outcome
    }


def _probe(model: object, config: Config, dataset: Dataset) -> Iterator[tuple[str, metrics.Scores]]:
    """Score the validation photographs after each change of PROBES."""
    from pm_cls import engine

    colour = mean_colour(dataset.train.images)
    images, labels = dataset.validation.images, dataset.validation.labels
    for name in tqdm(PROBES, "changing photographs", disable=None, leave=False):
        logits = [
            engine.predict(model, changed(images[i : i + CHUNK], name, colour),
                           config.train.batch_size)
            for i in range(0, len(images), CHUNK)
        ]  # fmt: skip
        yield name, metrics.scores(np.concatenate(logits), labels)


def _rgb(channels: np.ndarray, config: Config) -> np.ndarray:
    """In RGB order what is [n, 3, ...] in that of the run."""
    return channels[:, ::-1] if config.data.channel_order == "bgr" else channels


def _draw(folder: Path, found: Looks, shown: Shown) -> None:
    drawing.save_png(pictures.kernels(found), folder / "kernels.png")
    drawing.save_png(pictures.mean_maps(found), folder / "mean_maps.png")
    drawing.save_png(pictures.probes({folder.parent.name: found}), folder / "probes.png")
    for number, index in enumerate(shown.mapped):
        name = Path(shown.names[index]).stem
        maps = pictures.feature_maps(shown, number)
        drawing.save_png(maps, folder / f"feature_maps_{name}.png")
    for outcome in OUTCOMES:
        if (picture := pictures.judged(shown, outcome)) is not None:
            drawing.save_png(picture, folder / f"{outcome}.png")


if __name__ == "__main__":
    sys.exit(run_command(main))
