"""What a batch of training images asks of a network: labels, their weights, and the loss."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import LossConfig
from pm_cls.data import Spec
from pm_cls.models.taps import last_linear
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.target import Several
from pm_cls.train.losses import LOSSES

# Logits; those of auxiliary heads after them.
Outputs: TypeAlias = "paddle.Tensor | list[paddle.Tensor]"

AUXILIARY_SHARE = 0.3  # of each auxiliary head (Szegedy et al. 2015)


class Objective:
    """The loss of a config's `loss` section, for a network and the data's spec.

    Raises:
        UsageError: no such loss or option, or one that the data or the network cannot have.
    """

    def __init__(self, config: LossConfig, spec: Spec, model: nn.Layer) -> None:
        loss = chosen(LOSSES, "loss.name", config.name)
        self._options = checked(loss, "loss", config.name, config.options())
        self._loss, self._config, self._target = loss, config, spec.target
        if config.class_weights != "none" and isinstance(spec.target, Several):
            raise UsageError("`loss.class_weights` go by the class; the images have several labels")
        self._weights: np.ndarray | None = None  # by class
        self._centres = Centres(spec, model) if config.centre else None

    def state_dict(self) -> Mapping[str, paddle.Tensor]:
        return {} if self._centres is None else self._centres.state_dict()

    def set_state_dict(self, state: Mapping[str, paddle.Tensor]) -> None:
        if self._centres is not None:
            self._centres.set_state_dict(dict(state))

    def weigh(self, labels: np.ndarray) -> None:
        """Take the weights of the classes from the labels that are trained on.

        Of `balanced`: n / (k n_c), which is one on the mean over the images.
        """
        if self._config.class_weights == "balanced":
            counts = np.bincount(labels, minlength=max(self._target.outputs, 2))
            self._weights = (
                len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
            ).astype(np.float32)

    def __call__(self, outputs: Outputs, labels: np.ndarray) -> paddle.Tensor:
        """The mean loss of a batch.

        Args:
            outputs: what the network gives in training: logits, or a list of them, of which those
                after the first are of auxiliary heads and count a share each.
            labels: int64, as the target says.
        """
        return self._each(outputs, labels).mean()

    def mixed(
        self, outputs: Outputs, labels: np.ndarray, others: np.ndarray, shares: np.ndarray
    ) -> paddle.Tensor:
        """The mean loss of images that are mixed: of both labels, in these shares of the first."""
        share = paddle.to_tensor(shares.astype(np.float32))
        both = share * self._each(outputs, labels) + (1 - share) * self._each(outputs, others)
        return both.mean()

    def _each(self, outputs: Outputs, labels: np.ndarray) -> paddle.Tensor:
        main, *auxiliary = outputs if isinstance(outputs, list) else [outputs]
        total = self._of_logits(main, labels)
        for logits in auxiliary:
            total = total + AUXILIARY_SHARE * self._of_logits(logits, labels)
        if self._centres is not None:
            total = total + self._config.centre * self._centres(labels)
        return total if self._weights is None else total * paddle.to_tensor(self._weights[labels])

    def _of_logits(self, logits: paddle.Tensor, labels: np.ndarray) -> paddle.Tensor:
        return self._loss(logits.astype("float32"), labels, self._target, **self._options)


class Centres(nn.Layer):
    """Centre loss (Wen et al. 2016): half the squared distance of features to their class's centre.

    The features are what the last linear layer of the network takes. The centres, at zero in the
    beginning, follow the features of each batch: by `RATE` of the way, less where a class has few.
    """

    RATE = 0.5  # alpha of the paper

    def __init__(self, spec: Spec, model: nn.Layer) -> None:
        super().__init__()
        outputs = spec.target.outputs
        if isinstance(spec.target, Several):
            raise UsageError("`loss.centre` goes by the class; the images have several labels")
        last = last_linear(model, outputs, "`loss.centre`")
        self.register_buffer("centres", paddle.zeros([max(outputs, 2), last.weight.shape[0]]))
        self._features: paddle.Tensor | None = None
        last.register_forward_pre_hook(self._note)

    def _note(self, layer: nn.Layer, given: tuple[paddle.Tensor, ...]) -> None:
        self._features = given[0]

    def forward(self, labels: np.ndarray) -> paddle.Tensor:
        """float32 [n]: of the images that went through the network last; moves the centres."""
        assert self._features is not None
        features, of = self._features.astype("float32"), paddle.to_tensor(labels)
        distances = ((features - F.embedding(of, self.centres)) ** 2).sum(axis=1) / 2
        self._follow(features.detach(), of)
        return distances

    @paddle.no_grad()
    def _follow(self, features: paddle.Tensor, labels: paddle.Tensor) -> None:
        member = F.one_hot(labels, self.centres.shape[0])  # [n, classes]
        counts = member.sum(axis=0).unsqueeze(1)
        away = counts * self.centres - paddle.matmul(member, features, transpose_x=True)
        self.centres.set_value(self.centres - self.RATE * away / (1 + counts))
