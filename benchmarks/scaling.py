"""Memory and time of preparation and training as the photographs become more.

    python benchmarks/scaling.py            # 800, 8,000 and 20,000 drawn photographs: half an hour

Prints a Markdown table. Memory is the largest RssAnon of the process, which leaves out the mapped
cache; Linux alone tells it.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNTS = tuple(map(int, sys.argv[1:])) or (800, 8_000, 20_000)
REPOSITORY = Path(__file__).parent.parent
PREPARE = (
    "import sys; from pm_cls.config import DataConfig; from pm_cls.data import load_dataset; "
    "load_dataset(DataConfig(root=sys.argv[1]))"
)


def peak_and_seconds(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Largest RssAnon in MB and the time that a command took; it must succeed."""
    began, peak = time.monotonic(), 0
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            lines = status.read_text().splitlines()
            peak = max(peak, *(int(x.split()[1]) for x in lines if x.startswith("RssAnon")), 0)
        except OSError:
            break
        time.sleep(0.05)
    if process.wait():
        sys.exit(f"failed: {' '.join(command)}")
    return peak / 1024, time.monotonic() - began


def measure(count: int, place: Path) -> list[tuple[float, float]]:
    """Of a first preparation, a second one, and an epoch with its evaluation."""
    data = place / f"data{count}"
    half = str(count // 2)
    drawing = [sys.executable, "-m", "pm_cls.data", "synthesize", "--out", str(data), "--seed", "0"]
    drawing += ["--train", half, "--validation", half, "--size", "64"]
    subprocess.run(drawing, check=True, stdout=subprocess.DEVNULL)
    time.sleep(2)  # files changed just now are not remembered
    environment = {**os.environ, "PM_CLS_CACHE": str(place / f"cache{count}")}
    prepare = [sys.executable, "-c", PREPARE, str(data)]
    training = [sys.executable, "-m", "pm_cls.train", "--device", "cpu", "--config"]
    training += [str(REPOSITORY / "configs" / "lenet7_relu.yaml"), "--runs-dir", str(place / half)]
    for setting in (f"data.root={data}", "train.epochs=1", "train.report_epochs=[1]"):
        training += ["--set", setting]
    return [peak_and_seconds(command, environment) for command in (prepare, prepare, training)]


def main() -> None:
    print("| photographs | preparation, MB | ms a photograph | again, s | training, MB | "
          "ms a photograph |\n| ---: | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    first = None
    with tempfile.TemporaryDirectory() as place:
        for count in COUNTS:
            prepared, again, trained = measure(count, Path(place))
            first = first or (prepared, trained)
            ratios = [
                now[0] / before[0] for now, before in zip((prepared, trained), first, strict=True)
            ]
            print(
                f"| {count:,} | {prepared[0]:.0f} ({ratios[0]:.2f}) | "
                f"{1000 * prepared[1] / count:.1f} | {again[1]:.1f} | "
                f"{trained[0]:.0f} ({ratios[1]:.2f}) | {1000 * trained[1] / count:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
