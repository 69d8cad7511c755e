"""The state of a run to disk and back, whatever the optimiser keeps of itself."""

from contextlib import contextmanager

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.records.epochs import Epoch
from pm_cls.records.folder import CHECKPOINT
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.metrics import Scores
from pm_cls.train.checkpoint import Progress, State

IMAGES = paddle.to_tensor(np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32))
STEPS = 5  # an epoch


def step_decay():
    return paddle.optimizer.lr.StepDecay(0.1, step_size=3, gamma=0.5)


def warm_up():
    return paddle.optimizer.lr.LinearWarmup(step_decay(), 4, 0.0, 0.1)


def on_plateau():
    return paddle.optimizer.lr.ReduceOnPlateau(0.1, patience=1, factor=0.5)


def momentum(rate, parameters):
    return paddle.optimizer.Momentum(rate, parameters=parameters)


def adam(rate, parameters):
    return paddle.optimizer.Adam(rate, parameters=parameters)


class Job:
    """A network, an optimiser and its rate."""

    def __init__(self, folder, optimizer=momentum, rate=lambda: 0.1, digest="data"):
        paddle.seed(0)
        self.model = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1D(3), nn.Linear(3, 1))
        self.rate = rate()
        self.optimizer = optimizer(self.rate, self.model.parameters())
        self.state = State(folder, self.model, self.optimizer, digest)

    def train(self, epochs):
        self.model.train()
        for _ in range(epochs * STEPS):
            loss = (self.model(IMAGES) ** 2).mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.clear_grad()
            if isinstance(self.rate, paddle.optimizer.lr.ReduceOnPlateau):
                self.rate.step(paddle.to_tensor(1.0))
            elif not isinstance(self.rate, float):
                self.rate.step()

    def bits(self):
        return {name: value.numpy().tobytes() for name, value in self.model.state_dict().items()}


@contextmanager
def process(*arguments, **keywords):
    """A job with the names that Paddle gives in a process of its own."""
    with paddle.utils.unique_name.guard():
        yield Job(*arguments, **keywords)


def line(epoch):
    return Epoch(epoch, 0.7, 0.6, 9, 16, 1.25)


PROGRESS = Progress(2, [line(1), line(2)], {1: Scores(9, 16, 9 / 16, 0.6, None)})


@pytest.mark.parametrize("optimizer", [momentum, adam])
@pytest.mark.parametrize("rate", [step_decay, warm_up, on_plateau])
def test_a_schedule_of_the_rate_goes_on_where_it_was(tmp_path, optimizer, rate):
    with process(tmp_path, optimizer, rate) as undisturbed:
        undisturbed.train(3)
    with process(tmp_path, optimizer, rate) as first:
        first.train(2)
        first.state.save(PROGRESS)
    with process(tmp_path, optimizer, rate) as again:
        assert again.optimizer.get_lr() != first.optimizer.get_lr()
        assert again.state.resume() == PROGRESS
        assert again.bits() == first.bits()
        assert again.rate.last_epoch == first.rate.last_epoch == 2 * STEPS
        assert again.optimizer.get_lr() == first.optimizer.get_lr()
        again.train(1)
    assert again.rate.last_epoch == undisturbed.rate.last_epoch == 3 * STEPS
    assert again.optimizer.get_lr() == undisturbed.optimizer.get_lr()
    assert again.bits() == undisturbed.bits()


@pytest.mark.parametrize("optimizer", [momentum, adam])
def test_a_constant_rate_goes_on_to_the_same_bits(tmp_path, optimizer):
    with process(tmp_path, optimizer) as undisturbed:
        undisturbed.train(2)
    with process(tmp_path, optimizer) as first:
        first.train(1)
        first.state.save(Progress(1, [line(1)]))
    with process(tmp_path, optimizer) as again:
        assert again.state.resume() == Progress(1, [line(1)])
        again.train(1)
    assert again.bits() == undisturbed.bits()


def test_without_a_checkpoint_nothing_is_changed(tmp_path):
    job = Job(tmp_path)
    before = job.bits()
    assert job.state.resume() == Progress() and job.state.last_saved() == 0
    assert job.bits() == before


def test_the_last_two_are_kept(tmp_path):
    job = Job(tmp_path)
    for epoch in range(9, 13):
        job.state.save(Progress(epoch))
    assert {file.name for file in (tmp_path / CHECKPOINT).iterdir()} == {
        "epoch11.json", "epoch11.safetensors", "epoch12.json", "epoch12.safetensors",
    }  # fmt: skip
    assert job.state.last_saved() == 12 and job.state.resume().epoch == 12


def test_a_checkpoint_of_another_network_or_of_other_data_is_not_taken(tmp_path):
    job = Job(tmp_path)
    job.state.save(PROGRESS)
    with pytest.raises(UsageError, match="unfinished run on other data; --restart begins anew"):
        Job(tmp_path, digest="other").state.resume()
    other = nn.Sequential(nn.Linear(6, 4))
    before = other[0].weight.numpy()
    optimizer = paddle.optimizer.SGD(0.1, parameters=other.parameters())
    assert State(tmp_path, other, optimizer, "data").resume() == Progress()
    np.testing.assert_array_equal(other[0].weight.numpy(), before)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("rate", [lambda: 0.1, step_decay])
def test_another_rank_is_filled_with_the_same_state(tmp_path, rate, begun):
    with process(tmp_path, adam, rate) as first:
        if begun:
            first.train(1)
            first.state.save(Progress(1))
        packed = first.state.packed(int(begun))
        first.train(1)
    with process(tmp_path / "other", adam, rate) as other:
        other.state.fill(packed)
        other.train(1)
    assert other.bits() == first.bits()
    assert other.optimizer.get_lr() == first.optimizer.get_lr()
