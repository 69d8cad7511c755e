"""The learning rate of each step."""

import numpy as np
import pytest

from pm_cls.config.schema import ScheduleConfig
from pm_cls.runtime.errors import UsageError
from pm_cls.train import train
from pm_cls.train.schedules import build_schedule


def factors(name, steps=5, **options):
    schedule = build_schedule(ScheduleConfig(name=name, **options), steps)
    return [schedule(done) for done in range(steps)]


def test_factors():
    assert factors("constant") == [1] * 5
    assert factors("inverse_time", decay=0.5) == [1, 1 / 1.5, 1 / 2, 1 / 2.5, 1 / 3]


def test_wrong_ones_are_told():
    with pytest.raises(UsageError, match=r"`schedule\.name` is 'cosinus'; known: constant"):
        factors("cosinus")
    with pytest.raises(UsageError, match=r"`schedule\.decay` is no key of constant"):
        factors("constant", decay=1)
    with pytest.raises(UsageError, match=r"schedule\.decay"):
        factors("inverse_time", decay=-1)


def test_training_takes_the_rate_of_each_step(tiny_config, tmp_path, monkeypatch):
    """Three steps an epoch: the rates go on from one to the next."""
    seen = []
    from paddle.optimizer import Momentum

    original = Momentum.set_lr
    monkeypatch.setattr(
        Momentum, "set_lr", lambda self, rate: (seen.append(rate), original(self, rate))
    )
    config = tiny_config("schedule.name=inverse_time", "schedule.decay=1", "train.epochs=2")
    train(config, tmp_path, "cpu")
    np.testing.assert_allclose(seen, 0.001 / np.arange(1, len(seen) + 1))
    assert len(seen) == 2 * -(-24 // config.train.batch_size)
