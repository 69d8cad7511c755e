"""Rebuild tables, figures and the report from the records of runs. Needs no Paddle.

python -m pm_cls.report --runs-dir runs --out results-mine

runs, or results/records  ->  report.html, table1.md/.csv/.tex, claims.md/.json, records.csv,
                              scores.csv, pairs.csv, intervals.csv, causes.csv, figures/, records/
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pm_cls import causes, claims, drawing, figures, page, results, runs, tables
from pm_cls.analysis import Analysis, analyse
from pm_cls.baselines import FILE as BASELINES
from pm_cls.command import new_parser, run_command
from pm_cls.errors import UsageError
from pm_cls.files import write_text, writing
from pm_cls.inspection import looks, pictures
from pm_cls.language import LANGUAGES, Language

OUT = Path("results-mine")  # results/ is what was published
RECORDS = "records"
RECORD_FILES = (runs.CONFIG, runs.ENVIRONMENT, runs.METRICS, runs.RESULT)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("report", __doc__)
    parser.add_argument(
        "--runs-dir",
        type=Path,
        default=Path("runs"),
        help="folder of runs, or results/records to rebuild from committed records (default: runs)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        help=f"folder to write (default: {OUT}); its figures and the finished runs in its records/ "
        f"are replaced, its {BASELINES} is read",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="the table is of seeds 0 to N-1; missing ones are named (default: all that are there)",
    )
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        default="en",
        help="the language of report.html; the other one stands beside it (default: en)",
    )
    parser.add_argument(
        "--photographs",
        type=Path,
        metavar="DIR",
        help="also write report-photographs.html: the photographs that most runs get wrong, from "
        "this folder; git ignores the file, as the photographs are not ours to publish",
    )
    args = parser.parse_args(arguments)
    if args.seeds is not None and args.seeds < 1:
        raise UsageError(f"--seeds {args.seeds}: a number from 1 on is needed")
    text = report(args.runs_dir, args.out, args.seeds, args.lang, args.photographs)
    print(f"\n{text}\nwritten: {args.out}; the report is {args.out / page.FILE}")


def report(
    runs_dir: Path,
    out: Path,
    seeds: int | None = None,
    language: Language = "en",
    photographs: Path | None = None,
) -> str:
    """Write the report, and all that it is made of, into `out`.

    Returns:
        The table as Markdown.

    Raises:
        UsageError: there is no finished run of the thesis' experiments, or `out` cannot be written.
        RunError: the disk is full.
        DataError: the folder of photographs lacks one that is to be shown.
    """
    found, problems = results.read_runs(runs_dir)
    table = results.build_table(found, problems, None if seeds is None else range(seeds))
    experiments = causes.find(found)
    if not table.runs and not experiments:
        raise UsageError(
            f"{runs_dir}: holds no finished run of the thesis' experiments"
            + ("" if seeds is None else f" with a seed below {seeds}")
            + "; train first, or name the folder that holds <experiment>/seed<k>: --runs-dir"
            + "".join(f"\n  left out: {problem}" for problem in problems)
        )
    judged = claims.judge(table.runs, experiments)
    analysis = analyse(table, out / BASELINES)
    pages = page.render(table, judged, analysis, experiments, language)
    if photographs is not None:
        pages |= page.render_photographs(table, photographs, language)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if runs_dir.resolve() != (out / RECORDS).resolve():
            _mirror(found, out / RECORDS)
        tables.write_records(found, out / "records.csv")
        tables.write_tables(table, out)
        tables.write_analysis(analysis, out)
        tables.write_claims(judged, table.marks, out)
        tables.write_causes(experiments, out)
        drawn = {
            file
            for name, figure in _figures(table, analysis, experiments)
            for file in drawing.save(figure, out / "figures" / name)
        }
        for stale in set((out / "figures").glob("*.[sp][vn]g")) - drawn:  # of other runs
            stale.unlink()
        for name, text in pages.items():
            write_text(out / name, text)
        for name in set(page.FILES) - set(pages):  # of another --lang
            (out / name).unlink(missing_ok=True)
    return tables.markdown(table)


def _figures(
    table: results.Table, analysis: Analysis, experiments: Sequence[causes.Experiment]
) -> Iterator[tuple[str, Figure]]:
    """What the runs give figures of, by name."""
    if table.runs:
        yield "learning_curves", figures.learning_curves(table)
    if any(row.n_runs for row in table.rows):
        yield "intervals", figures.intervals(table)
    if analysis.roc:
        yield "roc", figures.roc_curves(analysis)
    for experiment, found in analysis.reliability.items():
        yield f"reliability_{experiment}", figures.reliability(found)
    if analysis.baselines:
        yield "baselines", figures.baselines(table, analysis)
    if any(one.group == "size" for one in experiments):
        yield "causes", figures.leaving_the_prior(experiments)
    if causes.inspected(experiments):
        for quantity in figures.LAYER_QUANTITIES:
            yield f"layers_{quantity}", figures.layer_maps(experiments, quantity)
    for experiment, looked in analysis.looked.items():
        yield f"kernels_{experiment}", pictures.kernels(looked)
        yield f"mean_maps_{experiment}", pictures.mean_maps(looked)
    if analysis.looked:
        yield "probes", pictures.probes(analysis.looked)


def _mirror(found: Sequence[results.Run], records: Path) -> None:
    """Make `records` hold these runs without weights and logs, and no other finished run."""
    kept = set()
    for run in found:
        target = runs.run_folder(records, run.experiment, run.seed)
        kept.add(target)
        fresh = target.with_name(target.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        predictions = [runs.predictions_file(run.folder, epoch).name for epoch in run.scores]
        for name in (*RECORD_FILES, *predictions):
            shutil.copyfile(run.folder / name, fresh / name)
        inspected = [runs.GRADIENTS] if run.layers else []
        inspected += [looks.FACTS, looks.ARRAYS] if run.looks else []
        for name in inspected:
            (fresh / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(run.folder / name, fresh / name)
        for name in run.elsewhere:
            source = runs.evaluation_file(run.folder, name)
            copy = runs.evaluation_file(fresh, name)
            copy.parent.mkdir(exist_ok=True)
            for suffix in (".json", ".csv"):
                shutil.copyfile(source.with_suffix(suffix), copy.with_suffix(suffix))
        shutil.rmtree(target, ignore_errors=True)
        fresh.replace(target)
    for folder in records.glob("*/seed*"):
        if runs.is_finished(folder) and folder not in kept:
            shutil.rmtree(folder)
            if not any(folder.parent.iterdir()):
                folder.parent.rmdir()


if __name__ == "__main__":
    sys.exit(run_command(main))
