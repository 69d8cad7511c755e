"""Larger networks and larger photographs: a step of each, by this package, Paddle and PyTorch.

    python benchmarks/larger.py             # half an hour; names of networks as words for some

Prints two Markdown tables. The sides take turns; each computes on all cores: this package and
Paddle as two processes of one thread, PyTorch in the best of its ways.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SIDE = Path(__file__).parent / "sides" / "one_step.py"
NETWORKS = tuple(sys.argv[1:]) or ("resnet18", "resnet50", "googlenet", "densenet121", "vgg16")
CORES = len(os.sched_getaffinity(0))
TORCH = [
    (processes, [str(CORES // processes), form])
    for processes in sorted({1, CORES})
    for form in ("contiguous", "channels_last")
]
ROUNDS = 2


def seconds(
    side: str, network: str, size: int, batch: int, processes: int, options: list[str]
) -> tuple[float, float]:
    """Seconds a step of one process, where so many run side by side, and its peak in MB."""
    command = [sys.executable, str(SIDE), side, network, str(size), str(batch), *options]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    answers = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    return max(a["step"] for a in answers) / processes, max(a["peak_mb"] for a in answers)


def row(network: str, size: int = 224, batch: int = 10) -> str:
    best: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for side in ("pm_cls", "paddle", "torch"):
            ways = TORCH if side == "torch" else [(CORES, [])]
            for processes, options in ways:
                found = seconds(side, network, size, batch, processes, options)
                best[side] = min(best.get(side, found), found)
    ours, paddle, torch = (best[side][0] for side in ("pm_cls", "paddle", "torch"))
    return (
        f"| {network} | {size} | {batch} | {1e3 * ours:.0f} | {1e3 * paddle:.0f} | "
        f"{1e3 * torch:.0f} | {ours / torch:.2f} | {best['pm_cls'][1]:.0f} |"
    )


def main() -> None:
    head = ["network", "pixels", "batch", "pm_cls", "Paddle", "PyTorch", "pm_cls / PyTorch", "MB"]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for network in NETWORKS:
        print(row(network), flush=True)
    if len(sys.argv) == 1:
        for size in (224, 448, 896):
            print(row("lenet9", size), flush=True)
        for batch in (1, 10, 100):
            print(row("lenet9", batch=batch), flush=True)


if __name__ == "__main__":
    main()
