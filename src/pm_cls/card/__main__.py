"""A model card of a finished run: what it is, how good its answers are, what nobody has measured.

    python -m pm_cls.card --run runs/lenet7_relu/seed0 --out card.md

Markdown that opens with the YAML which hubs of models read. All of it comes from the files of the
run; what none of them tells is said to be missing, with the command that measures it.
"""

import sys
from collections.abc import Sequence

from pm_cls.card import card
from pm_cls.presentation.text import LANGUAGES
from pm_cls.runtime.command import Expanded, new_parser, run_command
from pm_cls.runtime.files import write_text, writing
from pm_cls.runtime.paths import check_output, typed_path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("card", __doc__)
    parser.add_argument("--run", action=Expanded, required=True, help="folder of a finished run")
    parser.add_argument(
        "--out", type=typed_path, metavar="FILE.md", help="file to write (default: the terminal)"
    )
    parser.add_argument(
        "--lang", choices=LANGUAGES, default="en", help="the language of the card (default: en)"
    )
    args = parser.parse_args(arguments)
    if args.out is not None:
        check_output("--out", args.out, (".md",))
    text = card(args.run, args.lang)
    if args.out is None:
        print(text, end="")
        return
    with writing(args.out):
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(args.out, text)
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(run_command(main))
