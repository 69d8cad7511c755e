"""Simple answers that any network must beat, on the same photographs. Needs no Paddle.

    python -m pm_cls.baselines --data data/ichallenge_pm

Logistic regression on a few numbers of each photograph; C is chosen by five-fold log loss on the
training photographs alone. Writes baselines.csv, which the report reads.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pm_cls.config import DataConfig
from pm_cls.data import Dataset, Split, load_dataset
from pm_cls.data.photographs import external
from pm_cls.data.photographs.images import field_of_view
from pm_cls.records.baselines import FILE, Baseline, read, write
from pm_cls.runtime.command import add_labels, check_labels, new_parser, run_command
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.files import writing
from pm_cls.runtime.paths import OUT, check_folder, typed_path
from pm_cls.runtime.wording import counted
from pm_cls.scores import metrics
from pm_cls.scores.target import Binary

FOLDS = 5
OUTLINE_SIDE = 16


@dataclass(frozen=True)
class Fitted:
    """A fitted answer: `logits(images)` takes uint8 [n, 3, h, w] and gives float [n, 1]."""

    name: str
    numbers: int
    logits: Callable[[np.ndarray], np.ndarray]


def as_seen(data: DataConfig) -> DataConfig:
    """The same photographs as they are by default: whole, with their colours, of 224 pixels."""
    plain = DataConfig()
    changed = ("image_size", "channel_order", "field_of_view", "colour")
    return data.model_copy(update={key: getattr(plain, key) for key in changed})


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


def fit(train: Split, names: Iterable[str] = FEATURES) -> list[Fitted]:
    """Fit the constant answer (the prior of the training set) and each of the names in FEATURES.

    Raises:
        DataError: fewer than FOLDS training photographs of a class.
    """
    counts = np.bincount(train.labels, minlength=2)
    if counts.min() < FOLDS:
        raise DataError(
            f"{counts.min()} training photographs of a class; {FOLDS} or more of both are needed"
        )
    prior = float(np.log(counts[1] / counts[0]))
    constant = Fitted("constant answer", 0, lambda images: np.full((len(images), 1), prior))
    return [constant, *(_fit_regression(train, name) for name in names)]


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
        scores = metrics.scores(one.logits(split.images), split.labels, Binary())
        yield Baseline(one.name, one.numbers, dataset, digest, scores)


def write_missing(datasets: Mapping[DataConfig, Dataset], out: Path) -> None:
    """Write the baselines of the photographs of a study into `out`, unless they stand there.

    They see the photographs whole and in one size, whatever the runs see of them.
    """
    kinds = ((data, one.spec) for data, one in datasets.items())
    told = (data for data, spec in kinds if spec.of_photographs and spec.target == Binary())
    if (data := next(map(as_seen, told), None)) is None:
        return
    dataset = datasets.get(data) or load_dataset(data)
    file = out / FILE
    if any(one.digest == dataset.digest for one in read(file)):
        return
    try:
        fitted = fit(dataset.train)
        scored = list(score(fitted, dataset.validation, dataset.name, dataset.digest))
    except DataError as error:
        print(f"baselines: left out, {error}")
        return
    with writing(f"--out {out}"):
        write(scored, file)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("baselines", __doc__)
    parser.add_argument("--data", type=typed_path, required=True, help="folder of the photographs")
    parser.add_argument("--out", type=typed_path, default=OUT, help=f"default: {OUT}")
    parser.add_argument(
        "--elsewhere",
        type=typed_path,
        metavar="FOLDER",
        help="score on the photographs of this folder too, which --labels names",
    )
    add_labels(parser)
    args = parser.parse_args(arguments)
    check_labels(args, "--elsewhere", args.elsewhere)
    check_folder("--out", args.out)
    config = DataConfig(root=str(args.data))
    dataset = load_dataset(config)
    fitted = fit(dataset.train)
    sets = [(dataset.validation, dataset.name, dataset.digest)]
    if args.elsewhere is not None:
        other = external.load(args.elsewhere, args.labels, config, args.name)
        if other.name == dataset.name:
            raise UsageError(
                f"--elsewhere {args.elsewhere}: is called {other.name}, as the photographs of "
                "--data; --name gives it another name"
            )
        sets.append((other.split, other.name, other.digest))
    found: list[Baseline] = []
    for split, name, digest in sets:
        print(f"{name}: {counted(len(split.labels), 'photograph')}")
        for one in score(fitted, split, name, digest):
            found.append(one)
            print(_line(one), flush=True)
    with writing(f"--out {args.out}"):
        write(found, args.out / FILE)
    print(f"written: {args.out / FILE}")


def _line(one: Baseline) -> str:
    score = one.scores
    low, high = score.wilson
    area = "undefined" if score.auc is None else f"{score.auc:.3f}"
    return (
        f"{one.name:30} {100 * score.accuracy:6.2f}%  (95% Wilson {100 * low:.2f} to "
        f"{100 * high:.2f}, n = {score.n})  loss {score.loss:.4f}  AUC {area}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
