"""What the card says of a run: each a property of `Facts`, which the template shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from safetensors import SafetensorError, safe_open

from pm_cls.config import SYNTHETIC
from pm_cls.data import DATASETS, Spec, spec_of
from pm_cls.data.photographs.labelling import LABEL_OF_LETTER, USUAL_NAME
from pm_cls.data.photographs.names import photograph_key
from pm_cls.records import calibration, evaluations, folder, result
from pm_cls.records.environment import Data
from pm_cls.records.predictions import Predictions
from pm_cls.records.stress import Stressed
from pm_cls.report.pictures import ABLATIONS, ablation_names
from pm_cls.report.runs import Record
from pm_cls.report.sections.stress import CHANGES
from pm_cls.report.text import (
    Text,
    fraction,
    fraction_interval,
    named,
    percent,
    percent_interval,
)
from pm_cls.runtime.errors import UsageError
from pm_cls.scores import metrics, stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration, expected_error
from pm_cls.scores.stats import Summary
from pm_cls.scores.target import Binary

NONE = Text("–", "–")
VALIDATION = Text("validation images", "验证集")
DISTINCT = Text(
    "validation images, each once and none of training", "验证集（去除重复及训练集已有者）"
)
EXTERNAL = Text("elsewhere: {name}{mark}", "其他数据：{name}{mark}")
SYNTHETIC_MARK = Text(" (SYNTHETIC)", "（合成照片）")
SPLITS = {
    "training": Text("training images", "训练图像"),
    "validation": Text("validation images", "验证图像"),
}
GROUPS = {
    "P": Text("P, pathological myopia", "P，病理性近视"),
    "H": Text("H, high myopia", "H，高度近视"),
    "N": Text("N, normal", "N，正常"),
}


@dataclass(frozen=True)
class Share:
    """So many of n images."""

    count: int
    n: int

    @property
    def percent(self) -> str:
        return percent(self.count / self.n if self.n else None)

    @property
    def words(self) -> Text:
        """In percent, with the Wilson interval."""
        ends = percent_interval(stats.wilson(self.count, self.n) if self.n else None)
        return Text("{v} ({ends})", "{v}（{ends}）").format(v=self.percent, ends=ends)


@dataclass(frozen=True)
class Row:
    """How good the answers to some images are.

    Attributes:
        rule: the probability from which the answer is 1; None of other questions than yes or no.
        sensitivity, specificity, interval: of yes or no alone; the last is the AUC's.
    """

    data: Text
    rule: float | None
    accuracy: Share
    sensitivity: Share | None
    specificity: Share | None
    auc: float | None
    interval: tuple[float, float] | None

    @property
    def cells(self) -> list[Text]:
        """As a line of a table."""
        rates = [one.words if one else NONE for one in (self.sensitivity, self.specificity)]
        area = Text("{v} ({ends})", "{v}（{ends}）").format(
            v=fraction(self.auc), ends=fraction_interval(self.interval)
        )
        if self.interval is None:
            area = Text(fraction(self.auc), fraction(self.auc))
        number = str(self.accuracy.n)
        first = [self.data, Text(number, number)]
        if self.rule is None:
            return [*first, self.accuracy.words, area]
        rule = f"{self.rule:.2f}"
        return [*first, Text(rule, rule), self.accuracy.words, *rates, area]


@dataclass(frozen=True)
class Worth:
    """What the probabilities are worth on the validation images.

    Attributes:
        stored: with the run; None where it has none.
        error: expected calibration error as the network gives them.
        scaled: the same with the stored temperature; None without one.
        unsure, right: images that it is not sure of; those of the others that are answered rightly.
    """

    stored: Calibration | None
    error: float
    scaled: float | None = None
    unsure: Share | None = None
    right: Share | None = None


@dataclass(frozen=True)
class Stress:
    """AUC and accuracy under changes of camera and operator: the mean, the worst, and which."""

    n: int
    mean: float
    worst: float
    change: Text
    strength: int
    accuracy: float


@dataclass(frozen=True)
class Facts:
    """A run, and what the template says of it."""

    run: Record
    stressed: list[Stressed]

    @property
    def epoch(self) -> int:
        """The last that is kept, which answers."""
        return max(self.run.scores)

    @property
    def spec(self) -> Spec:
        return spec_of(self.run.config.data)

    @property
    def classes(self) -> list[str]:
        """Their names as a table of Markdown can have them; none where they have none."""
        return [" ".join(name.split()).replace("|", "\\|") for name in self.spec.classes]

    @property
    def is_binary(self) -> bool:
        return isinstance(self.run.last.target, Binary)

    @property
    def is_of_myopia(self) -> bool:
        """Whether it is photographs of the fundus that are told apart by myopia."""
        return self.spec.of_photographs and self.is_binary and not self.spec.classes

    @property
    def is_constant(self) -> bool:
        return metrics.is_constant(self.run.last.logits, self.run.last.target)

    @property
    def is_free(self) -> bool:
        """Whether all that it has seen was drawn by the package."""
        drawn = self.run.is_synthetic or DATASETS[self.run.config.data.name].is_drawn
        return drawn and self.run.config.model.pretrained is None

    @cached_property
    def stored(self) -> Calibration | None:
        """What its answers are worth, where that is known of the epoch that answers."""
        is_last = self.epoch == self.run.config.train.epochs
        return calibration.read(self.run.folder) if is_last and self.is_binary else None

    @property
    def parameters(self) -> int | None:
        """Trained ones, by the shapes in the file of the weights; None where there is none."""
        file = folder.weights_file(self.run.folder, self.epoch)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="np") as opened:
                shapes = {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{file}: is damaged ({error}); train the run anew with --restart")
        of_norm = ("._mean", "._variance")  # statistics, which no step moves
        return sum(int(np.prod(s)) for name, s in shapes.items() if not name.endswith(of_norm))

    @property
    def settings(self) -> str:
        """The config as YAML, without where the data lay."""
        return folder.published_config(self.run.folder / folder.CONFIG).rstrip()

    @property
    def versions(self) -> str:
        found = self.run.environment.packages or {}
        python = self.run.environment.python
        both = {"Python": python, **found} if python else found
        return ", ".join(f"{name} {version}" for name, version in both.items())

    @cached_property
    def rows(self) -> list[Row]:
        """The validation images, the same without repetitions, and those from elsewhere."""
        found = [*self.rows_of(VALIDATION, self.run.last)]
        kept = self.run.distinct(self.epoch)
        if not kept.all():
            one = self.run.last
            names = tuple(name for name, keep in zip(one.names, kept, strict=True) if keep)
            once = Predictions(names, one.labels[kept], one.logits[kept], one.target)
            found += self.rows_of(DISTINCT, once)
        for words, answers, _ in self.elsewhere:
            found += self.rows_of(words, answers)
        return found

    @property
    def elsewhere(self) -> Iterator[tuple[Text, Predictions, evaluations.Evaluation]]:
        for name, (facts, answers) in self.run.evaluations.items():
            mark = SYNTHETIC_MARK if facts.dataset == SYNTHETIC else Text("", "")
            yield EXTERNAL.format(name=name.replace("|", "\\|"), mark=mark), answers, facts

    def rows_of(self, data: Text, found: Predictions) -> Iterator[Row]:
        scores = found.scores()
        if not self.is_binary:
            yield Row(data, None, Share(scores.correct, scores.n), None, None, scores.auc, None)
            return
        logits, ill = found.logits[:, 0], found.labels == 1
        interval = stats.auc_interval(logits, found.labels) if scores.auc is not None else None
        for rule, called in self._answers(logits):
            right = called == ill
            found_ill, found_well = (
                Share(int(right[of].sum()), int(of.sum())) for of in (ill, ~ill)
            )
            whole = Share(int(right.sum()), len(right))
            yield Row(data, rule, whole, found_ill, found_well, scores.auc, interval)

    def _answers(self, logits: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """By each threshold bool [n], what is called ill; `predict` answers by the last."""
        for by in (AS_IT_IS, self.stored):
            if by is not None:
                yield by.threshold, by.answers(logits)

    @property
    def groups(self) -> list[tuple[Text, Text, Share]]:
        """Data, group and how many of it are called ill, where the names tell the groups."""
        found = [(VALIDATION, self.run.last), *((words, one) for words, one, _ in self.elsewhere)]
        return [line for words, one in found if self.is_binary for line in self._groups(words, one)]

    def _groups(self, data: Text, found: Predictions) -> Iterator[tuple[Text, Text, Share]]:
        keys = [photograph_key(name) for name in found.names]
        letters = np.array([key[:1] for key in keys])
        labels = [LABEL_OF_LETTER.get(letter) for letter in letters]
        if labels != list(found.labels) or not all(re.fullmatch(USUAL_NAME, k) for k in keys):
            return  # letters that mean something else
        *_, (_, called) = self._answers(found.logits[:, 0])
        for letter, words in GROUPS.items():
            of = letters == letter
            if of.any():
                yield data, words, Share(int(called[of].sum()), int(of.sum()))

    @property
    def worth(self) -> Worth:
        logits, labels = self.run.last.logits[:, 0], self.run.last.labels
        error = expected_error(AS_IT_IS.probabilities(logits), labels)
        if self.stored is None:
            return Worth(None, error)
        one, sure = self.stored.probabilities(logits), self.stored.is_sure(logits)
        right = (self.stored.answers(logits) == labels)[sure]
        unsure, shown = Share(int((~sure).sum()), len(sure)), Share(int(right.sum()), len(right))
        return Worth(self.stored, error, expected_error(one, labels), unsure, shown)

    @property
    def stress(self) -> Stress | None:
        """None where it was not measured, or where the AUC is undefined."""
        cells = [one for one in self.stressed if one.strength and one.auc is not None]
        if not cells:
            return None
        areas = [one.auc or 0.0 for one in cells]
        worst = cells[int(np.argmin(areas))]
        accuracy = float(np.mean([one.best_known for one in cells]))
        change = named(CHANGES, worst.change)
        return Stress(len(cells), float(np.mean(areas)), min(areas), change, worst.strength,
                      accuracy)  # fmt: skip

    @property
    def ablations(self) -> list[tuple[Text, metrics.Scores]]:
        """What was taken away from the images, and the scores on what is left."""
        looked = self.run.saliency
        names = ablation_names([looked]) if looked else []
        return [(named(ABLATIONS, name), looked.ablations[name]) for name in names if looked]

    @property
    def agreement(self) -> float | None:
        """The median rank correlation of Grad-CAM and occlusion."""
        looked = self.run.saliency
        return float(np.median(looked.agreement)) if looked and looked.agreement else None

    @property
    def seeds(self) -> Summary | None:
        """The accuracies of the runs beside it that differ in the seed alone; None if it is one."""
        own, found = result.read(self.run.folder), []
        for place in sorted(self.run.folder.parent.glob("seed*")):
            other = result.read(place) if folder.is_finished(place) else own
            same = (other.config_digest, other.data_digest) == (own.config_digest, own.data_digest)
            if folder.is_finished(place) and same and self.epoch in other.epochs:
                found.append(other.epochs[self.epoch].accuracy)
        return stats.summarise(found) if len(found) > 1 else None

    @property
    def data(self) -> Data:
        return self.run.data

    @property
    def counts(self) -> Iterator[tuple[Text, str]]:
        """Images of each split, and by label or letter of the name."""
        for split, found in (self.data.counts or {}).items():
            parts = found if isinstance(found, dict) else {}
            listed = ", ".join(f"{label}: {n:,}" for label, n in parts.items())
            total = sum(parts.values()) if isinstance(found, dict) else found
            yield named(SPLITS, split), f"{total:,}" + (f" ({listed})" if listed else "")

    @property
    def repeated(self) -> str:
        return "; ".join(" = ".join(group) for group in self.data.repeated or [])
