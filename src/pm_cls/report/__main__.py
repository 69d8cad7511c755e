"""Rebuild tables, figures and the report from the records of runs. Needs no Paddle.

python -m pm_cls.report --runs-dir runs --out results-mine

runs, or results/records  ->  report.html, report.zh.html, the table of each study as Markdown, CSV
                              and LaTeX, claims.md and statements.md with the verdicts, a CSV of
                              each other table, figures/, records/
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pm_cls.data import named_roots
from pm_cls.presentation.text import LANGUAGES
from pm_cls.records import baselines, networks
from pm_cls.report import report
from pm_cls.runtime.command import Expanded, new_parser, run_command
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.paths import OUT, OUT_SYNTHETIC, typed_path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("report", __doc__)
    parser.add_argument(
        "--runs-dir",
        action=Expanded,
        default=Path("runs"),
        help="folder of runs, or results/records to rebuild from committed records (default: runs)",
    )
    parser.add_argument(
        "--out",
        type=typed_path,
        help=f"folder to write (default: {OUT}; {OUT_SYNTHETIC} of drawn photographs); its figures "
        f"and the finished runs in its records/ are replaced, its {baselines.FILE} "
        f"and {networks.FILE} are read",
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
        action=Expanded,
        metavar="DIR",
        help="also write report-photographs.html: the photographs that most runs get wrong, from "
        "this folder; git ignores the file, as the photographs are not ours to publish",
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="the same of another data set's images, as mnist=data/mnist",
    )
    args = parser.parse_args(arguments)
    if args.seeds is not None and args.seeds < 1:
        raise UsageError(f"--seeds {args.seeds}: a number from 1 on is needed")
    made = report(
        args.runs_dir,
        args.out,
        args.seeds,
        language=args.lang,
        photographs=args.photographs,
        roots=named_roots(args.root),
    )
    print(f"\n{made.summary}\nwritten: {made.out}; the report is {made.page}")


if __name__ == "__main__":
    sys.exit(run_command(main))
