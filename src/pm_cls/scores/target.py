"""What the columns of the logits mean, and the labels beside them; all else asks it.

| target | labels | logits |
| --- | --- | --- |
| `Binary` | int64 [n], 0 or 1 | [n, 1], of label 1 |
| `Classes(k)` | int64 [n], 0 to k - 1 | [n, k], one of each class |
| `Several(m)` | int64 [n, m], 0 or 1 | [n, m], of label 1 in each of m questions |
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# SciPy is imported where it is used: it takes half a second, which most verbs do not need.

Ranking = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Target(ABC):
    """What a network is to say of an image, with so many logits; one label, unless overridden."""

    outputs: int

    @property
    def label_columns(self) -> list[str]:
        """Names of the labels in a table of predictions."""
        return ["label"]

    @property
    def logit_columns(self) -> list[str]:
        """Names of the logits in a table of predictions."""
        return [f"logit_{i}" for i in range(self.outputs)]

    @abstractmethod
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """float64 [n, classes], which sum to 1; of `Several` [n, m], of label 1 in each."""

    @abstractmethod
    def predicted(self, logits: np.ndarray) -> np.ndarray:
        """The labels that are most probable (1 from 0.5 on), int64 in the shape of labels."""

    def right(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """bool [n]: where the prediction is the label; of `Several`, where all are."""
        return self.predicted(logits) == labels

    @abstractmethod
    def cross_entropy(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """Mean over the images (of `Several` also over the questions) in nats, in float64."""

    @abstractmethod
    def rankings(self, logits: np.ndarray, labels: np.ndarray) -> list[Ranking]:
        """Each question of yes or no in it: bool [n], what is so, and float [n], how surely.

        One of `Binary`, one against the rest for each of `Classes`, each of `Several`.
        """


@dataclass(frozen=True)
class Binary(Target):
    """One question of yes or no, with the logit of yes."""

    outputs: int = 1

    @property
    def logit_columns(self) -> list[str]:
        return ["logit"]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        positive = expit(logits.astype(np.float64))
        return np.concatenate([1 - positive, positive], axis=1)

    def predicted(self, logits: np.ndarray) -> np.ndarray:
        return (logits[:, 0] >= 0).astype(np.int64)

    def cross_entropy(self, logits: np.ndarray, labels: np.ndarray) -> float:
        both = np.concatenate([np.zeros_like(logits), logits], axis=1)
        return Classes(2).cross_entropy(both, labels)

    def rankings(self, logits: np.ndarray, labels: np.ndarray) -> list[Ranking]:
        return [(labels == 1, logits[:, 0])]


class Classes(Target):
    """One of k classes, with a logit for each."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        from scipy.special import softmax

        return softmax(logits.astype(np.float64), axis=1)

    def predicted(self, logits: np.ndarray) -> np.ndarray:
        return logits.argmax(axis=1)

    def cross_entropy(self, logits: np.ndarray, labels: np.ndarray) -> float:
        from scipy.special import log_softmax

        log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
        return float(-log_probabilities[np.arange(len(labels)), labels].mean())

    def rankings(self, logits: np.ndarray, labels: np.ndarray) -> list[Ranking]:
        """How surely by the log odds, since probabilities near one are told apart no more."""
        from scipy.special import logsumexp

        logits = logits.astype(np.float64)
        others = (logsumexp(np.delete(logits, i, axis=1), axis=1) for i in range(self.outputs))
        return [(labels == i, logits[:, i] - one) for i, one in enumerate(others)]


class Several(Target):
    """m questions of yes or no, each with a logit of yes."""

    @property
    def label_columns(self) -> list[str]:
        return [f"label_{i}" for i in range(self.outputs)]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return expit(logits.astype(np.float64))

    def predicted(self, logits: np.ndarray) -> np.ndarray:
        return (logits >= 0).astype(np.int64)

    def right(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (self.predicted(logits) == labels).all(axis=1)

    def cross_entropy(self, logits: np.ndarray, labels: np.ndarray) -> float:
        from scipy.special import log_expit

        return float(-log_expit(np.where(labels == 1, logits, -logits).astype(np.float64)).mean())

    def rankings(self, logits: np.ndarray, labels: np.ndarray) -> list[Ranking]:
        return [(label == 1, one) for label, one in zip(labels.T, logits.T, strict=True)]


def target_of(columns: Sequence[str]) -> Target:
    """The target of a table of predictions, by the names of its columns.

    Raises:
        ValueError: they are those of no target.
    """
    logits = sum(name.startswith("logit") for name in columns)
    for target in (Binary(), Classes(logits), Several(logits)):
        if logits and [*target.label_columns, *target.logit_columns] == list(columns):
            return target
    raise ValueError(f"columns {', '.join(columns)} are those of no predictions")
