"""The options of what a config names, checked against the signature of what is named.

A network or an optimiser states its options as keyword-only parameters with a type and a
default: `pool_to: Annotated[int, Field(ge=1)] | None = None` is `model.pool_to` of a config.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BeforeValidator, ConfigDict, create_model

from pm_cls.config.kinds import as_number
from pm_cls.config.reading import validated
from pm_cls.runtime.errors import UsageError

Named = TypeVar("Named")


def chosen(known: Mapping[str, Named], key: str, name: str) -> Named:
    """What `name` names; UsageError, with the known names, where it names nothing.

    Args:
        key: of the config, as `model.name`.
    """
    if name not in known:
        raise UsageError(f"`{key}` is {name!r}; known: {', '.join(known)}")
    return known[name]


def checked(
    function: Callable[..., Any], section: str, name: str, given: Mapping[str, object]
) -> dict[str, Any]:
    """Options in the types that the function's keyword-only parameters ask for.

    Args:
        section: of the config, for messages; `name` what its `name` names.
        given: by option; the parameters that are not among them keep their defaults.

    Raises:
        UsageError: no such option, or a value that does not fit.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    accepted = {
        p.name: Any if p.annotation is p.empty else p.annotation
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    }
    for option in given:
        if option not in accepted:
            close = difflib.get_close_matches(option, accepted, n=1)
            advice = f"; did you mean `{section}.{close[0]}`?" if close else ""
            raise UsageError(f"`{section}.{option}` is no key of {name}{advice}")
    fields: dict[str, Any] = {option: (_strict(accepted[option]), ...) for option in given}
    # A text option may be 2024, which YAML reads as a number.
    settings = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    model = create_model("Options", __config__=settings, **fields)
    return dict(validated(model, given, prefix=f"{section}."))


def _strict(accepted: Any) -> Any:
    """What is a number takes no true or false, which pydantic reads as 1 or 0."""
    kinds = set(_kinds(accepted))
    is_number = kinds & {int, float} and bool not in kinds
    return Annotated[accepted, BeforeValidator(as_number)] if is_number else accepted


def _kinds(accepted: Any) -> Iterator[Any]:
    """A type, and those that it is made of."""
    yield accepted
    for part in get_args(accepted):
        yield from _kinds(part)
