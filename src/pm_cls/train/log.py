"""The log of a run, and what it and the record say of the data."""

import logging
import sys
from pathlib import Path

import numpy as np

from pm_cls.config import SYNTHETIC
from pm_cls.data import Dataset
from pm_cls.records import environment

log = logging.getLogger("pm_cls")


def log_to(path: Path) -> None:
    """Log to the terminal and to a file from now on, and to no other."""
    log.setLevel(logging.INFO)
    log.propagate = False  # Paddle gives the root logger a handler of its own
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    log.addHandler(logging.StreamHandler(sys.stdout))
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.handleError = lambda record: None  # type: ignore[method-assign]  # as on a full disk
    log.addHandler(to_file)


def close_file() -> None:
    """Log to the terminal alone from now on."""
    for handler in log.handlers[:]:
        if isinstance(handler, logging.FileHandler):
            log.removeHandler(handler)
            handler.close()


def repeated(data: Dataset) -> str:
    """The photographs that stand more than once, in words."""
    return ", ".join(" = ".join(group) for group in data.repeated or [])


def tell_of(data: Dataset) -> None:
    """Log what people should know of the data."""
    if pairs := repeated(data):
        log.info(f"note: photographs stand more than once: {pairs}")
    if len(np.unique(data.validation.labels, axis=0)) == 1:
        log.info("note: the validation set has one class only, so its AUC is undefined")
    for note in data.notes:
        log.info(f"note: {note}")
    if data.name == SYNTHETIC:
        log.info("note: SYNTHETIC photographs; the figures say nothing about the thesis")


def recorded(data: Dataset) -> environment.Data:
    """What the record says of the data."""
    return environment.Data(
        name=data.name,
        digest=data.digest,
        counts={split: dict(counts) for split, counts in data.counts.items()},
        official=data.official,
        repeated=None if data.repeated is None else [list(group) for group in data.repeated],
        limit=data.limit,
    )
