"""How the learning rate changes from step to step. A new schedule is a function and a line here.

A factor of `optimizer.learning_rate` follows from the number of the step alone, so that a run that
goes on needs no state of it.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import ScheduleConfig

Schedule = Callable[[int], float]  # the number of steps made -> the factor of the next one


def constant(steps: int) -> Schedule:
    """One."""
    return lambda done: 1.0


def inverse_time(steps: int, *, decay: Annotated[float, Field(ge=0)] = 1e-6) -> Schedule:
    """1 / (1 + decay x steps made), as Keras' `decay`."""
    return lambda done: 1 / (1 + decay * done)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "inverse_time": inverse_time,
}


def build_schedule(config: ScheduleConfig, steps: int) -> Schedule:
    """The schedule that the config's `schedule` section names; its options are keywords.

    Args:
        steps: of the whole run.

    Raises:
        UsageError: there is none of that name, or it does not have an option.
    """
    make = chosen(SCHEDULES, "schedule.name", config.name)
    return make(steps, **checked(make, "schedule", config.name, config.options()))
