"""Classify photographs with a trained network. For research and teaching: no medical device.

python -m pm_cls.predict --run runs/lenet7_relu/seed0 photo.jpg folder/ --out predictions.csv

A line for each photograph: image, logit, probability of pathological myopia, prediction (1 from a
probability of 0.5 on, else 0).
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pm_cls import device, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.data.folders import walk
from pm_cls.data.images import SUFFIXES, decode
from pm_cls.errors import DataError, UsageError
from pm_cls.files import csv_text, write_text, writing

COLUMNS = ("image", "logit", "probability", "prediction")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("predict", __doc__)
    parser.add_argument("photographs", nargs="+", type=Path, help="files, or folders of them")
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--epoch", type=int, help="a reported epoch (default: the last)")
    parser.add_argument("--out", type=Path, help="CSV file to write (default: the terminal)")
    add_device(parser)
    args = parser.parse_args(arguments)
    if args.out is not None and args.out.is_dir():
        raise UsageError(f"--out {args.out}: is a folder; name a file")
    table = predict(args.run, args.photographs, args.epoch, args.device)
    if args.out is None:
        print(table, end="")
        return
    with writing(f"--out {args.out}"):
        write_text(args.out, table)
    print(f"written: {args.out}")


def predict(
    folder: Path, photographs: Iterable[Path], epoch: int | None = None, device_choice: str = "auto"
) -> str:
    """Classify photographs with the network of a run.

    Returns:
        CSV with the columns COLUMNS, a line a photograph.

    Raises:
        UsageError: no such run, or one of a network that does not take photographs.
        DataError: no photographs, or bad ones (all are listed).
    """
    device.prepare(device_choice)
    from pm_cls import engine, metrics
    from pm_cls.weights import load_trained

    config = runs.read_config(folder)
    last = config.train.report_epochs[-1]
    model = load_trained(folder, config, last if epoch is None else epoch)
    if model.channels != 3 or model.outputs != 1:
        raise UsageError(f"{folder}: {config.model.name} does not classify photographs")
    paths = _files(photographs)
    rgb = np.empty((len(paths), 3, config.data.image_size, config.data.image_size), np.uint8)
    decode(paths, rgb)
    images = rgb[:, ::-1] if config.data.channel_order == "bgr" else rgb
    logits = engine.predict(model, images, config.train.batch_size)
    columns = (logits[:, 0], metrics.probabilities(logits)[:, 1], metrics.predicted_labels(logits))
    rows = [
        [path, f"{logit:.9g}", f"{probability:.9g}", label]
        for path, logit, probability, label in zip(paths, *columns, strict=True)
    ]
    return csv_text(COLUMNS, rows)


def _files(photographs: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in photographs:
        if not path.is_dir():
            files.append(path)
            continue
        files += [file for file in walk(path) if file.suffix.lower() in SUFFIXES]
    if not files:
        raise DataError(f"no photographs found; {', '.join(SUFFIXES)} are read")
    return files


if __name__ == "__main__":
    sys.exit(run_command(main))
