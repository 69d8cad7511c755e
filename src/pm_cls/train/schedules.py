"""How the learning rate changes from step to step. A new schedule is a function and a line here.

A factor of `optimizer.learning_rate` follows from the number of the step alone, so that a run that
goes on needs no state of it.
"""

import math
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import ScheduleConfig

FINAL = "Share of `optimizer.learning_rate` at the end."
Final = Annotated[float, Field(ge=0, lt=1, description=FINAL)]
Schedule = Callable[[int], float]  # the number of steps made -> the factor of the next one


def constant(steps: int) -> Schedule:
    """One."""
    return lambda done: 1.0


def inverse_time(
    steps: int,
    *,
    decay: Annotated[
        float, Field(ge=0, description="That a step adds to what it is divided by.")
    ] = 1e-6,
) -> Schedule:
    """1 / (1 + decay x steps made), as Keras' `decay`."""
    return lambda done: 1 / (1 + decay * done)


def step(
    steps: int,
    *,
    times: Annotated[int, Field(ge=1, description="How often it falls.")] = 2,
    factor: Annotated[float, Field(gt=0, lt=1, description="By which it falls each time.")] = 0.1,
) -> Schedule:
    """Times `factor` after each of the `times` + 1 equal parts of the run but the last."""
    return lambda done: factor ** (done * (times + 1) // steps)


def exponential(
    steps: int, *, final: Annotated[float, Field(gt=0, lt=1, description=FINAL)] = 0.01
) -> Schedule:
    """By the same factor each step, `final` at the end."""
    return lambda done: final ** (done / steps)


def cosine(steps: int, *, final: Final = 0.0) -> Schedule:
    """Half a wave of the cosine from 1 to `final` (Loshchilov and Hutter 2017)."""
    return lambda done: _along_cosine(1, final, done / steps)


def one_cycle(
    steps: int,
    *,
    first: Annotated[float, Field(gt=0, lt=1, description="Share it begins with.")] = 0.04,
    peak_at: Annotated[float, Field(gt=0, lt=1, description="Share of the run until 1.")] = 0.3,
    final: Final = 4e-6,
) -> Schedule:
    """Along the cosine from `first` to 1 at a share of the run, then to `final` (Smith 2018)."""

    def factor(done: int) -> float:
        share = done / steps
        if share < peak_at:
            return _along_cosine(first, 1, share / peak_at)
        return _along_cosine(1, final, (share - peak_at) / (1 - peak_at))

    return factor


def _along_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "inverse_time": inverse_time,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


def build_schedule(config: ScheduleConfig, steps: int) -> Schedule:
    """The schedule that the config's `schedule` section names; its options are keywords.

    Args:
        steps: of the whole run.

    Raises:
        UsageError: there is none of that name, or it does not have an option.
    """
    make = chosen(SCHEDULES, "schedule.name", config.name)
    factor = make(steps, **checked(make, "schedule", config.name, config.options()))
    rising = config.warm_up * steps
    return lambda done: factor(done) * (min(1, (done + 1) / rising) if rising else 1)
