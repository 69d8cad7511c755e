"""A verdict for each statement of the thesis, by the rules of claims.yaml, from our runs.

`thesis` and claims.yaml say what is stated; `judge` holds it against the records.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import yaml

from pm_cls import causes, metrics, stats, thesis
from pm_cls.language import Text
from pm_cls.results import Run, is_comparable

Verdict = Literal["reproduced", "not_reproduced", "not_supported", "impossible", "not_yet_tested"]
VERDICTS: dict[Verdict, Text] = {
    "reproduced": Text("reproduced", "已复现"),
    "not_reproduced": Text("not reproduced", "未能复现"),
    "not_supported": Text("not supported", "证据不足"),
    "impossible": Text("impossible", "不可能成立"),
    "not_yet_tested": Text("not yet tested", "尚未检验"),
}
SECTION_WORDS = {
    "Table 1": "表 1",
    "text of ": "正文 ",
    "abstract": "摘要",
    "our question": "本项目的问题",
    " and ": "、",
}
FULL_SIZE = 224  # of the thesis' photographs, in pixels
N_IMAGES = {"ichallenge_pm": 400, "mnist": 10_000}  # of the validation sets that the thesis scores


@dataclass(frozen=True)
class Claim:
    """A statement of the thesis and what our runs say of it."""

    id: str
    statement: Text
    section: Text
    rule: str
    evidence: Text
    verdict: Verdict


@cache
def _content() -> dict[str, Any]:
    text = resources.files("pm_cls").joinpath("claims.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def judge(found: Sequence[Run], on_causes: Sequence[causes.Experiment] = ()) -> list[Claim]:
    """Judge all statements from the runs that may be held against the thesis; others are left out.

    The order is that of the rows of `thesis`, then of claims.yaml.

    Args:
        on_causes: the experiments on causes, for the statements on why sigmoid fails.
    """
    experiments = {row.experiment for row in thesis.rows()}
    ours = [run for run in found if run.experiment in experiments and is_comparable(run)]
    claims = [_value(row, ours) for row in thesis.rows()]
    for entry in _content()["claims"]:
        if (of_causes := CAUSE_RULES.get(entry["rule"])) is not None:
            evidence, verdict = of_causes(on_causes)
        else:
            evidence, verdict = RULES[entry["rule"]](entry, ours)
        statement = Text(entry["en"], entry["zh"])
        section = _section(entry["section"])
        claims.append(Claim(entry["id"], statement, section, entry["rule"], evidence, verdict))
    return claims


def _section(name: str) -> Text:
    chinese = name
    for english, word in SECTION_WORDS.items():
        chinese = chinese.replace(english, word)
    return Text(name, chinese)


def _value(row: thesis.ThesisRow, ours: Sequence[Run]) -> Claim:
    epochs = f"{row.epochs} epochs"
    accuracy, loss = f"{100 * row.accuracy:.2f}%", f"{100 * row.loss:.2f}%"
    statement = Text(
        f"{row.network} with {row.activation}, {epochs}: {accuracy}, loss {loss}",
        f"{row.network}，{row.activation}，{row.epochs} 轮：准确率 {accuracy}，损失 {loss}",
    )
    evidence, verdict = _judge_value(row, ours)
    section = _section(row.source)
    return Claim(f"row{row.row}", statement, section, "value", evidence, verdict)


def _judge_value(row: thesis.ThesisRow, ours: Sequence[Run]) -> tuple[Text, Verdict]:
    n = N_IMAGES[row.dataset]
    count = round(row.accuracy * n)
    if round(100 * count / n, 2) != round(100 * row.accuracy, 2):
        near = f"{100 * count / n:.2f}%"
        stated, share = f"{100 * row.accuracy:.2f}%", f"{row.accuracy * n:.1f}"
        evidence = Text(
            f"{stated} of {n} is {share} photographs; {count} are {near}. As a mean of several "
            "runs it would be possible.",
            f"{n} 张的 {stated} 是 {share} 张，而 {count} 张为 {near}。只有作为多次运行的平均值，"
            "这个数才可能出现。",
        )
        return evidence, "impossible"
    scored = [run.scores[row.epochs] for run in _of(ours, row.experiment, row.epochs)]
    if len(scored) < _needed():
        return _too_few(len(scored))
    accuracy, accuracy_holds = _held(
        row.accuracy, [score.accuracy for score in scored], Text("accuracy", "准确率")
    )
    loss, loss_holds = _held(row.loss, [score.loss for score in scored], Text("loss", "损失"))
    evidence = accuracy + Text("; ", "；") + loss + Text(".", "。")
    return evidence, "reproduced" if accuracy_holds and loss_holds else "not_reproduced"


def _held(stated: float, values: Sequence[float], name: Text) -> tuple[Text, bool]:
    """A stated value against ours, in words, and whether it holds."""
    summary = stats.summarise(values)
    assert summary.new_interval is not None
    low, high = summary.new_interval
    mean = f"{100 * summary.mean:.2f}%"
    if summary.sd == 0:
        words = Text(f" {mean} in all {summary.n} runs", f"在全部 {summary.n} 次运行中均为 {mean}")
        return name + words, round(100 * summary.mean, 2) == round(100 * stated, 2)
    ends = f"{100 * low:.2f}", f"{100 * high:.2f}%"
    words = Text(
        f" {mean} on average, prediction interval of one new run {ends[0]} to {ends[1]} "
        f"(t, n = {summary.n} runs)",
        f"平均为 {mean}，一次新运行的 95% 预测区间为 {ends[0]} 至 {ends[1]}"
        f"（t 分布，n = {summary.n} 次运行）",
    )
    return name + words, low <= stated <= high


def _constant(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[Text, Verdict]:
    experiment, epoch = entry["of"]
    chosen = _of(ours, experiment, epoch)
    if len(chosen) < _needed():
        return _too_few(len(chosen))
    constant, away, spread = 0, 0.0, 0.0
    for run in chosen:
        logits = run.predictions[epoch].logits
        constant += len(np.unique(metrics.predicted_labels(logits))) == 1
        share = run.predictions[epoch].labels.mean()
        least = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        away = max(away, run.scores[epoch].loss - least)
        spread = max(spread, float(logits.std()))
    accuracies = ", ".join(sorted({f"{100 * r.scores[epoch].accuracy:.2f}%" for r in chosen}))
    evidence = Text(
        f"{constant} of {len(chosen)} runs give all photographs one label ({accuracies}); their "
        f"loss is at most {away:.4f} above {least:.5f}, the least of a constant answer; the SD of "
        f"the logits within a run is at most {spread:.0e}.",
        f"{len(chosen)} 次运行中有 {constant} 次对所有照片给出同一标签（{accuracies}）；损失最多比"
        f"恒定答案的最小值 {least:.5f} 高 {away:.4f}；单次运行内 logit 的标准差最大为 "
        f"{spread:.0e}。",
    )
    holds = constant == len(chosen) and away < _thresholds()["prior_loss"]
    return evidence, "reproduced" if holds else "not_reproduced"


def _better(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[Text, Verdict]:
    tested = _test(entry, ours)
    if isinstance(tested, int):
        return _too_few(tested)
    test, evidence = tested
    if test.p is None or test.p >= _thresholds()["alpha"]:
        return evidence, "not_supported"
    return evidence, "reproduced" if test.difference > 0 else "not_reproduced"


def _gain(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[Text, Verdict]:
    evidence, verdict = _better(entry, ours)
    tested = _test(entry, ours)
    if verdict != "reproduced" or isinstance(tested, int):
        return evidence, verdict
    low, high = tested[0].interval
    inside = low <= entry["points"] / 100 <= high
    return evidence, "reproduced" if inside else "not_reproduced"


def _test(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[stats.PairedT, Text] | int:
    """The paired t test of a claim over its common seeds, in words; or how few they are."""
    (first, first_epoch), (second, second_epoch) = entry["first"], entry["second"]
    left = {run.seed: run for run in _of(ours, first, first_epoch)}
    right = {run.seed: run for run in _of(ours, second, second_epoch)}
    seeds = sorted(left.keys() & right.keys())
    if len(seeds) < _needed():
        return len(seeds)
    a = [left[seed].scores[first_epoch].accuracy for seed in seeds]
    b = [right[seed].scores[second_epoch].accuracy for seed in seeds]
    test = stats.paired_t(a, b)
    if test.p is None:
        return test, Text(
            f"No difference observed in {test.n} pairs.", f"{test.n} 对运行之间未观察到差异。"
        )
    low, high = (f"{100 * end:+.2f}" for end in test.interval)
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    first_mean, second_mean = f"{100 * np.mean(a):.2f}%", f"{100 * np.mean(b):.2f}%"
    difference = f"{100 * test.difference:+.2f}"
    return test, Text(
        f"{first_mean} against {second_mean}: {difference} points, 95% t-interval {low} to {high} "
        f"({p}, paired t over {test.n} seeds).",
        f"{first_mean} 对 {second_mean}：相差 {difference} 个百分点，95% t 区间为 {low} 至 {high}"
        f"（{p}，对 {test.n} 个随机种子作配对 t 检验）。",
    )


def _two_figures(entry: dict[str, Any], ours: Sequence[Run]) -> tuple[Text, Verdict]:
    figures = [Decimal(text) for text in entry["figures"]]
    unit = Decimal(1).scaleb(max(int(figure.as_tuple().exponent) for figure in figures))
    rounded = {figure.quantize(unit, ROUND_HALF_UP) for figure in figures}
    first, second = entry["figures"]
    if len(rounded) > 1:
        words = f"{first} and {second} cannot both be the figure of one run."
        return Text(words, f"同一次运行不可能既是 {first} 又是 {second}。"), "impossible"
    words = f"{first} and {second} agree as far as they are given."
    return Text(words, f"{first} 与 {second} 在所给精度内一致。"), "reproduced"


def _more_epochs(experiments: Sequence[causes.Experiment]) -> tuple[Text, Verdict]:
    found = causes.by_size_of(experiments, "sigmoid")
    by_size = {size: e for size, e in found.items() if size == FULL_SIZE or _enough(e)}
    if FULL_SIZE not in by_size:
        return _not_made()
    words = [
        Text(f"{size} pixels: ", f"{size} 像素：") + causes.left_words(by_size[size])
        for size in sorted(by_size)
    ]
    evidence = Text("; ".join(w.en for w in words) + ".", "；".join(w.zh for w in words) + "。")
    if by_size[FULL_SIZE].epochs:
        return evidence, "not_reproduced"
    left_smaller = any(one.epochs for one in by_size.values())
    return evidence, "not_supported" if left_smaller else "reproduced"


def _image_size(experiments: Sequence[causes.Experiment]) -> tuple[Text, Verdict]:
    by_size = causes.by_size_of(experiments, "sigmoid")
    tried = [one for one in causes.changes_at_224(experiments) if _enough(one)]
    small = [one for size, one in by_size.items() if size < FULL_SIZE and _enough(one)]
    if not small or not tried:
        return _not_made()
    in_time = [epoch <= causes.SHORT for one in small for epoch in one.epochs]
    helped = [one for one in tried if one.all_left]
    stayed = not any(in_time)
    sizes = ", ".join(str(one.image_size) for one in small)
    changes = "; ".join(map(causes.change_words, helped))
    evidence = Text(
        f"In {causes.SHORT} epochs sigmoid "
        + ("stays at the prior" if stayed else "leaves the prior")
        + f" at {sizes} pixels. "
        + (f"At 224 pixels it learns with one change: {changes}." if helped else
           f"At 224 pixels none of {len(tried)} changes makes it learn."),
        f"{causes.SHORT} 轮内，sigmoid 在 {sizes.replace(', ', '、')} 像素下"
        + ("仍停在先验。" if stayed else "离开了先验。")
        + (f"在 224 像素下，仅改一处即可学会：{changes}。" if helped else
           f"在 224 像素下，试过的 {len(tried)} 种改动均无效。"),
    )  # fmt: skip
    if stayed and helped:
        return evidence, "not_reproduced"
    all_in_time = all(one.all_left for one in small) and all(in_time)
    return evidence, "reproduced" if all_in_time and not helped else "not_supported"


def _enough(one: causes.Experiment) -> bool:
    return len(one.runs) >= _needed()


def _not_made() -> tuple[Text, Verdict]:
    words = "The experiments on causes (configs/causes) have too few runs here."
    return Text(words, "关于原因的实验（configs/causes）运行次数不足。"), "not_yet_tested"


def _of(ours: Sequence[Run], experiment: str, epoch: int) -> list[Run]:
    return [run for run in ours if run.experiment == experiment and epoch in run.scores]


def _too_few(found: int) -> tuple[Text, Verdict]:
    words = f"{found} runs; the rule needs {_needed()}."
    return Text(words, f"只有 {found} 次运行；该规则需要 {_needed()} 次。"), "not_yet_tested"


def _thresholds() -> dict[str, float]:
    return _content()["thresholds"]


def _needed() -> int:
    return int(_thresholds()["seeds"])


RULES: dict[str, Callable[[dict[str, Any], Sequence[Run]], tuple[Text, Verdict]]] = {
    "constant": _constant,
    "better": _better,
    "gain": _gain,
    "two_figures": _two_figures,
}
CAUSE_RULES: dict[str, Callable[[Sequence[causes.Experiment]], tuple[Text, Verdict]]] = {
    "more_epochs": _more_epochs,
    "image_size": _image_size,
}
