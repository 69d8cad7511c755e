"""Which weights answer after an epoch: the last ones, or others, judged on held-out images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import paddle
from paddle import nn

from pm_cls.config.schema import TrainConfig

Loss = Callable[[], float]  # of the network as it is, over the held-out images


class Answering:
    """The weights beside the network's own that `train.weights` asks for.

    best: those of the epoch with the least held-out loss so far, which is early stopping (the run
    goes on to its end). average: w <- d w + (1 - d) (weights after the step), with d from
    `train.average_decay`, less in the first steps; they answer where their loss is less.
    """

    def __init__(self, config: TrainConfig, model: nn.Layer) -> None:
        self._kind, self._decay, self._model = config.weights, config.average_decay, model
        self._least = float("inf")
        self._kept: dict[str, paddle.Tensor] = {}
        self.begin()

    def begin(self) -> None:
        """Begin with the weights as they are."""
        if self._kind != "last":
            self._keep()

    def state_dict(self) -> dict[str, paddle.Tensor]:
        if self._kind == "last":
            return {}
        least = paddle.to_tensor(np.array([self._least], np.float64))
        return {"least": least, **{f"kept.{name}": value for name, value in self._kept.items()}}

    def set_state_dict(self, state: dict[str, np.ndarray]) -> None:
        if self._kind != "last":
            self._least = float(np.asarray(state["least"])[0])
            self._kept = {name: paddle.to_tensor(state[f"kept.{name}"]) for name in self._kept}

    @paddle.no_grad()
    def after_step(self, made: int) -> None:
        """Bring the average nearer to the weights, after so many steps of the run."""
        if self._kind == "average":
            decay = min(self._decay, made / (made + 9))
            for name, value in self._model.state_dict().items():
                self._kept[name] = decay * self._kept[name] + (1 - decay) * value

    @contextmanager
    def in_place(self, held_out_loss: Loss) -> Iterator[None]:
        """The network with the weights that answer after this epoch; afterwards as it was."""
        if self._kind == "last":
            yield
            return
        own, loss = _copied(self._model), held_out_loss()
        if self._kind == "best" and loss < self._least:
            self._least = loss
            self._keep()
        try:
            self._model.set_state_dict(self._kept)
            if self._kind == "average" and held_out_loss() >= loss:
                self._model.set_state_dict(own)
            yield
        finally:
            self._model.set_state_dict(own)

    def _keep(self) -> None:
        self._kept = _copied(self._model)


def _copied(model: nn.Layer) -> dict[str, paddle.Tensor]:
    return {name: value.clone().detach() for name, value in model.state_dict().items()}
