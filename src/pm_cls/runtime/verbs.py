"""Verbs that are modules and functions by one name: `python -m pm_cls.train`, `pm_cls.train(...)`.

Importing a submodule puts it in its package under its name, where a function would be expected.
So such a module can be called, and calls its function.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    __wrapped__: Callable[..., Any]  # whose signature is shown

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.__wrapped__(*arguments, **keywords)


def callable_as(function: Callable[..., Any]) -> None:
    """Let the module of a function be called in its place."""
    module = sys.modules[function.__module__]
    module.__class__ = _Callable
    module.__dict__["__wrapped__"] = function
