"""Records -> why sigmoid fails: when each run leaves the prior, by image size and by one change.

At the prior a network gives every image the share of each class as its answer. Experiments are
known by their configs, not by their names; those of configs/causes are the ones meant.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from pm_cls.config import Config
from pm_cls.language import Text
from pm_cls.results import Run, is_official
from pm_cls.thesis import common_settings

LEFT_BELOW = 0.62  # mean training loss of two classes; of more, the same share of ln(classes)
ORDER = ("sigmoid", "tanh", "relu")
LOOK = 5  # epochs after which the gradients are put in words; the first that the thesis reports
SHORT = 10  # epochs that the thesis trains
CLEARLY = 2  # times by which two single runs must differ to be called different in words

Group = Literal["size", "pooled", "change", "mnist"]
GROUPS: dict[Group, Text] = {
    "size": Text("LeNet-7, image size and activation", "LeNet-7：图像尺寸与激活函数"),
    "pooled": Text(
        "LeNet-7, the linear layer as wide at every size", "LeNet-7：各尺寸下全连接层宽度相同"
    ),
    "change": Text(
        "LeNet-7 with sigmoid at 224 pixels, one change each",
        "sigmoid 的 LeNet-7，224 像素，每次只改一处",
    ),
    "mnist": Text("MNIST LeNet with sigmoid", "sigmoid 的 MNIST LeNet"),
}


@dataclass(frozen=True)
class Experiment:
    """The runs of one config, over seeds.

    Attributes:
        changes: each setting that is not the thesis', by dotted key, but for size and epochs.
        updates: steps an epoch.
        images: training images.
        limit: epochs that were trained.
        left: for each run the first epoch whose mean training loss tells that it left the prior;
            None where none did.
    """

    name: str
    group: Group
    activation: str
    image_size: int
    changes: dict[str, Any]
    updates: int
    images: int
    limit: int
    runs: list[Run]
    left: list[int | None]

    @property
    def epochs(self) -> list[int]:
        """When those runs left the prior that did."""
        return [epoch for epoch in self.left if epoch is not None]

    @property
    def all_left(self) -> bool:
        return None not in self.left

    @property
    def none_left(self) -> bool:
        return not self.epochs


def find(found: Iterable[Run]) -> list[Experiment]:
    """The experiments on causes among all runs, on the official data; the order is that of GROUPS.

    A run on drawn or incomplete data, or with more than one change, is none of them.
    """
    by_name: dict[str, list[Run]] = {}
    for run in found:
        if is_official(run):
            by_name.setdefault(run.experiment, []).append(run)
    made = [one for name, ours in by_name.items() if (one := _experiment(name, ours)) is not None]
    groups = list(GROUPS)
    return sorted(
        made,
        key=lambda e: (
            groups.index(e.group),
            ORDER.index(e.activation),
            e.image_size,
            -e.images,
            e.name,
        ),
    )


def _experiment(name: str, ours: list[Run]) -> Experiment | None:
    config = ours[0].config
    changes = dict(_changes(config))
    group = _group(config, changes)
    images = _training_images(ours[0])
    if group is None or not images:
        return None
    return Experiment(
        name=name,
        group=group,
        activation=config.model.activation,
        image_size=config.data.image_size,
        changes=changes,
        updates=math.ceil(images / config.train.batch_size),
        images=images,
        limit=config.train.epochs,
        runs=ours,
        left=[_left(run) for run in ours],
    )


def _changes(config: Config) -> Iterator[tuple[str, Any]]:
    for key, stated in common_settings().items():
        if (ours := attrgetter(key)(config)) != stated:
            yield key, ours


def _group(config: Config, changes: dict[str, Any]) -> Group | None:
    if config.model.name == "mnist_lenet":
        plain = config.model.activation == "sigmoid" and changes.keys() <= {"data.limit"}
        return "mnist" if plain else None
    if config.model.name != "lenet7" or "data.limit" in changes:
        return None
    if not changes:
        # The thesis' own runs are in its table; ours go on for longer, or at another size.
        own = config.data.image_size == 224 and config.train.epochs <= SHORT
        return None if own else "size"
    if changes.keys() == {"model.pool_to"}:
        return "pooled"
    at_home = config.model.activation == "sigmoid" and config.data.image_size == 224
    return "change" if at_home and len(changes) == 1 else None


def _training_images(run: Run) -> int:
    """As the record counts them; 0 where it does not."""
    counts = run.data.get("counts", {})
    total = counts.get("train", 0) or sum(counts.get("training", {}).values())
    return min(total, run.config.data.limit or total)


def threshold(run: Run) -> float:
    """The mean training loss below which a run has left the prior."""
    logits = next(iter(run.predictions.values())).logits
    return LEFT_BELOW * math.log(max(logits.shape[1], 2)) / math.log(2)


def _left(run: Run) -> int | None:
    least = threshold(run)
    return next((int(e["epoch"]) for e in run.epochs if e["train_loss"] < least), None)


def by_size_of(experiments: Iterable[Experiment], activation: str) -> dict[int, Experiment]:
    """The runs with an activation and no other change, by image size."""
    chosen = [e for e in experiments if e.group == "size" and e.activation == activation]
    return {e.image_size: e for e in chosen}


def changes_at_224(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The runs with one change at 224 pixels that had the thesis' epochs."""
    return [e for e in experiments if e.group == "change" and e.limit <= SHORT]


def inspected(experiments: Iterable[Experiment]) -> dict[tuple[int, str], Run]:
    """By image size and activation the first run whose layers were looked into, in that order."""
    chosen = [e for e in experiments if e.group == "size"]
    found = {
        (one.image_size, one.activation): next(run for run in one.runs if run.layers)
        for one in chosen
        if any(run.layers for run in one.runs)
    }
    return dict(sorted(found.items(), key=lambda item: (item[0][0], ORDER.index(item[0][1]))))


def change_words(one: Experiment) -> str:
    """`optimizer.learning_rate 0.01`, or nothing."""
    return ", ".join(f"{key} {value}" for key, value in one.changes.items())


def left_words(one: Experiment) -> Text:
    """`epoch 277, 301 and 290`, or how many runs did not leave, with the name of the record."""
    epochs = [str(epoch) for epoch in sorted(one.epochs)]
    if one.none_left:
        limit = "1 epoch" if one.limit == 1 else f"{one.limit} epochs"
        return Text(f"not within {limit}", f"{one.limit} 轮内未离开")
    words = Text(f"epoch {', '.join(epochs)}", f"第 {'、'.join(epochs)} 轮")
    if one.all_left:
        return words
    stayed = one.left.count(None)
    return words + Text(
        f"; {stayed} of {len(one.left)} not within {one.limit}",
        f"；{len(one.left)} 次中有 {stayed} 次在 {one.limit} 轮内未离开",
    )


def explain(experiments: Sequence[Experiment]) -> list[Text]:
    """Two paragraphs: what the thesis says and what was measured; what follows, and what is open.

    Every sentence on a measurement names its records in square brackets. Empty without the runs
    with sigmoid at 224 pixels and at a smaller size.
    """
    by_size = by_size_of(experiments, "sigmoid")
    if 224 not in by_size or len(by_size) < 2:
        return []
    measured = [*_size_sentences(by_size, experiments), *_mnist_sentences(experiments)]
    measured += _gradient_sentences(experiments)
    follows = [*_change_sentences(experiments), *_conclusions(by_size, experiments)]
    first = Text(
        "The thesis (3.3, 3.4) says that LeNet with sigmoid fails because photographs are large "
        "and the gradient vanishes, and that more epochs do not help, while the same network "
        "learns MNIST.",
        "论文（3.3、3.4 节）认为：sigmoid 的 LeNet 失败，是因为照片尺寸大、梯度弥散，增加训练轮数也"
        "无济于事，而同样的网络能够学会 MNIST。",
    )
    return [_join([first, *measured]), _join(follows)]


def _join(sentences: Sequence[Text]) -> Text:
    return Text(" ".join(s.en for s in sentences), "".join(s.zh for s in sentences))


def _record(*found: Experiment) -> str:
    return "[" + ", ".join(one.name for one in found) + "]"


def _size_sentences(
    by_size: dict[int, Experiment], experiments: Sequence[Experiment]
) -> Iterator[Text]:
    parts = [(size, left_words(by_size[size])) for size in sorted(by_size)]
    record = _record(*(by_size[size] for size in sorted(by_size)))
    english = "; ".join(f"at {size} pixels, {words.en}" for size, words in parts)
    chinese = "；".join(f"{size} 像素：{words.zh}" for size, words in parts)
    yield Text(
        f"Measured, the epoch at which it leaves the prior: {english} {record}.",
        f"实测其离开先验（即不再对所有图像给出同一答案）的轮次：{chinese} {record}。",
    )
    others = [e for e in experiments if e.group == "size" and e.activation != "sigmoid"]
    if quick := [one for one in others if one.all_left]:
        within = max(epoch for one in quick for epoch in one.epochs)
        yield Text(
            f"In every run these leave it within {within} epochs: {_record(*quick)}.",
            f"以下实验每次都在 {within} 轮内离开先验：{_record(*quick)}。",
        )
    for one in (one for one in others if not one.all_left):
        words, name = left_words(one), one.activation
        yield Text(
            f"With {name} at {one.image_size} pixels: {words.en} {_record(one)}.",
            f"{name}、{one.image_size} 像素：{words.zh} {_record(one)}。",
        )


def _mnist_sentences(experiments: Sequence[Experiment]) -> Iterator[Text]:
    for one in (e for e in experiments if e.group == "mnist" and e.changes):
        words, updates = left_words(one), one.limit * one.updates
        after = f", the first after {min(one.epochs) * one.updates} updates" if one.epochs else ""
        after_zh = f"，最早在 {min(one.epochs) * one.updates} 次更新后" if one.epochs else ""
        yield Text(
            f"MNIST cut to {one.images} digits and {updates} updates: {words.en}{after} "
            f"{_record(one)}.",
            f"MNIST 缩减为 {one.images} 张、{updates} 次更新：{words.zh}{after_zh} "
            f"{_record(one)}。",
        )


def _gradient_sentences(experiments: Sequence[Experiment]) -> Iterator[Text]:
    """The first convolution's gradient where the thesis looks, and the most saturated layer."""
    found = _sigmoid_inspected(experiments)
    at = {size: _first_gradient(run) for size, run in found.items()}
    if not at:
        return
    most = {size: _most_saturated(run) for size, run in found.items()}
    norms = ", ".join(f"{norm:.1e} ({size})" for size, norm in at.items())
    shares = ", ".join(
        f"{100 * share:.1f}% ({size}, {layer})" for size, (share, layer) in most.items()
    )
    record = "[" + ", ".join(run.experiment for run in found.values()) + "]"
    yield Text(
        f"After {LOOK} epochs the norm of the gradient of the first convolution is, by image "
        f"size, {norms}; the most saturated layer of the first {SHORT} epochs has so many of its "
        f"sigmoids saturated: {shares} {record}.",
        f"训练 {LOOK} 轮后，第一个卷积层的梯度范数（按图像尺寸）为 {norms}；前 {SHORT} 轮内，"
        f"饱和最严重的一层中饱和的 sigmoid 占比为：{shares} {record}。",
    )


def _sigmoid_inspected(experiments: Sequence[Experiment]) -> dict[int, Run]:
    """By image size a run with sigmoid whose layers are known where the thesis looks."""
    return {
        size: run
        for (size, activation), run in inspected(experiments).items()
        if activation == "sigmoid" and any(line.epoch == LOOK for line in run.layers)
    }


def _first_gradient(run: Run) -> float:
    return next(e.gradient_norm for e in run.layers if (e.epoch, e.layer) == (LOOK, "conv1"))


def _most_saturated(run: Run) -> tuple[float, str]:
    """The share and the layer, over the first epochs."""
    early = [line for line in run.layers if line.epoch <= SHORT]
    return max((line.saturated, line.layer) for line in early if line.saturated is not None)


def _change_sentences(experiments: Sequence[Experiment]) -> Iterator[Text]:
    tried = changes_at_224(experiments)
    helped = [one for one in tried if one.all_left]
    if not tried:
        return
    if helped:
        english = "; ".join(f"{change_words(e)} ({left_words(e).en}) {_record(e)}" for e in helped)
        chinese = "；".join(f"{change_words(e)}（{left_words(e).zh}）{_record(e)}" for e in helped)
        yield Text(
            f"At 224 pixels one change alone makes it learn within {SHORT} epochs: {english}.",
            f"在 224 像素下，仅改一处即可在 {SHORT} 轮内学会：{chinese}。",
        )
    if failed := [one for one in tried if not one.all_left]:
        english = "; ".join(f"{change_words(e)} {_record(e)}" for e in failed)
        chinese = "；".join(f"{change_words(e)} {_record(e)}" for e in failed)
        yield Text(
            f"Not in every run within {SHORT} epochs: {english}.",
            f"并非每次都能在 {SHORT} 轮内学会：{chinese}。",
        )


def _conclusions(
    by_size: dict[int, Experiment], experiments: Sequence[Experiment]
) -> Iterator[Text]:
    small = [one for size, one in by_size.items() if size < 224]
    if all(one.none_left or min(one.epochs) > SHORT for one in small):
        yield Text(
            f"So small images do not save sigmoid in the thesis' {SHORT} epochs: size alone is not "
            "the cause.",
            f"可见在论文的 {SHORT} 轮内，缩小图像并不能挽救 sigmoid：尺寸并非唯一原因。",
        )
    yield from _size_elsewhere(experiments)
    found = _sigmoid_inspected(experiments)
    if 224 in found and (smaller := {s: run for s, run in found.items() if s < 224}):
        least = min(smaller, key=lambda size: _first_gradient(smaller[size]))
        times = _first_gradient(smaller[least]) / _first_gradient(found[224])
        share, layer = _most_saturated(found[224])
        record = f"[{smaller[least].experiment}, {found[224].experiment}]"
        if times > CLEARLY:
            yield Text(
                f"Size weakens the gradient of the first convolution too: after {LOOK} epochs it "
                f"is {times:.0f} times smaller at 224 pixels than at {least}, while "
                f"{100 * share:.0f}% of the sigmoids of {layer} come to be saturated {record}.",
                f"尺寸还会削弱第一个卷积层的梯度：训练 {LOOK} 轮后，224 像素下的这一梯度仅为 "
                f"{least} 像素下的 {times:.0f} 分之一，{layer} 中则有 {100 * share:.0f}% 的 "
                f"sigmoid 趋于饱和 {record}。",
            )
        else:
            yield Text(
                f"Nor does the gradient vanish with size: after {LOOK} epochs it is at 224 pixels "
                f"{1 / times:.1f} times that at {least} {record}.",
                f"梯度也没有随尺寸增大而消失：训练 {LOOK} 轮后，224 像素下的梯度是 {least} 像素下的"
                f" {1 / times:.1f} 倍 {record}。",
            )
    if any(one.epochs for one in small):
        yield Text(
            "With enough updates it leaves the prior at the smaller sizes, as it does on MNIST.",
            "只要更新足够多，它在较小尺寸下就会离开先验，与在 MNIST 上一样。",
        )
    if by_size[224].none_left:
        yield Text(
            f"Open: whether it would at 224 pixels after {by_size[224].limit} epochs. The linear "
            "layer grows with the image, and sampling aliases at small sizes",
            f"尚不清楚：在 224 像素下超过 {by_size[224].limit} 轮后是否也会离开。"
            "全连接层随图像增大，小尺寸采样会产生混叠",
        ) + _control_words(experiments)
    else:
        yield Text(
            "Open: the linear layer grows with the image, and sampling aliases at small sizes",
            "尚不清楚：全连接层随图像增大，小尺寸采样会产生混叠",
        ) + _control_words(experiments)


def _size_elsewhere(experiments: Sequence[Experiment]) -> Iterator[Text]:
    """Whether an activation that leaves the prior at every smaller size fails to at 224 pixels."""
    for name in ORDER[1:]:
        by_size = by_size_of(experiments, name)
        small = [one for size, one in by_size.items() if size < 224]
        large = by_size.get(224)
        if large and not large.all_left and small and all(one.all_left for one in small):
            record = _record(*small, large)
            yield Text(
                f"Yet size matters: {name} leaves the prior in every run at the smaller sizes, and "
                f"not in every run at 224 pixels {record}.",
                f"但尺寸确有影响：使用 {name} 时，较小尺寸下每次都能离开先验，224 像素下则并非每次 "
                f"{record}。",
            )


def _control_words(experiments: Sequence[Experiment]) -> Text:
    pooled = [one for one in experiments if one.group == "pooled"]
    if not pooled:
        return Text(", which these runs do not part.", "，上述运行无法将二者分开。")
    english = "; ".join(f"{one.image_size} pixels, {left_words(one).en}" for one in pooled)
    chinese = "；".join(f"{one.image_size} 像素：{left_words(one).zh}" for one in pooled)
    return Text(
        f"; with a linear layer of one width at every size: {english} {_record(*pooled)}.",
        f"；若各尺寸的全连接层宽度相同：{chinese} {_record(*pooled)}。",
    )
