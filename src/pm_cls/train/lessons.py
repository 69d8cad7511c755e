"""What each epoch goes through: which images, in what order, how changed, and what is asked."""

import math
from collections.abc import Callable

import numpy as np
import paddle
from paddle import nn

from pm_cls.config import Config
from pm_cls.data import Split, order
from pm_cls.data.augmentation import MIXUP, Augmentation
from pm_cls.data.transforms import to_float
from pm_cls.models.blocks.normalisation import takes_two
from pm_cls.runtime.errors import UsageError
from pm_cls.train.objective import Objective, Outputs
from pm_cls.train.schedules import build_schedule


class Lessons:
    """The training images of a run, as its config goes through them.

    Attributes:
        kept, held_out: int64, the places that are trained on, and those that are not.

    Raises:
        UsageError: the labels do not go with the settings.
    """

    def __init__(self, config: Config, split: Split, objective: Objective) -> None:
        self._config, self._split, self._objective = config, split, objective
        train, n = config.train, len(split.labels)
        self._order = order.check(train.order, split.labels)
        if config.loss.class_weights == "balanced" and self._order in order.BY_CLASS:
            raise UsageError(
                f"`train.order` {train.order} shows all classes alike already; with "
                "`loss.class_weights` balanced the rare ones would count twice"
            )
        if MIXUP in train.augmentation and self._order in order.BY_CLASS:
            raise UsageError(
                f"`train.order` {train.order} shows all classes alike, and the second image of "
                "`train.augmentation.mixup` is any training image; use one"
            )
        kept = order.kept(split, train.hold_out, config.seed)
        self.kept = order.thinned(kept, split.labels, train.thinned, config.seed)
        self.held_out = order.held_out(split, train.hold_out, config.seed)
        if train.hold_out and not len(self.held_out):
            enough = f"{math.ceil(1000 / n) / 1000} holds one out" if n > 1 else "two are needed"
            if split.patients is not None and len(set(split.patients)) == 1:
                enough = "they are of one patient, whose images stay together"
            raise UsageError(
                f"`train.hold_out` {train.hold_out} of {n} training images is none; {enough}"
            )
        objective.weigh(split.labels[self.kept])
        self._augmentation = Augmentation(train.augmentation, split.images, self.kept, config.seed)
        self.steps = math.ceil(len(self.places(1)) / train.batch_size)  # of any epoch
        self._schedule = build_schedule(config.schedule, self.steps * train.epochs)

    def check_batches(self, model: nn.Layer) -> None:
        """Raise UsageError where a batch is too small for the network."""
        shown, size = len(self.places(1)), self._config.train.batch_size
        is_in_steps = self._config.train.fit == "steps"
        one = paddle.to_tensor(to_float(self._split.images[:1]))
        if is_in_steps and (shown - 1) % size == 0 and takes_two(model, one):
            raise UsageError(
                f"`train.batch_size` {size} leaves one of the {shown} training images for the last "
                "batch, where batch normalisation would see a single value; another size will do"
            )

    def places(self, epoch: int) -> np.ndarray:
        """int64, the places of the images of an epoch, in order."""
        labels = self._split.labels[self.kept]
        drawn = self._order(labels, self._config.train.batch_size, self._config.seed, epoch)
        return self.kept[drawn]

    def images(self, epoch: int) -> Callable[[np.ndarray], np.ndarray]:
        """By their places images as they are shown in an epoch, uint8."""
        return lambda batch: self._augmentation.images(batch, epoch)

    def loss(self, epoch: int) -> Callable[[Outputs, np.ndarray], paddle.Tensor]:
        """The mean loss of a batch by what the network gives for these places."""
        labels = self._split.labels

        def of_batch(outputs: Outputs, batch: np.ndarray) -> paddle.Tensor:
            if MIXUP not in self._config.train.augmentation:
                return self._objective(outputs, labels[batch])
            others, shares = self._augmentation.partners(batch, epoch)
            return self._objective.mixed(outputs, labels[batch], labels[others], shares)

        return of_batch

    def made(self, epoch: int, step: int) -> int:
        """Steps of the run that are made after so many of an epoch."""
        return self.steps * (epoch - 1) + step

    def rate(self, epoch: int) -> Callable[[int], float]:
        """The learning rate by the number of steps made in an epoch."""
        rate = self._config.optimizer.learning_rate
        return lambda step: rate * self._schedule(self.made(epoch, step))
