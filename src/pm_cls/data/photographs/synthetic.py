"""Draw a synthetic set of fundus photographs, for users who do not have iChallenge-PM.

The set has the folders, names, class mix and label table of the official one, so whatever runs on
the real photographs runs on it. No pixel comes from a real photograph, and accuracies on the set
say nothing about eyes.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from pm_cls.config import SYNTHETIC
from pm_cls.data.photographs.fundus import Kind, draw_photograph
from pm_cls.data.photographs.labels import FILE_NAMES
from pm_cls.data.photographs.layout import MARKER, TRAINING_FOLDER, VALIDATION_FOLDER
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import csv_text, write_text, writing
from pm_cls.runtime.locks import alone

# The official class mix; the validation labels tell P (211 of 400) from the rest only, so the
# rest is split as in training.
TRAINING_MIX: dict[Kind, int] = {"P": 213, "N": 161, "H": 26}
VALIDATION_MIX: dict[Kind, int] = {"P": 211 * 187, "N": 189 * 161, "H": 189 * 26}
JPEG_QUALITY = 92
# A photograph is drawn from default_rng([seed, stream, number in its name]).
STREAMS = {"P": 0, "N": 1, "H": 2, "V": 3}
ORDER_STREAM = 4


def _class_counts(count: int, mix: dict[Kind, int]) -> dict[Kind, int]:
    """Split `count` as `mix` (largest remainders), each class at least one if there is room."""
    exact = {kind: count * share / sum(mix.values()) for kind, share in mix.items()}
    counts = {kind: int(value) for kind, value in exact.items()}
    by_remainder = sorted(mix, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_remainder[: count - sum(counts.values())]:
        counts[kind] += 1
    for kind in mix:
        largest = max(mix, key=lambda k: counts[k])
        if counts[kind] == 0 and counts[largest] > 1:
            counts[largest] -= 1
            counts[kind] = 1
    return counts


def synthesize(
    out: Path,
    *,
    seed: int = 0,
    train: int = 400,
    validation: int = 400,
    size: int = 320,
) -> None:
    """Write a synthetic set of `train` + `validation` photographs into the folder `out`.

    Writes PALM-Training400/{P,N,H}0001.jpg..., PALM-Validation400/V0001.jpg... (JPEG, `size` x
    `size` pixels), labels.csv (validation only: label 1 for P, the fovea in pixels of the
    photograph) and dataset.json. The set is drawn in a temporary folder beside `out` and renamed
    at the end, so `out` is never half a set; if it holds this very set already, nothing is done.
    The same name, seed, size and class give the same pixels, whatever else is drawn.

    Raises UsageError if a number is out of range, if `out` holds anything else, or if it cannot be
    written; RunError if the disk is full.
    """
    if train < 3 or validation < 2 or not 32 <= size <= 4096 or seed < 0:
        raise UsageError(
            f"got train={train}, validation={validation}, size={size}, seed={seed}; "
            "accepted: train >= 3, validation >= 2, size 32 to 4096, seed >= 0"
        )
    about = {"name": SYNTHETIC, "seed": seed, "train": train, "validation": validation}
    record = json.dumps(about | {"size": size}) + "\n"
    if _is_there(out, record):
        return

    order: list[Kind] = []
    for kind, count in _class_counts(validation, VALIDATION_MIX).items():
        order += [kind] * count
    np.random.default_rng([seed, ORDER_STREAM]).shuffle(order)
    photographs: list[tuple[str, int, Kind]] = [
        (kind, number, kind)
        for kind, count in _class_counts(train, TRAINING_MIX).items()
        for number in range(1, count + 1)
    ]
    photographs += [("V", number, kind) for number, kind in enumerate(order, start=1)]

    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with alone(out.parent / f".{out.name}.lock"):  # two commands may want the same set
            if not _is_there(out, record):
                _write(out, photographs, seed, size, record)


def _is_there(out: Path, record: str) -> bool:
    """Whether a folder holds this very set; UsageError where it holds anything else."""
    if (out / MARKER).is_file() and (out / MARKER).read_bytes() == record.encode():
        return True
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not the synthetic set {record.strip()}")
    return False


def _write(
    out: Path, photographs: list[tuple[str, int, Kind]], seed: int, size: int, record: str
) -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        draft = Path(temporary) / out.name
        (draft / TRAINING_FOLDER).mkdir(parents=True)
        (draft / VALIDATION_FOLDER).mkdir()
        shown = tqdm(photographs, "drawing photographs", disable=None, leave=False)
        for letter, number, kind in shown:
            rng = np.random.default_rng([seed, STREAMS[letter], number])
            pixels, (x, y) = draw_photograph(rng, kind, size)
            name = f"{letter}{number:04d}.jpg"
            folder = VALIDATION_FOLDER if letter == "V" else TRAINING_FOLDER
            Image.fromarray(pixels).save(draft / folder / name, quality=JPEG_QUALITY)
            if letter == "V":
                rows.append([number, name, int(kind == "P"), f"{x:.2f}", f"{y:.2f}"])
        table = csv_text(["ID", "imgName", "Label", "Fovea_X", "Fovea_Y"], rows)
        write_text(draft / FILE_NAMES[0], table)
        (draft / MARKER).write_text(record)
        if out.exists():  # an empty folder, which not every system renames onto
            out.rmdir()
        draft.rename(out)
