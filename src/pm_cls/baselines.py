"""Simple answers that any network must beat, on the same photographs. Needs no Paddle.

    python -m pm_cls.baselines --data data/ichallenge_pm --out results

Logistic regression on a few numbers of each photograph; C is chosen by five-fold log loss on the
training photographs alone. Writes baselines.csv, which the report reads.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pm_cls import metrics, stats
from pm_cls.command import add_labels, check_labels, new_parser, run_command
from pm_cls.config import DataConfig
from pm_cls.data import Split, elsewhere, load_dataset
from pm_cls.data.images import field_of_view
from pm_cls.errors import DataError, UsageError
from pm_cls.files import csv_text, read_csv, write_text, writing
from pm_cls.language import Text

FILE = "baselines.csv"
COLUMNS = ("baseline", "numbers", "dataset", "n", "correct", "accuracy", "wilson_low",
           "wilson_high", "loss", "auc", "data_digest")  # fmt: skip
FOLDS = 5
OUTLINE_SIDE = 16
CONSTANT = "constant answer"


@dataclass(frozen=True)
class Baseline:
    """Scores of a simple answer on a set of photographs.

    `numbers` is how many it sees of a photograph, `dataset` and `digest` tell the photographs.
    """

    name: str
    numbers: int
    dataset: str
    digest: str
    scores: metrics.Scores

    @property
    def wilson(self) -> tuple[float, float]:
        """Interval of the accuracy over photographs."""
        return stats.wilson(self.scores.correct, self.scores.n)


@dataclass(frozen=True)
class Fitted:
    """A fitted answer: `logits(images)` takes uint8 [n, 3, h, w] and gives float [n, 1]."""

    name: str
    numbers: int
    logits: Callable[[np.ndarray], np.ndarray]


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
    """The field of view without its content: float64 [n, 256], its share of each tile."""
    views = field_of_view(images)
    return thumbnails(views[:, np.newaxis].astype(np.uint8), OUTLINE_SIDE)


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean colour": lambda images: thumbnails(images, 1),
    "4x4 thumbnail": lambda images: thumbnails(images, 4),
    "8x8 thumbnail": lambda images: thumbnails(images, 8),
    "outline of the field of view": outline,
}
NAMES = {
    CONSTANT: Text(CONSTANT, "恒定答案"),
    "mean colour": Text("mean colour", "平均颜色"),
    "4x4 thumbnail": Text("4×4 thumbnail", "4×4 缩略图"),
    "8x8 thumbnail": Text("8×8 thumbnail", "8×8 缩略图"),
    "outline of the field of view": Text("outline of the field of view", "视野轮廓"),
}


def fit(train: Split) -> list[Fitted]:
    """Fit the constant answer (the prior of the training set) and each of FEATURES.

    Raises:
        DataError: fewer than FOLDS training photographs of a class.
    """
    counts = np.bincount(train.labels, minlength=2)
    if counts.min() < FOLDS:
        raise DataError(
            f"{counts.min()} training photographs of a class; {FOLDS} or more of both are needed"
        )
    prior = float(np.log(counts[1] / counts[0]))
    constant = Fitted(CONSTANT, 0, lambda images: np.full((len(images), 1), prior))
    return [constant, *(_fit_regression(train, name) for name in FEATURES)]


def _fit_regression(train: Split, name: str) -> Fitted:
    from sklearn.linear_model import LogisticRegressionCV  # a second, which the report can spare
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen = FEATURES[name](train.images)
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(
            Cs=np.logspace(-4, 2, 13),
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
            scoring="neg_log_loss",
            max_iter=5000,
        ),
    ).fit(seen, train.labels)
    return Fitted(
        name,
        seen.shape[1],
        lambda images: model.decision_function(FEATURES[name](images))[:, np.newaxis],
    )


def score(fitted: Sequence[Fitted], split: Split, dataset: str, digest: str) -> Iterator[Baseline]:
    """Score each answer on a set of photographs of the size that it was fitted on."""
    for one in fitted:
        scores = metrics.scores(one.logits(split.images), split.labels)
        yield Baseline(one.name, one.numbers, dataset, digest, scores)


def write(found: Sequence[Baseline], path: Path) -> None:
    """Write a line a baseline and set of photographs."""
    rows = [
        [one.name, one.numbers, one.dataset, s.n, s.correct, s.accuracy, *one.wilson, s.loss, s.auc,
         one.digest]
        for one in found
        for s in [one.scores]
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, csv_text(COLUMNS, rows))


def read(path: Path) -> list[Baseline]:
    """Read what `write` wrote; nothing where there is no such file.

    Raises:
        UsageError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [
            Baseline(
                line["baseline"],
                int(line["numbers"]),
                line["dataset"],
                line["data_digest"],
                metrics.Scores(
                    correct=int(line["correct"]),
                    n=int(line["n"]),
                    accuracy=float(line["accuracy"]),
                    loss=float(line["loss"]),
                    auc=float(line["auc"]) if line["auc"] else None,
                ),
            )
            for line in read_csv(path)
            if line["baseline"] in NAMES
        ]
    except (LookupError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: is damaged ({error}); `pm-cls baselines` writes it anew")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("baselines", __doc__)
    parser.add_argument("--data", required=True, help="folder of the photographs")
    parser.add_argument("--out", type=Path, default=Path("results"), help="default: results")
    parser.add_argument(
        "--elsewhere",
        type=Path,
        metavar="FOLDER",
        help="score on the photographs of this folder too, which --labels names",
    )
    add_labels(parser)
    args = parser.parse_args(arguments)
    check_labels(args, "--elsewhere", args.elsewhere)
    config = DataConfig(root=args.data)
    dataset = load_dataset(config)
    fitted = fit(dataset.train)
    sets = [(dataset.validation, dataset.name, dataset.digest)]
    if args.elsewhere is not None:
        other = elsewhere.load(args.elsewhere, args.labels, config, args.name)
        sets.append((other.split, other.name, other.digest))
    found: list[Baseline] = []
    for split, name, digest in sets:
        print(f"{len(split.labels)} photographs of {name}")
        for one in score(fitted, split, name, digest):
            found.append(one)
            print(_line(one), flush=True)
    with writing(f"--out {args.out}"):
        write(found, args.out / FILE)
    print(f"written: {args.out / FILE}")


def _line(one: Baseline) -> str:
    score = one.scores
    low, high = one.wilson
    area = "undefined" if score.auc is None else f"{score.auc:.3f}"
    return (
        f"{one.name:30} {100 * score.accuracy:6.2f}%  (95% Wilson {100 * low:.2f} to "
        f"{100 * high:.2f}, n = {score.n})  loss {score.loss:.4f}  AUC {area}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
