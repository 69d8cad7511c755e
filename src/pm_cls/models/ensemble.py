"""Several runs that answer together.

An `Ensemble` takes and gives what a `Run` does: images -> logits.
"""

from collections.abc import Sequence

import numpy as np

from pm_cls.data import Dataset
from pm_cls.data.order import held_out
from pm_cls.models.classifier import Run
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.wording import enumerate_names
from pm_cls.scores import ensembles


class Ensemble:
    """Runs whose answers are averaged, counted as votes, or weighed.

    Args:
        runs: finished runs of one kind of data.
        kind: one of `scores.ensembles.KINDS`; `stacking` is fitted on the training images that
            all have held out.
        snapshots: each reported epoch of a run is a member, and not its last alone.
        flips: a member's answer is the mean of those to an image and to its mirror image.

    Raises:
        UsageError: too few members, or runs that do not go together.
    """

    def __init__(
        self, runs: Sequence[Run], kind: str, *, snapshots: bool = False, flips: bool = False
    ) -> None:
        if kind not in ensembles.KINDS:
            raise UsageError(f"ensemble {kind!r}: {', '.join(ensembles.KINDS)} are known")
        if not runs:
            raise UsageError("an ensemble needs runs; none is given")
        first = runs[0]
        for run in runs[1:]:
            keys = [k for k in first.config.differing(run.config) if k.startswith("data.")]
            if keys:
                differ = enumerate_names([f"`{key}`" for key in keys])
                raise UsageError(f"{first.folder} and {run.folder} differ in {differ}")
        if snapshots:
            runs = [
                Run(one.folder, one.config, epoch)
                for one in runs
                for epoch in one.config.train.report_epochs
            ]
        if len(runs) < 2 and not flips:
            raise UsageError(
                f"--ensemble {kind} needs two runs or more, --snapshots of one, or --flips"
            )
        self.runs, self.kind, self.flips, self.spec = list(runs), kind, flips, first.spec
        self.config, self.folder = first.config, first.folder
        self._stacking: ensembles.Stacking | None = None

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float32 [n, outputs] of uint8 images as the data set has them."""
        members, target = self.members(images), self.spec.target
        if self.kind == "average":
            return ensembles.averaged(members, target)
        if self.kind == "vote":
            return ensembles.voted(members, target)
        if self._stacking is None:
            raise UsageError("stacking is fitted first, on the training images held out")
        return self._stacking(members)

    def members(self, images: np.ndarray) -> np.ndarray:
        """float32 [members, n, outputs]."""
        return np.stack([logits_of(run, images, flips=self.flips) for run in self.runs])

    def fit(self, data: Dataset) -> int:
        """Fit the stacking on the training images that every run has held out; their number.

        Raises:
            UsageError: there are none.
        """
        split = data.train
        left = np.arange(len(split.labels))
        for run in self.runs:
            of_run = held_out(split, run.config.train.hold_out, run.config.seed)
            left = np.intersect1d(left, of_run)
        if not len(left):
            raise UsageError(
                "stacking is fitted on training images that no run was trained on; these have none "
                "in common: runs of one seed with the same `train.hold_out` have"
            )
        found = self.members(split.images[left])
        self._stacking = ensembles.fitted(found, split.labels[left], self.spec.target)
        return len(left)


def logits_of(run: Run, images: np.ndarray, *, flips: bool) -> np.ndarray:
    """float32 [n, outputs] of a run; with `flips` the mean with those of the mirror images."""
    straight = run.logits(images)
    if not flips:
        return straight
    return (straight + run.logits(np.ascontiguousarray(images[..., ::-1]))) / np.float32(2)
