"""The kinds of values that keys have."""

from typing import Annotated

from pydantic import BeforeValidator, Field


def as_number(value: object) -> object:
    """Before it is read as a number: ValueError where it is true or false, or holds one."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    for one in value if isinstance(value, list) else ():
        as_number(one)
    return value  # pydantic reads "1e-3", which YAML leaves a string, as the number


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Whole = Annotated[int, BeforeValidator(as_number)]
Count = Annotated[Whole, Field(ge=1, le=1_000_000)]
Real = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
# What a key may be in a table of all keys, as `Config.flat` gives it.
Value = str | int | float | bool | None | list[int] | list[str]
