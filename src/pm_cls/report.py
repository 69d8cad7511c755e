"""Rebuild tables and figures from the records of runs. Needs no Paddle.

python -m pm_cls.report --runs-dir runs --out results

runs, or results/records  ->  records.csv, table1.md/.csv/.tex, figures/, records/
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pm_cls import figures, results, runs, tables
from pm_cls.errors import UsageError, run_command

RECORD_FILES = (runs.CONFIG, runs.ENVIRONMENT, runs.METRICS, runs.RESULT)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="pm_cls.report", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs-dir",
        type=Path,
        default=Path("runs"),
        help="folder of runs, or results/records to rebuild from committed records (default: runs)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results"), help="folder to write (default: results)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="seeds 0 to N-1 should be there (default: those that any run has)",
    )
    args = parser.parse_args(arguments)
    report(args.runs_dir, args.out, args.seeds)
    print(f"\n{(args.out / 'table1.md').read_text(encoding='utf-8')}\nwritten: {args.out}")


def report(runs_dir: Path, out: Path, seeds: int | None = None) -> None:
    """Write records.csv, the table, the figures and a copy of the records into `out`.

    Raises:
        UsageError: there is no folder of runs, or `out` cannot be written.
    """
    if not runs_dir.is_dir():
        raise UsageError(f"{runs_dir}: is no folder of runs; train first, or name it: --runs-dir")
    found, problems = results.read_runs(runs_dir)
    table = results.build_table(found, problems, None if seeds is None else range(seeds))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _keep_records(found, out / "records")
        tables.write_records(found, out / "records.csv")
        tables.write_tables(table, out)
        figures.write_learning_curves(found, table.marks, out / "figures")
    except OSError as error:
        raise UsageError(f"{error.filename or out}: cannot be written ({error.strerror})")


def _keep_records(found: Sequence[results.Run], records: Path) -> None:
    """Copy everything but weights and logs, so that `out` can be rebuilt from itself."""
    fresh = records.with_name(records.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for run in found:
        target = runs.run_folder(fresh, run.experiment, run.seed)
        target.mkdir(parents=True)
        predictions = [runs.predictions_file(run.folder, epoch).name for epoch in run.scores]
        for name in (*RECORD_FILES, *predictions):
            shutil.copyfile(run.folder / name, target / name)
    shutil.rmtree(records, ignore_errors=True)
    fresh.replace(records)


if __name__ == "__main__":
    sys.exit(run_command(main))
