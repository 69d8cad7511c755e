"""Score the stored weights of finished runs, on the validation images or on other photographs.

    python -m pm_cls.evaluate --run runs/lenet7_relu/seed0
    python -m pm_cls.evaluate --run runs/*/seed* --data FOLDER --labels FILE.csv

With labels, what comes out is kept beside each run as evaluations/NAME.json and .csv, and the
report shows it.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pm_cls import device, runs
from pm_cls.command import add_device, add_labels, check_labels, new_parser, run_command
from pm_cls.config import DataConfig
from pm_cls.data import elsewhere, load_dataset
from pm_cls.errors import UsageError
from pm_cls.files import read_json, write_json, writing


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("evaluate", __doc__)
    parser.add_argument(
        "--run", type=Path, required=True, nargs="+", help="folders of finished runs"
    )
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="where the data lie, if not where the run was trained; with --labels: other ones",
    )
    add_labels(parser)
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.labels is None:
        check_labels(args, "--data", None)
        for folder in args.run:
            evaluate(folder, args.data, args.device)
    else:
        check_labels(args, "--data", args.data)
        evaluate_elsewhere(args.run, Path(args.data), args.labels, args.name, args.device)


def evaluate(folder: Path, root: str | None = None, device_choice: str = "auto") -> None:
    """Print the scores of each reported epoch and whether the stored predictions came out again.

    Raises:
        UsageError: there is no run, or its weights are missing or damaged.
        DataError: the data are missing or bad.
    """
    device.prepare(device_choice)
    from pm_cls import engine
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
        stored = runs.predictions_file(folder, epoch)
        remark = _compare(stored, logits) if same_data else "(other data than the run's)"
        print(f"epoch {epoch:3d}  {_line(logits, split.labels)}  {remark}", flush=True)


def evaluate_elsewhere(
    folders: Sequence[Path],
    root: Path,
    labels: Path,
    name: str | None = None,
    device_choice: str = "auto",
) -> None:
    """Score the last reported weights of each run on photographs from elsewhere, and keep that.

    Raises:
        UsageError: a run is missing, no network takes photographs, a folder cannot be written, or
            holds scores of other photographs under this name.
        DataError: photographs or labels are missing or bad (all are listed).
    """
    device.prepare(device_choice)
    from pm_cls import engine, metrics
    from pm_cls.weights import load_trained

    loaded: dict[DataConfig, elsewhere.Elsewhere] = {}
    for folder, config in [(folder, runs.read_config(folder)) for folder in folders]:
        epoch = config.train.report_epochs[-1]
        model = load_trained(folder, config, epoch)
        if model.channels != 3 or model.outputs != 1:
            print(f"{folder}: {config.model.name} does not classify photographs; left out")
            continue
        if config.data not in loaded:
            loaded[config.data] = elsewhere.load(root, labels, config.data, name)
            if len(loaded) == 1:
                _describe(loaded[config.data])
        data = loaded[config.data]
        split = data.split
        logits = engine.predict(model, split.images, config.train.batch_size)
        file = runs.evaluation_file(folder, data.name)
        if file.is_file() and read_json(file)["data_digest"] != data.digest:
            raise UsageError(f"{file} has the scores of other photographs; --name names these")
        record = {
            "schema": runs.SCHEMA,
            "name": data.name,
            "dataset": data.dataset,
            "data_digest": data.digest,
            "repeated": data.repeated,
            "epoch": epoch,
            **asdict(metrics.scores(logits, split.labels)),
        }
        with writing(file):
            file.parent.mkdir(exist_ok=True)
            runs.write_predictions(file.with_suffix(".csv"), split.names, split.labels, logits)
            write_json(file, record)
        print(f"{folder}  epoch {epoch}  {_line(logits, split.labels)}", flush=True)
    if not loaded:
        raise UsageError("--run names no run of a network that classifies photographs")


def _describe(data: elsewhere.Elsewhere) -> None:
    mark = " (SYNTHETIC)" if data.dataset == runs.SYNTHETIC else ""
    print(f"{len(data.split.labels)} photographs of {data.name}{mark}")
    if data.ignored:
        print(f"note: {data.ignored} more photographs in the folder have no label and are left out")
    if data.repeated:
        groups = ", ".join(" = ".join(group) for group in data.repeated)
        print(f"note: {len(data.repeated)} photographs stand more than once: {groups}")


def _line(logits: np.ndarray, labels: np.ndarray) -> str:
    from pm_cls import metrics

    scored = metrics.scores(logits, labels)
    area = "undefined" if scored.auc is None else f"{scored.auc:.4f}"
    return (
        f"accuracy {100 * scored.accuracy:.2f}% ({scored.correct} of {scored.n})  "
        f"loss {scored.loss:.4f}  AUC {area}"
    )


def _compare(stored: Path, logits: np.ndarray) -> str:
    try:
        stored_logits = runs.read_predictions(stored).logits
    except (OSError, ValueError) as error:
        raise UsageError(f"{stored}: cannot be read ({error})")
    largest = float(np.abs(logits - stored_logits).max())
    if largest == 0:
        return "(bit for bit the stored predictions)"
    return f"(logits differ from the stored ones by up to {largest:.1e})"


if __name__ == "__main__":
    sys.exit(run_command(main))
