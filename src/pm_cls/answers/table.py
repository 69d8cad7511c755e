"""Answers as CSV, one after another."""

import csv
from collections.abc import Iterable
from typing import TextIO

from pm_cls.runtime.journal import Answer


def write(answers: Iterable[Answer], file: TextIO) -> None:
    """A header and a line for each; what their columns are is taken from the first."""
    writer = csv.writer(file, lineterminator="\n")
    for number, one in enumerate(answers):
        logits = one["logit"] if isinstance(one["logit"], list | tuple) else [one["logit"]]
        if number == 0:
            columns = ["logit"] if len(logits) == 1 else [f"logit_{i}" for i in range(len(logits))]
            last = [] if one["is_sure"] is None else ["sure", "unlike"]
            last += [] if one["class_name"] is None else ["class"]
            writer.writerow(["image", *columns, "probability", "prediction", *last])
        row = [one["name"], *(f"{v:.9g}" for v in logits), f"{one['probability']:.9g}"]
        row.append(one["label"])
        if one["is_sure"] is not None:
            unlike = one["is_unlike"]
            row += [int(one["is_sure"]), "" if unlike is None else int(unlike)]
        row += [] if one["class_name"] is None else [one["class_name"]]
        writer.writerow(row)
