"""Simple answers that any network must beat, on the same photographs. Needs no Paddle.

    python -m pm_cls.baselines --data data/ichallenge_pm --out results

Logistic regression on a few numbers of each photograph; C is chosen by five-fold log loss on the
training photographs alone. Writes baselines.csv.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pm_cls import metrics, stats
from pm_cls.command import new_parser, run_command
from pm_cls.config import DataConfig
from pm_cls.data import Dataset, load_dataset
from pm_cls.errors import DataError, UsageError
from pm_cls.files import csv_text, write_text

COLUMNS = ("baseline", "numbers", "dataset", "n", "correct", "accuracy", "wilson_low",
           "wilson_high", "loss", "auc", "data_digest")  # fmt: skip
FOLDS = 5
DARK = 16  # grey levels of 255: what is darker in all channels lies outside the field of view
OUTLINE_SIDE = 16


@dataclass(frozen=True)
class Baseline:
    """Scores of a simple answer on the validation set; `numbers` is how many it sees of a photo."""

    name: str
    numbers: int
    scores: metrics.Scores


def thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Mean values of side x side tiles: uint8 [n, channels, h, w] to float64 [n, channels * side²].

    Rows and columns that do not fill a tile are left out at the right and at the bottom.
    """
    n, channels, height, width = images.shape
    tall, wide = height // side, width // side
    cut = images[:, :, : tall * side, : wide * side]
    tiles = cut.reshape(n, channels, side, tall, side, wide).mean(axis=(3, 5))
    return tiles.reshape(n, -1)


def outline(images: np.ndarray) -> np.ndarray:
    """The field of view without its content: float64 [n, 256], its share of each tile.

    Dark places within it are filled, so that vessels and pigment do not show.
    """
    bright = images.max(axis=1) > DARK
    filled = np.stack([ndimage.binary_fill_holes(one) for one in bright])
    return thumbnails(filled[:, np.newaxis].astype(np.uint8), OUTLINE_SIDE)


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean colour": lambda images: thumbnails(images, 1),
    "4x4 thumbnail": lambda images: thumbnails(images, 4),
    "8x8 thumbnail": lambda images: thumbnails(images, 8),
    "outline of the field of view": outline,
}


def baselines(dataset: Dataset) -> list[Baseline]:
    """The constant answer (the more frequent label of the training set) and each of FEATURES.

    Raises:
        DataError: fewer than FOLDS training photographs of a class.
    """
    train, validation = dataset.train, dataset.validation
    counts = np.bincount(train.labels, minlength=2)
    if counts.min() < FOLDS:
        raise DataError(
            f"{counts.min()} training photographs of a class; {FOLDS} or more of both are needed"
        )
    prior = np.full((len(validation.labels), 1), np.log(counts[1] / counts[0]))
    found = [Baseline("constant answer", 0, metrics.scores(prior, validation.labels))]
    for name, features in FEATURES.items():
        seen = features(train.images)
        model = make_pipeline(
            StandardScaler(),
            LogisticRegressionCV(
                Cs=np.logspace(-4, 2, 13),
                cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
                scoring="neg_log_loss",
                max_iter=5000,
            ),
        ).fit(seen, train.labels)
        logits = model.decision_function(features(validation.images))[:, np.newaxis]
        found.append(Baseline(name, seen.shape[1], metrics.scores(logits, validation.labels)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("baselines", __doc__)
    parser.add_argument("--data", required=True, help="folder of the photographs")
    parser.add_argument("--out", type=Path, default=Path("results"), help="default: results")
    args = parser.parse_args(arguments)
    dataset = load_dataset(DataConfig(root=args.data))
    print(f"{len(dataset.validation.labels)} validation photographs of {dataset.name}")
    rows = []
    for found in baselines(dataset):
        score = found.scores
        low, high = stats.wilson(score.correct, score.n)
        area = "undefined" if score.auc is None else f"{score.auc:.3f}"
        print(
            f"{found.name:30} {100 * score.accuracy:6.2f}%  (95% Wilson {100 * low:.2f} to "
            f"{100 * high:.2f}, n = {score.n})  loss {score.loss:.4f}  AUC {area}"
        )
        rows.append(
            [found.name, found.numbers, dataset.name, score.n, score.correct, score.accuracy, low,
             high, score.loss, score.auc, dataset.digest]
        )  # fmt: skip
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        write_text(args.out / "baselines.csv", csv_text(COLUMNS, rows))
    except OSError as error:
        raise UsageError(f"--out {args.out}: cannot be written ({error.strerror})")
    print(f"written: {args.out / 'baselines.csv'}")


if __name__ == "__main__":
    sys.exit(run_command(main))
