"""Intervals and paired tests, from SciPy. Fractions in, fractions out.

Between runs: what another seed does. Within a run: what other photographs would do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 1000  # of the bootstrap, from a fixed seed: equal scores, equal interval
AT_ONCE = 2_000_000  # resampled scores in memory: some 300 MB


@dataclass(frozen=True)
class Summary:
    """Of n runs: the mean, the SD (ddof 1), and two t-intervals of CONFIDENCE.

    `mean_interval` is that of the mean, `new_interval` the prediction interval of one new run.
    None where there are fewer than two runs.
    """

    n: int
    mean: float
    sd: float | None
    mean_interval: tuple[float, float] | None
    new_interval: tuple[float, float] | None


@dataclass(frozen=True)
class PairedT:
    """Paired t test over n pairs, two-sided: `p` is None where no pair differs."""

    n: int
    difference: float
    interval: tuple[float, float]
    p: float | None


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test on the same images: how many only one of two networks gets right.

    `p` is None where there is no such image.
    """

    only_first: int
    only_second: int
    p: float | None


def summarise(values: Sequence[float]) -> Summary:
    """Summarise one value of each run; one run has a mean and nothing else.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("no values to summarise")
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return Summary(n, mean, None, None, None)
    sd = 0.0 if min(values) == max(values) else float(np.std(values, ddof=1))
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    of_mean, of_new = t * sd / n**0.5, t * sd * (1 + 1 / n) ** 0.5
    return Summary(n, mean, sd, (mean - of_mean, mean + of_mean), (mean - of_new, mean + of_new))


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson score interval of a fraction of n images, at CONFIDENCE."""
    interval = stats.binomtest(correct, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def auc_interval(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float] | None:
    """Bootstrap percentile interval of the AUC at CONFIDENCE, resampled within each class.

    Args:
        scores: float [n], higher for label 1.
        labels: int [n], 0 or 1.

    Returns:
        None where a class has fewer than two images.
    """
    positive, negative = scores[labels == 1], scores[labels == 0]
    if min(len(positive), len(negative)) < 2:
        return None
    interval = stats.bootstrap(
        (positive, negative),
        _auc,
        n_resamples=RESAMPLES,
        batch=max(1, min(RESAMPLES, AT_ONCE // len(scores))),
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _auc(positive: np.ndarray, negative: np.ndarray, axis: int = -1) -> np.ndarray:
    """The share of the pairs in which the positive one has the higher rank; the images lie last."""
    n = positive.shape[-1]
    ranks = stats.rankdata(np.concatenate([positive, negative], axis=-1), axis=-1)
    return (ranks[..., :n].sum(axis=-1) - n * (n + 1) / 2) / (n * negative.shape[-1])


def paired_t(first: Sequence[float], second: Sequence[float]) -> PairedT:
    """Whether `first` exceeds `second`, pair by pair; at least two pairs.

    Where every pair differs by the same amount, p is 0.
    """
    differences = np.subtract(first, second)
    summary = summarise(list(differences))
    if summary.mean_interval is None:
        raise ValueError("a paired t test needs two pairs or more")
    if not differences.any():
        p = None
    elif np.ptp(differences) < 1e-12:
        p = 0.0
    else:
        p = float(stats.ttest_rel(first, second).pvalue)
    return PairedT(summary.n, summary.mean, summary.mean_interval, p)


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the order given."""
    order = np.argsort(ps, kind="stable")
    steps = [min((len(ps) - place) * ps[i], 1.0) for place, i in enumerate(order)]
    corrected = [0.0] * len(ps)
    for i, p in zip(order, np.maximum.accumulate(steps), strict=True):
        corrected[i] = float(p)
    return corrected


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> McNemar:
    """Compare which images, bool [n] each, two networks get right."""
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    discordant = only_first + only_second
    p = float(stats.binomtest(only_first, discordant).pvalue) if discordant else None
    return McNemar(only_first, only_second, p)
