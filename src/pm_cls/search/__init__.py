"""Ranges of settings -> trials, each a run judged on held-out images -> the best config."""

from pm_cls.search.ranges import Search
from pm_cls.search.trials import search

__all__ = ["Search", "search"]
