"""A finished run that answers: photographs or arrays -> logits -> predictions.

run = pm_cls.load_run("runs/lenet7_relu/seed0")
for one in run.predict(["photo.jpg", "folder"]):
    print(one.name, one.probability)
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from paddle import nn
from PIL import Image
from tqdm import tqdm

from pm_cls.config import SYNTHETIC, Config, DataConfig, stored_digest
from pm_cls.data import DATASETS, Dataset, Spec, spec_of
from pm_cls.data.photographs.colours import BadPhotograph
from pm_cls.data.photographs.images import decode, nearly_black
from pm_cls.data.photographs.views import sampler
from pm_cls.data.transforms import in_order
from pm_cls.models.build import build
from pm_cls.models.forward import logits_of, with_features
from pm_cls.models.given import each_of, note, photograph_files, photographs_of
from pm_cls.models.taps import last_linear
from pm_cls.models.weights import load_weights
from pm_cls.records import calibration, result
from pm_cls.records import folder as places
from pm_cls.runtime.errors import DataError, Diverged, UsageError
from pm_cls.runtime.wording import counted
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.familiarity import Familiar
from pm_cls.scores.target import Binary

BLOCK = 64  # photographs that are in memory at a time, in whole batches

Path_ = str | Path
Photographs = Path_ | np.ndarray | Sequence[Path_] | Sequence[np.ndarray]


@dataclass(frozen=True)
class Prediction:
    """The answer to one image.

    Attributes:
        name: its path, or its place among the arrays.
        label: 1 from a probability of one half on, or from the threshold that the run stored, else
            0; of k classes the most probable.
        probability: of label 1; of k classes that of the label.
        logit: what the network gave; of k classes all of them.
        is_sure: whether all but this answer is ruled out; None where the run does not know, as
            one that held no training images out.
        is_unlike: whether the image is unlike all that the network was trained on; None as above.
        class_name: of the label; None where the run knows no names.
    """

    name: str
    label: int
    probability: float
    logit: float | tuple[float, ...]
    is_sure: bool | None = None
    is_unlike: bool | None = None
    class_name: str | None = None


class Run:
    """A finished run with the weights of one of its reported epochs.

    Attributes:
        folder, config: of the run.
        epoch: whose weights answer.
        spec: what the network takes and gives.
    """

    def __init__(self, folder: Path, config: Config, epoch: int | None = None) -> None:
        kept = config.train.report_epochs
        self.folder, self.config, self.epoch = folder, config, kept[-1] if epoch is None else epoch
        if self.epoch not in kept:
            raise UsageError(f"epoch {epoch}: {folder} keeps {', '.join(map(str, kept))}")
        self.spec: Spec = spec_of(config.data)

    @classmethod
    def read(cls, folder: Path, epoch: int | None = None) -> "Run":
        """The run in a folder; noted is where it answers otherwise than it ended.

        Raises:
            UsageError: no finished run is there, its calibration.json is damaged, or it did not
                keep that epoch.
        """
        run = cls(folder, places.read_config(folder), epoch)
        for told in run._told(epoch):
            print(f"note: {folder}: {told}", file=sys.stderr)
        return run

    def _told(self, asked: int | None) -> Iterator[str]:
        """How it answers otherwise than it ended, by the epoch that was asked for."""
        kept, train = (self.folder / calibration.FILE).is_file(), self.config.train
        if stored_digest(self.folder / places.CONFIG) != result.read(self.folder).config_digest:
            yield f"{places.CONFIG} is not that of its training; the answers may be wrong"
        if asked is None and self.epoch < train.epochs:
            last = f"the last that was kept of {train.epochs}"
            yield f"epoch {self.epoch} answers, {last}; `train.report_epochs` says which are kept"
        elif self._should_know and not kept:
            yield f"answers by one half; {calibration.FILE} is not there"

    @cached_property
    def network(self) -> nn.Layer:
        """The network with its weights; UsageError where they are missing or do not fit."""
        model = build(self.config, self.spec, filled=False)
        load_weights(model, places.weights_file(self.folder, self.epoch))
        return model

    @property
    def is_synthetic(self) -> bool:
        """Whether it was trained on photographs that a program drew."""
        return result.read(self.folder).dataset == SYNTHETIC

    def data_at(self, root: str | Path | None) -> DataConfig:
        """Its data, which may lie in another folder now; UsageError where they lie in none."""
        data = self.config.data
        if root is not None and DATASETS[data.name].is_generated:
            raise UsageError(
                f"{self.folder}: its images, {data.name}, are drawn anew and lie in no folder; "
                f"leave {root} out"
            )
        return data if root is None else data.model_copy(update={"root": str(root)})

    def is_of(self, dataset: Dataset) -> bool:
        """Whether it was trained on these data."""
        return dataset.digest == result.read(self.folder).data_digest

    def check_data(self, dataset: Dataset, root: str | Path | None) -> None:
        """Raise UsageError where data are not those that it was trained on."""
        if not self.is_of(dataset):
            place = self.data_at(root).root
            raise UsageError(f"{self.folder}: was trained on other data than those in {place}")

    def check_validation(self, dataset: Dataset, root: str | Path | None) -> None:
        """Raise UsageError where the validation images may be among those that it learned from.

        So it is where these were drawn, and from other images than when it was trained.
        """
        if dataset.is_split_drawn and not self.is_of(dataset):
            raise UsageError(
                f"{self.folder}: was trained on other images than those now in "
                f"{self.data_at(root).root}, whose validation part would be drawn anew, partly "
                "from what it learned; --data FOLDER --labels FILE.csv scores it on a table"
            )

    @property
    def _should_know(self) -> bool:
        """Whether such a run learns what its answers are worth when it ends."""
        train = self.config.train
        return self.spec.target == Binary() and (train.hold_out > 0 or train.fit == "regression")

    @cached_property
    def calibration(self) -> Calibration | None:
        """What the answers are worth; None where the run does not know."""
        return calibration.read(self.folder, self.config, self.epoch)

    @cached_property
    def familiar(self) -> Familiar | None:
        """The training images as the last layer is given them; None where they are not there."""
        return calibration.read_familiar(self.folder)

    @property
    def threshold(self) -> float:
        """The probability of label 1 from which it is the answer."""
        return 0.5 if self.calibration is None else self.calibration.threshold

    @property
    def files(self) -> list[Path]:
        """All that its answers follow from; some need not be there."""
        worth = [self.folder / name for name in (calibration.FILE, calibration.FAMILIAR)]
        weights = places.weights_file(self.folder, self.epoch)
        return [self.folder / places.CONFIG, weights, *worth]

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float32 [n, outputs] of uint8 images [n, channels, size, size] as the data set has them.

        Their channels are in the order of the config. Diverged where one is no number.
        """
        return self._finite(logits_of(self.network, images, self.config.train.batch_size))

    def _finite(self, logits: np.ndarray) -> np.ndarray:
        if not np.isfinite(logits).all():
            raise Diverged(f"{self.folder}: epoch {self.epoch} answers with NaN or infinity")
        return logits

    def looked_at(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits as of `logits`; and bool [n], which images are unlike those that were trained on.

        None where the run does not know.
        """
        if self.calibration is None or self.familiar is None:
            return self.logits(images), None
        layer, size = last_linear(self.network, 1, str(self.folder)), self.config.train.batch_size
        logits, features = with_features(self.network, layer, images, size)
        if features.shape[1] != len(self.familiar.mean):
            raise UsageError(
                f"{self.folder / calibration.FAMILIAR}: is of {len(self.familiar.mean)} features, "
                f"the last layer is given {features.shape[1]}; it is another run's"
            )
        return self._finite(logits), self.familiar.is_unlike(features)

    def predict(self, photographs: Photographs) -> list[Prediction]:
        """Classify photographs.

        Args:
            photographs: paths of files or of folders of them; or RGB photographs as uint8 arrays
                [height, width, 3], 0 to 255, of any size, one, several, or [n, height, width, 3].
                The same photograph gives the same answer in either form.

        Raises:
            UsageError: an array of another dtype or shape; a network that takes no photographs.
            DataError: no photographs, or bad ones (all are listed).
            RunError: the network answers with NaN or infinity.
        """
        return list(self.stream(photographs))

    def stream(self, photographs: Photographs) -> Iterator[Prediction]:
        """As `predict`, one after the other, with some BLOCK files in memory at a time.

        Where there are bad ones DataError comes at the end, with all of them.
        """
        self.check_photographs()
        given = each_of(photographs)
        if len({isinstance(one, np.ndarray) for one in given}) > 1:
            raise UsageError("photographs are paths or arrays, not both at once")
        if given and isinstance(given[0], np.ndarray):
            yield from self._of_arrays(given)
        else:
            for found, _ in self.answered(photograph_files(given)):
                yield from found

    def check_photographs(self) -> None:
        """Raise UsageError where the network takes no photographs."""
        if not self.spec.of_photographs:
            raise UsageError(
                f"{self.folder}: {self.config.model.name} was trained on {self.config.data.name} "
                "and does not classify photographs"
            )

    def answered(
        self, files: Sequence[str], start: int = 0
    ) -> Iterator[tuple[list[Prediction], np.ndarray]]:
        """Predictions in blocks, each with what the network was shown, uint8 [n, 3, size, size].

        These are RGB. Where there are bad photographs DataError comes at the end, as of `stream`.

        Args:
            start: how many were answered before; a whole number of blocks, so that the batches,
                and with them the last bits, are the same.
        """
        bad: list[str] = []
        shown = tqdm(total=len(files), initial=start, desc="classifying", unit=" photographs",
                     disable=None, leave=False)  # fmt: skip
        with shown:
            for first in range(start, len(files), self._block):
                block = files[first : first + self._block]
                images = self._empty(len(block))
                try:
                    decode(block, images, sampled=sampler(self.config.data), shown=False)
                    if not bad:
                        yield self.shown(block, images), images
                except DataError as error:
                    bad += str(error).splitlines()[1:]
                shown.update(len(block))
        if bad:
            raise DataError("\n".join([f"{counted(len(bad), 'bad photograph')}:", *bad]))

    def _of_arrays(self, arrays: Sequence[np.ndarray]) -> Iterator[Prediction]:
        each = [one for array in arrays for one in photographs_of(array)]
        sampled = sampler(self.config.data)
        for start in range(0, len(each), self._block):
            block = each[start : start + self._block]
            images = self._empty(len(block))
            for row, pixels in enumerate(block):
                try:
                    images[row] = sampled(Image.fromarray(pixels), images.shape[-1])
                except BadPhotograph as error:
                    raise DataError(f"array {start + row} {error}")
            yield from self.shown([str(start + row) for row in range(len(block))], images)

    @property
    def _block(self) -> int:
        size = self.config.train.batch_size
        return max(BLOCK // size, 1) * size

    def _empty(self, n: int) -> np.ndarray:
        size = self.config.data.image_size
        return np.empty((n, self.spec.channels, size, size), np.uint8)

    def shown(self, names: Sequence[str], rgb: np.ndarray) -> list[Prediction]:
        """Predictions of what is sampled already: uint8 [n, 3, size, size] in RGB."""
        dark = nearly_black(rgb)
        note("nearly black", [name for name, is_dark in zip(names, dark, strict=True) if is_dark])
        images, target = in_order(rgb, self.config.data.channel_order), self.spec.target
        if self.calibration is not None:
            return list(self._calibrated(names, images, self.calibration))
        logits = self.logits(images)
        labels, probabilities = target.predicted(logits), target.probabilities(logits)
        found = []
        for name, label, row, each in zip(names, labels, logits, probabilities, strict=True):
            if target.outputs == 1:
                one = Prediction(name, int(label), float(each[1]), float(row[0]))
            else:
                one = Prediction(name, int(label), float(each[label]), tuple(map(float, row)))
            found.append(self._named(one))
        return found

    def _named(self, found: Prediction) -> Prediction:
        """With the name of its class, where the run knows names."""
        classes = self.spec.classes
        return replace(found, class_name=classes[found.label]) if classes else found

    def _calibrated(
        self, names: Sequence[str], images: np.ndarray, worth: Calibration
    ) -> Iterator[Prediction]:
        logits, unlike = self.looked_at(images)
        values = logits[:, 0]
        labels, sure = worth.answers(values), worth.is_sure(values)
        for row, (name, one) in enumerate(zip(names, worth.probabilities(values), strict=True)):
            is_unlike = None if unlike is None else bool(unlike[row])
            label, logit, is_sure = int(labels[row]), float(values[row]), bool(sure[row])
            yield self._named(Prediction(name, label, float(one), logit, is_sure, is_unlike))
