"""What every side does, and what is measured of it: train, evaluate at the reported epochs."""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from statistics import median

import numpy as np

BATCH_SIZE, LEARNING_RATE, MOMENTUM = 10, 0.001, 0.9


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("network")
    parser.add_argument("activation")
    parser.add_argument("--data", required=True, help="originals (tutorial, pm_cls) or arrays.npz")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--report", type=int, nargs="+", required=True)
    parser.add_argument("--steps", type=int, help="steps of an epoch (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--without", nargs="*", default=[], help="changes to leave out")
    return parser.parse_args()


def measure(
    args: argparse.Namespace,
    n_train: int,
    step: Callable[[np.ndarray], None],
    evaluate: Callable[[], float],
) -> None:
    """Go through the epochs and print what was seen, as one line of JSON.

    BENCHMARK_STARTED is the time at which the process was started, in seconds since 1970.
    """
    started = float(os.environ["BENCHMARK_STARTED"])
    steps, evaluations, accuracy, first = [], [], None, 0.0
    for epoch in range(1, args.epochs + 1):
        order = np.random.default_rng([0, epoch]).permutation(n_train)
        for batch in np.split(order, range(BATCH_SIZE, n_train, BATCH_SIZE))[: args.steps]:
            began = time.perf_counter()
            step(batch)
            steps.append(time.perf_counter() - began)
            first = first or time.time() - started
        if epoch in args.report:
            began = time.perf_counter()
            accuracy = evaluate()
            evaluations.append(time.perf_counter() - began)
    found = {
        "start_up": first,
        "step": median(steps[min(3, len(steps) - 1) :]),
        "evaluation": median(evaluations) if evaluations else None,
        "accuracy": accuracy,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found))
