"""Look into finished runs: how strongly each layer would be moved, as training went on.

    python -m pm_cls.inspect --run runs/lenet7_relu/seed0

What comes out is kept beside each run in inspection/, and the report draws it without Paddle.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pm_cls import device, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.config import DataConfig
from pm_cls.data import Dataset, load_dataset
from pm_cls.errors import UsageError
from pm_cls.files import csv_text, read_json, write_text, writing


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("inspect", __doc__)
    parser.add_argument(
        "--run", type=Path, required=True, nargs="+", help="folders of finished runs"
    )
    parser.add_argument(
        "--data", metavar="FOLDER", help="where the data lie, if not where the run was trained"
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    inspect(args.run, args.data, args.device)


def inspect(folders: Sequence[Path], root: str | None = None, device_choice: str = "auto") -> None:
    """Write inspection/gradients.csv of each run: its layers before training and at kept epochs.

    Raises:
        UsageError: a run or its weights are missing, or the data are not those of the run.
        DataError: the data are missing or bad.
    """
    device.prepare(device_choice)
    loaded: dict[DataConfig, Dataset] = {}
    for folder in folders:
        data = runs.read_config(folder).data
        data = data if root is None else data.model_copy(update={"root": root})
        if data not in loaded:
            loaded[data] = load_dataset(data)
        dataset = loaded[data]
        if dataset.digest != read_json(folder / runs.RESULT)["data_digest"]:
            raise UsageError(f"{folder}: was trained on other data than those in {data.root}")
        rows = list(_rows(folder, dataset))
        file = folder / runs.GRADIENTS
        with writing(file):
            file.parent.mkdir(exist_ok=True)
            write_text(file, csv_text(runs.GRADIENT_COLUMNS, rows))
        print(f"written: {file}", flush=True)


def _rows(folder: Path, dataset: Dataset) -> Iterator[list[object]]:
    import paddle

    from pm_cls.gradients import layer_states
    from pm_cls.models import build_model
    from pm_cls.weights import load_trained

    config = runs.read_config(folder)
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


if __name__ == "__main__":
    sys.exit(run_command(main))
