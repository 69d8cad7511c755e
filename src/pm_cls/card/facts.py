"""What the card says of a run: each a property of `Facts`, which the template shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from safetensors import SafetensorError, safe_open

from pm_cls.card.rows import Row, groups_of, rows_of
from pm_cls.config import SYNTHETIC
from pm_cls.data import DATASETS, Spec, spec_of
from pm_cls.presentation.pictures import ABLATIONS, ablation_names
from pm_cls.presentation.text import NOTHING, Text, named
from pm_cls.records import evaluations, folder, result, stress
from pm_cls.records.environment import Data
from pm_cls.records.predictions import Predictions
from pm_cls.report.runs import Record
from pm_cls.report.sections.stress import CHANGES
from pm_cls.runtime.errors import UsageError
from pm_cls.scores import metrics, stats
from pm_cls.scores.calibration import AS_IT_IS, Calibration
from pm_cls.scores.stats import Summary
from pm_cls.scores.target import Binary
from pm_cls.scores.worth import Worth, worth

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


@dataclass(frozen=True)
class Facts:
    """A run, and what the template says of it."""

    run: Record

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
        return list(map(_in_a_table, self.spec.classes))

    @property
    def is_binary(self) -> bool:
        return isinstance(self.run.last.target, Binary)

    @property
    def is_of_myopia(self) -> bool:
        """Whether it is photographs of the fundus that are told apart by myopia."""
        return self.spec.of_photographs and self.is_binary and not self.spec.classes

    @property
    def is_constant(self) -> bool:
        """Whether `predict` gives all validation images one answer."""
        logits = self.run.last.logits
        if self.is_binary:
            return len(set(self._ways[-1].answers(logits[:, 0]).tolist())) == 1
        return metrics.is_constant(logits, self.run.last.target)

    @property
    def is_free(self) -> bool:
        """Whether all that it has seen was drawn by the package."""
        drawn = self.run.is_synthetic or DATASETS[self.run.config.data.name].is_generated
        return drawn and self.run.config.model.pretrained is None

    @property
    def parameters(self) -> int | None:
        """By the shapes in the file of the weights; None where there is none."""
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
        if kept.any() and not kept.all():
            one = self.run.last
            names = tuple(name for name, keep in zip(one.names, kept, strict=True) if keep)
            once = Predictions(names, one.labels[kept], one.logits[kept], one.target)
            found += self.rows_of(DISTINCT, once)
        for words, answers, _ in self.elsewhere:
            found += self.rows_of(words, answers)
        return found

    def rows_of(self, data: Text, found: Predictions) -> Iterator[Row]:
        """By each threshold, of which `predict` answers by the last."""
        return rows_of(data, found, self._ways)

    @property
    def _ways(self) -> list[Calibration]:
        return [AS_IT_IS, self.run.calibration] if self.run.calibration else [AS_IT_IS]

    @property
    def elsewhere(self) -> Iterator[tuple[Text, Predictions, evaluations.Evaluation]]:
        for name, (facts, answers) in self.run.evaluations.items():
            mark = SYNTHETIC_MARK if facts.dataset == SYNTHETIC else Text("", "")
            yield EXTERNAL.format(name=_in_a_table(name), mark=mark), answers, facts

    @property
    def groups(self) -> list[list[Text]]:
        """Lines of a table, where the names tell the groups."""
        found = [(VALIDATION, self.run.last), *((words, one) for words, one, _ in self.elsewhere)]
        if not self.is_binary:
            return []
        return [
            line for data, answers in found for line in groups_of(data, answers, self._ways[-1])
        ]

    @property
    def plain(self) -> Worth:
        """What its answers to the validation images are worth at one half."""
        return worth(self.run.last.logits[:, 0], self.run.last.labels, AS_IT_IS)

    @property
    def known(self) -> Worth | None:
        """The same by what is stored with the run; None where nothing is."""
        last, by = self.run.last, self.run.calibration
        return worth(last.logits[:, 0], last.labels, by) if by else None

    @property
    def stress(self) -> stress.Held | None:
        """Over all changes that were measured; None where none was."""
        return stress.held([one for one in self.run.stress if one.strength])

    @property
    def worst_change(self) -> Text:
        """Under which the AUC is least, or the accuracy where the AUC is undefined."""
        held = self.stress
        worst = held and (held.worst_auc or held.worst_accuracy)
        return named(CHANGES, worst.change) if worst else NOTHING

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
        for place in filter(folder.is_finished, sorted(self.run.folder.parent.glob("seed*"))):
            try:
                other = result.read(place)
            except UsageError:  # a damaged one says nothing of this run
                continue
            same = (other.config_digest, other.data_digest) == (own.config_digest, own.data_digest)
            if same and self.epoch in other.epochs:
                found.append(other.epochs[self.epoch].accuracy)
        return stats.summarise(found) if len(found) > 1 else None

    @property
    def data(self) -> Data:
        return self.run.data

    @property
    def counts(self) -> Iterator[tuple[Text, Text]]:
        """Images of each split, and by label or letter of the name."""
        for split, found in (self.data.counts or {}).items():
            parts = found if isinstance(found, dict) else {}
            each = [(_in_a_table(label), f"{n:,}") for label, n in parts.items()]
            total = f"{sum(parts.values()) if isinstance(found, dict) else found:,}"
            english = ", ".join(f"{label}: {n}" for label, n in each)
            chinese = "，".join(f"{label}：{n}" for label, n in each)
            listed = Text(f"{total} ({english})", f"{total}（{chinese}）")
            yield named(SPLITS, split), listed if each else Text(total, total)

    @property
    def repeated(self) -> str:
        return "; ".join(" = ".join(group) for group in self.data.repeated or [])


def _in_a_table(name: str) -> str:
    """A name as a table of Markdown can have it."""
    return " ".join(name.split()).replace("|", "\\|").replace("<", "&lt;")
