"""Paths as people type them."""

import os
from pathlib import Path

from pm_cls.runtime.errors import UsageError


def typed_path(text: str) -> Path:
    """The path that a text names: `~` and `~user` are expanded, all else stands for itself.

    It is also the `type` of every option that takes a path, as a shell expands `~` in `--out ~/x`
    and not in `--out=~/x`. A folder whose name is `~` is `./~`.

    Raises:
        UsageError: the text is empty, as an unset variable of a shell leaves it.
    """
    if not text.strip():
        raise UsageError(f"{text!r} is no path; the name of a file or folder is needed")
    return Path(os.path.expanduser(text))  # noqa: PTH111  # pathlib forgets the ./ of ./~
