"""Show on a page of this machine what finished runs answer to photographs: no medical device.

    pm-cls demo --runs-dir runs

Open the address that it prints in a browser; Ctrl-C ends it. Only this machine reaches the page,
nothing leaves it, and photographs are forgotten once they are answered.
"""

import sys
from collections.abc import Sequence

from pm_cls.presentation.text import LANGUAGES
from pm_cls.runtime import device as devices
from pm_cls.runtime.command import add_device, new_parser, run_command
from pm_cls.runtime.paths import typed_path

PORT = 8765


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("demo", __doc__)
    parser.add_argument(
        "--runs-dir", type=typed_path, default="runs", help="folder of runs (default: runs)"
    )
    parser.add_argument(
        "--data",
        type=typed_path,
        help="the photographs that the simple answers are fitted on, if not where the run was "
        "trained",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"default: {PORT}; 0 takes any that is free"
    )
    parser.add_argument(
        "--lang", choices=LANGUAGES, help="of the page (default: that of the browser)"
    )
    add_device(parser)
    args = parser.parse_args(arguments)
    device = devices.prepare(args.device)
    from pm_cls.demo.answering import Answering
    from pm_cls.demo.server import Server

    with Server(args.port, Answering(args.runs_dir, args.data, device), args.lang) as server:
        print(f"{server.address}   open this in a browser; Ctrl-C ends it", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(run_command(main))
