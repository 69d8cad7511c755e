"""Score the stored weights of a run again on the validation images.

python -m pm_cls.evaluate --run runs/lenet7_relu/seed0
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pm_cls import device, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.data import load_dataset
from pm_cls.errors import UsageError
from pm_cls.files import read_json


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("evaluate", __doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run")
    parser.add_argument(
        "--data", help="folder of the data, where it is not the one the run was trained with"
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    evaluate(args.run, args.data, args.device)


def evaluate(folder: Path, root: str | None = None, device_choice: str = "auto") -> None:
    """Print the scores of each reported epoch and whether the stored predictions came out again.

    Raises:
        UsageError: there is no run, or its weights are missing or damaged.
        DataError: the data are missing or bad.
    """
    device.prepare(device_choice)
    from pm_cls import engine, metrics
    from pm_cls.weights import load_trained

    config = runs.read_config(folder)
    data = config.data if root is None else config.data.model_copy(update={"root": root})
    dataset = load_dataset(data)
    split = dataset.validation
    same_data = dataset.digest == read_json(folder / runs.RESULT)["data_digest"]
    print(f"{folder} on the {len(split.labels)} validation images of {dataset.name}")
    for epoch in config.train.report_epochs:
        model = load_trained(folder, config, epoch)
        logits = engine.predict(model, split.images, config.train.batch_size)
        scored = metrics.scores(logits, split.labels)
        area = "undefined" if scored.auc is None else f"{scored.auc:.4f}"
        stored = runs.predictions_file(folder, epoch)
        print(
            f"epoch {epoch:3d}  accuracy {100 * scored.accuracy:.2f}% "
            f"({scored.correct} of {scored.n})  loss {scored.loss:.4f}  AUC {area}  "
            + (_compare(stored, logits) if same_data else "(other data than the run's)")
        )


def _compare(stored: Path, logits: np.ndarray) -> str:
    try:
        _, _, stored_logits = runs.read_predictions(stored)
    except (OSError, ValueError) as error:
        raise UsageError(f"{stored}: cannot be read ({error})")
    largest = float(np.abs(logits - stored_logits).max())
    if largest == 0:
        return "(bit for bit the stored predictions)"
    return f"(logits differ from the stored ones by up to {largest:.1e})"


if __name__ == "__main__":
    sys.exit(run_command(main))
