"""Write a trained network as a file for other programs. No medical device.

    python -m pm_cls.export --run runs/lenet7_relu/seed0 --out lenet7.onnx
    python -m pm_cls.export --run runs/lenet7_relu/seed0 --out lenet7 --format paddle

It takes pixels uint8 [n, channels, size, size] in RGB and gives logits, probabilities
and labels. It is kept only if its answers are those of the run.
"""

import sys
from collections.abc import Sequence

from pm_cls.runtime import device as devices
from pm_cls.runtime.command import Expanded, new_parser, run_command
from pm_cls.runtime.paths import typed_path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("export", __doc__)
    parser.add_argument("--run", action=Expanded, required=True, help="folder of a finished run")
    parser.add_argument("--epoch", type=int, help="a reported epoch (default: the last)")
    parser.add_argument(
        "--out", type=typed_path, required=True, help="file .onnx, or folder for paddle, to write"
    )
    parser.add_argument("--format", choices=("onnx", "paddle"), default="onnx")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="in 8 bits, fitted on training images; what accuracy it costs is told",
    )
    args = parser.parse_args(arguments)
    devices.prepare("cpu")
    from pm_cls.models import exporting
    from pm_cls.models.classifier import Run

    run = Run.read(args.run, args.epoch)
    found = exporting.export(run, args.out, args.format, int8=args.int8)
    print(f"written: {found.path}")
    if found.before is not None and found.after is not None:
        change = 100 * (found.after - found.before)
        print(
            f"accuracy on {found.compared}: {100 * found.after:.2f}% in 8 bits, "
            f"{100 * found.before:.2f}% of the run ({change:+.2f} points)"
        )
    else:
        print(
            f"largest difference of logits on {found.compared}: {found.difference:.2g} "
            "(of those beyond 1 in proportion)"
        )


if __name__ == "__main__":
    sys.exit(run_command(main))
