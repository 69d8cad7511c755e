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
    assert factors("step", steps=6, times=2, factor=0.5) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert factors("step", steps=5, times=9, factor=0.5)[-1] == 0.5**8  # more falls than steps
    np.testing.assert_allclose(factors("exponential", 4, final=0.0625), [1, 0.5, 0.25, 0.125])
    np.testing.assert_allclose(factors("cosine", 4, final=0.2), [1, 0.883, 0.6, 0.317], atol=5e-4)
    one_cycle = factors("one_cycle", 10, first=0.1, peak_at=0.4, final=0.0)
    np.testing.assert_allclose(
        one_cycle, [0.1, 0.232, 0.55, 0.868, 1, 0.933, 0.75, 0.5, 0.25, 0.067], atol=5e-4
    )


def test_warm_up_rises_to_any_schedule():
    np.testing.assert_allclose(factors("constant", 10, warm_up=0.4), [0.25, 0.5, 0.75] + [1] * 7)
    plain, warm = factors("cosine", 8), factors("cosine", 8, warm_up=0.5)
    np.testing.assert_allclose(np.array(warm) / plain, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_wrong_ones_are_told():
    with pytest.raises(
        UsageError, match=r"`schedule\.name` is 'cosinus'; known: constant, inverse_time, step"
    ):
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
