"""Rebuild tables and figures from the records of runs. Needs no Paddle.

python -m pm_cls.report --runs-dir runs --out results

runs, or results/records  ->  records.csv, table1.md/.csv/.tex, intervals.csv, claims.md/.json,
                              figures/, records/
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pm_cls import claims, figures, results, runs, tables
from pm_cls.command import new_parser, run_command
from pm_cls.errors import UsageError

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
        default=Path("results"),
        help="folder to write (default: results); in its records/ the finished runs take the place "
        "of all others",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="the table is of seeds 0 to N-1; missing ones are named (default: all that are there)",
    )
    args = parser.parse_args(arguments)
    if args.seeds is not None and args.seeds < 1:
        raise UsageError(f"--seeds {args.seeds}: a number from 1 on is needed")
    print(f"\n{report(args.runs_dir, args.out, args.seeds)}\nwritten: {args.out}")


def report(runs_dir: Path, out: Path, seeds: int | None = None) -> str:
    """Write records.csv, the table, the claims, the figures and the records into `out`.

    Returns:
        The table as Markdown.

    Raises:
        UsageError: there is no finished run of the thesis' experiments, or `out` cannot be written.
    """
    found, problems = results.read_runs(runs_dir)
    table = results.build_table(found, problems, None if seeds is None else range(seeds))
    if not table.runs:
        raise UsageError(
            f"{runs_dir}: holds no finished run of the thesis' experiments"
            + ("" if seeds is None else f" with a seed below {seeds}")
            + "; train first, or name the folder that holds <experiment>/seed<k>: --runs-dir"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        if runs_dir.resolve() != (out / RECORDS).resolve():
            _mirror(found, out / RECORDS)
        tables.write_records(found, out / "records.csv")
        tables.write_tables(table, out)
        tables.write_claims(claims.judge(table.runs), table.marks, out)
        figures.write_learning_curves(table, out / "figures")
    except OSError as error:
        raise UsageError(f"{error.filename or out}: cannot be written ({error.strerror})")
    return tables.markdown(table)


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
        shutil.rmtree(target, ignore_errors=True)
        fresh.replace(target)
    for folder in records.glob("*/seed*"):
        if runs.is_finished(folder) and folder not in kept:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(run_command(main))
