"""The table of each study beside our runs, with the spread over seeds: a section a study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from pm_cls.presentation.drawing import Figure, legend, plain
from pm_cls.presentation.text import (
    SEMICOLON,
    Language,
    Text,
    listed,
    percent,
    percent_interval,
    percent_more,
)
from pm_cls.report import columns
from pm_cls.report.columns import Column, number, words
from pm_cls.report.published import studies
from pm_cls.report.published.studies import Stated, Study
from pm_cls.report.runs import Record, grouped
from pm_cls.report.section import Content, Material, Section, marks
from pm_cls.report.sections import pairs
from pm_cls.report.sections.curves import learning_curve
from pm_cls.report.sections.rows import ACCURACY, MARKS, Row, draw_interval, rows_of, span

WIDE_GAP = 15  # points between two groups of rows
COUNTED = Text(
    "Accuracy is counted over all validation images; loss is the mean cross-entropy. With several "
    "seeds both are means over the runs; the SD (n - 1) and the 95% prediction interval of one new "
    "run (t, within 0 and 100) are of the accuracy; the files that end in intervals.csv have more.",
    "准确率按全部验证图像计算；损失为平均交叉熵。有多个随机种子时，二者均为各次运行的平均值；"
    "标准差（n - 1）和一次新运行的 95% 预测区间（t 分布，限于 0 至 100）针对准确率；"
    "更多数值见名称以 intervals.csv 结尾的文件。",
)
SYNTHETIC_NOTE = Text(
    "SYNTHETIC photographs were drawn by a program. The figures show that the chain works and say "
    "nothing about the thesis, so no difference is given.",
    "合成照片由程序绘制。这些数值只表明流程可以运行，与论文结论无关，因此不给出差值。",
)
SETTINGS_NOTE = Text(
    "Other settings than the {called}'s or, where it is silent, ours: {words}.",
    "与{called}不同的设置（{called}未说明之处，与本项目的设置比较）：{words}。",
)
MISSING_NOTE = Text(
    "Missing runs: {name} ({have} of {n} seeds; missing: seed {which}).",
    "缺少的运行：{name}（应有 {n} 个随机种子，现有 {have} 个；缺少种子 {which}）。",
)
COMMITS_NOTE = Text(
    "The runs are of differing commits: {parts}.", "各次运行来自不同的提交：{parts}。"
)
COMMIT_OF = Text("{commit} ({runs})", "{commit}（{runs}）")
COMMIT_NOTE = Text("All runs are of commit {commit}.", "全部运行来自提交 {commit}。")
UNOFFICIAL_NOTE = Text(
    "Not the official set of photographs: {counts}.", "不是官方的照片集：{counts}。"
)


@dataclass(frozen=True)
class Table:
    """What the template shows; learning curves and pairs of the thesis have their own sections."""

    study: Study
    title: Text
    rows: list[Row]
    notes: list[Text]
    curves: list[str]
    has_pairs: bool


_CSV = (
    "row=stated.row experiment=stated.experiment network=stated.network "
    "activation=stated.activation epochs=stated.epochs dataset {called}_accuracy=stated.accuracy "
    "{called}_loss=stated.loss accuracy=accuracy.mean loss=loss.mean accuracy_difference "
    "loss_difference n_runs n_images source=stated.source"
)
INTERVALS = columns.plain(  # of a row, the name of a score, and its summary
    "row=0.row experiment=0.experiment epochs=0.epochs score=1 n_runs=2.n mean=2.mean sd=2.sd "
    "mean_low=2.mean_interval.0 mean_high=2.mean_interval.1 new_run_low=2.new_interval.0 "
    "new_run_high=2.new_interval.1"
)


def paper(study: Study) -> list[Column]:
    """Of Markdown and LaTeX."""
    called = study.called.en
    return [
        Column("row", "stated.row"),
        Column("network", "stated.network", is_words=True),
        Column("activation", "stated.activation", is_words=True),
        Column("epochs", "stated.epochs"),
        Column(f"{called} accuracy %", "stated.accuracy", percent),
        Column("our accuracy %", "accuracy.mean", percent),
        Column("SD", "accuracy.sd", percent),
        Column("new run", "accuracy.new_interval", percent_interval),
        Column("difference", "accuracy_difference", percent_more),
        Column(f"{called} loss ×100", "stated.loss", percent),
        Column("our loss ×100", "loss.mean", percent),
        Column("difference", "loss_difference", percent_more),
        *([] if study.is_thesis else [Column("verdict", "verdict", is_words=True)]),
        Column("seeds", "seeds", is_words=True),
        Column("images", "n_images"),
        Column("data", "dataset", is_words=True),
        Column(f"{called}' source" if called == "thesis" else "source", "stated.source",
               is_words=True),
    ]  # fmt: skip


def page(study: Study) -> list[Column]:
    called = study.called
    own = [
        number("row", "行", "stated.row"),
        Column(Text("network", "网络"), "stated.network", study.named, is_words=True),
    ]
    if study.is_thesis:
        own.append(words("activation", "激活函数", "stated.activation"))
    elif len(study.images) > 1:
        own.append(Column(Text("data", "数据"), "data_name", study.named, is_words=True))
    return [
        *own,
        number("epochs", "轮数", "stated.epochs"),
        number(f"{called.en} %", f"{called.zh} %", "stated.accuracy", percent),
        number("mean %", "平均 %", "accuracy.mean", percent),
        number("SD", "标准差", "accuracy.sd", percent),
        number("95% of the mean", "均值 95% 区间", "accuracy.mean_interval", percent_interval),
        number("95% of a new run", "新运行 95% 区间", "accuracy.new_interval", percent_interval),
        number(f"{called.en} loss ×100", f"{called.zh}损失 ×100", "stated.loss", percent),
        number("mean loss ×100", "平均损失 ×100", "loss.mean", percent),
        number("runs", "运行数", "n_runs"),
        number("images", "图像数", "n_images"),
        *([] if study.is_thesis else [words("verdict", "判定", "verdict")]),
        Column(Text("source", "来源"), "stated.source", study.named, is_words=True),
    ]


def section(study: Study) -> Section:
    """The section of a study; that of the thesis is called `table`."""
    name = "table" if study.is_thesis else study.name
    return Section(name, study.nav, partial(make, study), template="table.html.j2")


def make(study: Study, material: Material) -> Content:
    found, seeds = material.studies[study.name], material.seeds[study.name]
    rows = rows_of(study, found, len(seeds))
    notes = [COUNTED, *study.notes, *_notes(study, material)]
    title, english = study.title + marks(found), [note.en for note in notes]
    spreads = [
        (row.stated, score, summary)
        for row in rows
        for score, summary in (("accuracy", row.accuracy), ("loss", row.loss))
        if summary is not None
    ]
    lines = "".join(f"- {note}\n" for note in english)
    with_runs = [row for row in rows if row.runs]
    is_told = material.has_study if study.is_thesis else bool(found)
    ending, figure = ("", "intervals") if study.is_thesis else (f"{study.name}_", study.name)
    drawn = {figure: partial(draw_intervals, study, with_runs)} if with_runs else {}
    curves = {} if study.is_thesis else grouped(found, lambda run: run.experiment)
    compared = [] if study.is_thesis else list(pairs.pairs(curves))
    texts = {
        f"{study.table}.md": f"# {title.en}\n\n{columns.markdown(paper(study), rows)}\n{lines}",
        f"{study.table}.csv": columns.csv(columns.plain(_CSV.format(called=study.called.en)), rows),
        f"{study.table}.tex": columns.latex(paper(study), rows, title.en, " ".join(english)),
        f"{ending}intervals.csv": columns.csv(INTERVALS, spreads),
    }
    return Content(
        told=Table(study, title, rows, notes, list(curves), bool(compared)) if is_told else None,
        files=texts if is_told or study.is_thesis else dict.fromkeys(texts),
        figures=drawn,
        page_figures={n: partial(learning_curve, ours) for n, ours in curves.items()},
        tables={
            "rows": partial(columns.html, page(study), rows),
            "pairs": partial(columns.html, pairs.PAGE, compared),
        },
    )


def _notes(study: Study, material: Material) -> Iterator[Text]:
    """What a reader of the table has to know of its runs."""
    found, seeds = material.studies[study.name], material.seeds[study.name]
    if any(run.is_synthetic for run in found):
        yield SYNTHETIC_NOTE
    if words := dict.fromkeys(words for run in found for words in study.deviations(run)):
        listing = listed(words, SEMICOLON)
        yield SETTINGS_NOTE.format(words=listing, called=study.called)
    there = grouped(found, lambda run: run.experiment)
    for name in study.names:
        missing = sorted(set(seeds) - {run.seed for run in there.get(name, [])})
        if missing:
            n, which = len(seeds), listed(map(str, missing))
            yield MISSING_NOTE.format(name=name, have=n - len(missing), n=n, which=which)
    for place, words_of_it in material.left_out.items():
        if place.partition("/")[0] in study.names:
            yield words_of_it
    by_commit = grouped(found, _commit)
    if len(by_commit) > 1:
        parts = (
            COMMIT_OF.format(commit=commit, runs=listed(run.called for run in ours))
            for commit, ours in by_commit.items()
        )
        yield COMMITS_NOTE.format(parts=listed(parts, SEMICOLON))
    elif by_commit:
        yield COMMIT_NOTE.format(commit=next(iter(by_commit)))
    unofficial = [run for run in found if not run.is_official and not run.is_synthetic]
    for counts in sorted({str(run.data.counts) for run in unofficial}):
        yield UNOFFICIAL_NOTE.format(counts=counts)


def _commit(run: Record) -> Text:
    """That of a run, with those where it went on."""
    later = [part.commit for part in run.environment.resumed]
    commits = dict.fromkeys((commit or "unknown")[:12] for commit in (run.commit, *later))
    words = listed(commits, Text(" then ", "，其后 "))
    return words + Text(" with changes", "（含未提交的改动）") if run.dirty else words


def draw_intervals(study: Study, rows: Sequence[Row], language: Language = "en") -> Figure:
    """The accuracy of each row: runs, mean, prediction interval of a new run, and the source.

    Where the rows lie in two places far apart, each place has a panel with a scale of its own.

    Args:
        rows: at least one, each with a run.
    """
    spans = sorted(map(span, rows))
    reached = list(accumulate((high for _, high in spans), max))
    gaps = [(low - reached[i], i + 1) for i, (low, _) in enumerate(spans[1:])]
    gap, cut = max(gaps, default=(0.0, 0))
    parts = [spans[:cut], spans[cut:]] if gap > WIDE_GAP else [spans]
    limits = []
    for part in parts:
        low, high = min(low for low, _ in part), max(high for _, high in part)
        margin = max(0.05 * (high - low), 0.5)
        limits.append((low - margin, high + margin))
    widths = [high - low for low, high in limits]
    shares = [max(width, max(widths) / 5) for width in widths]
    figure = Figure(figsize=(6.2, 0.36 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False, width_ratios=shares)[0]
    for axes, (low, high), share in zip(panels, limits, shares, strict=True):
        for place, row in enumerate(rows):
            draw_interval(axes, place, row)
        plain(axes, "x")
        axes.set_xlim(low, high)
        if share < max(shares):  # too narrow for two
            axes.set_xticks([(low + high) / 2], [f"{(low + high) / 2:.2f}"])
    names = [_name(study, row.stated).of(language) for row in rows]
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].invert_yaxis()
    panels[-1].set_xlabel(ACCURACY.of(language))
    words = {**MARKS, "stated": study.called}
    legend(figure, panels, len(words), words, language)
    return figure


def _name(study: Study, row: Stated) -> Text:
    activation = f" {row.activation}" if study.is_thesis else ""
    name = study.named(f"{row.network}{activation}")
    if row.dataset != next(iter(study.images)):
        data = study.named(study.data_names[row.dataset])
        name = Text("{name} ({data})", "{name}（{data}）").format(name=name, data=data)
    return Text("{name}, {epochs}", "{name}，{epochs}").format(name=name, epochs=row.epochs)


SECTIONS = [section(study) for study in studies.every()]
