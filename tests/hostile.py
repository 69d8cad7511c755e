"""Reads damaged files of one kind, one after the other, in a process of its own.

    python -m tests.hostile KIND FIRST LAST FOLDER

Case k is the good file of FOLDER/KIND changed by a generator seeded with k. Each must end in a
result or in one of the package's own errors. A crash, a hang over LIMIT_SECONDS or more than
LIMIT_BYTES above what the process holds at the start ends the process; the last line names the
case.
"""

import faulthandler
import random
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

LIMIT_SECONDS = 10
LIMIT_BYTES = 2**30


def mutate(content: bytes, seed: int) -> bytes:
    """One to three of: bits flipped, cut, bytes put in, a block zeroed, doubled or replaced."""
    rng = random.Random(seed)
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data)) if data else 0
        size = min(rng.choice([1, 2, 4, 16, 64, 256]), len(data) - at)
        match rng.randrange(6):
            case 0:
                for _ in range(rng.randint(1, 8)):
                    if data:
                        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = rng.randbytes(rng.choice([1, 4, 64]))
            case 3:
                data[at : at + size] = bytes(size)
            case 4:
                data[at:at] = data[at : at + size]
            case 5:
                other = rng.randrange(len(data)) if data else 0
                data[at : at + size] = data[other : other + size]
    return bytes(data)


def _photograph(path: Path) -> None:
    from pm_cls.data.photographs.images import BadPhotograph, read_photograph, sample

    try:
        sample(read_photograph(path), 28)
    except BadPhotograph as error:
        raise Told from error


def _zip(path: Path) -> None:
    from pm_cls.data.photographs.archives import unpack

    out = path.parent / "unpacked"
    out.mkdir()
    try:
        unpack([path], out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _table(path: Path) -> None:
    from pm_cls.data.photographs.labels import read_labels

    read_labels(path)


def _config(path: Path) -> None:
    from pm_cls.config import load_config

    load_config(path)


def _digits(path: Path) -> None:
    from pm_cls.config import DataConfig
    from pm_cls.data import load_dataset

    load_dataset(DataConfig(name="mnist", root=str(path.parent), image_size=28))


def _weights(path: Path) -> None:
    from pm_cls.models.weights import load_weights

    load_weights(_network(), path)


def _checkpoint(path: Path) -> None:
    import paddle

    from pm_cls.train.checkpoint import State

    model = _network()
    before = [value.numpy() for value in model.parameters()]
    optimizer = paddle.optimizer.Momentum(0.1, parameters=model.parameters())
    progress = State(path.parent.parent, model, optimizer, "digest").resume()
    if progress.epoch == 0 and any(
        (a != b.numpy()).any() for a, b in zip(before, model.parameters(), strict=True)
    ):
        raise AssertionError("the network was changed by a checkpoint that was left out")


def _record(path: Path) -> None:
    from pm_cls.report.runs import read_runs

    read_runs(path.parent.parent.parent)


def _network():
    import paddle

    from pm_cls.models import build_model

    with paddle.utils.unique_name.guard():
        paddle.seed(0)
        return build_model("mnist_lenet", image_size=28)


class Told(Exception):
    """A failure in the package's own words."""


# By kind: the reader, and the file that is damaged, as a path below the folder of the kind.
KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "jpeg": (_photograph, "P0001.jpg"),
    "png": (_photograph, "P0001.png"),
    "zip": (_zip, "training.zip"),
    "xlsx": (_table, "labels.xlsx"),
    "csv": (_table, "labels.csv"),
    "yaml": (_config, "config.yaml"),
    "idx": (_digits, "train-images-idx3-ubyte"),
    "gz": (_digits, "train-labels-idx1-ubyte.gz"),
    "safetensors": (_weights, "weights.safetensors"),
    "checkpoint.safetensors": (_checkpoint, "checkpoint/epoch1.safetensors"),
    "checkpoint.json": (_checkpoint, "checkpoint/epoch1.json"),
    "result.json": (_record, "alexnet/seed0/result.json"),
    "environment.json": (_record, "alexnet/seed0/environment.json"),
    "metrics.jsonl": (_record, "alexnet/seed0/metrics.jsonl"),
    "predictions.csv": (_record, "alexnet/seed0/predictions_epoch5.csv"),
}
NEED_PADDLE = ("safetensors", "checkpoint.safetensors", "checkpoint.json")


def main(kind: str, first: int, last: int, folder: Path) -> None:
    from pm_cls.runtime.errors import PmClsError

    read, name = KINDS[kind]
    path = folder / kind / name
    good = path.read_bytes()
    if kind in NEED_PADDLE:
        from pm_cls.runtime import device

        device.prepare("cpu")
    read(path)  # the good file is read, and whatever is imported late is there
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + LIMIT_BYTES, held + LIMIT_BYTES))
    told = 0
    for case in range(first, last):
        path.write_bytes(mutate(good, case))
        print(f"{kind} case {case}", flush=True)
        faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
        try:
            read(path)
        except (PmClsError, Told):
            told += 1
        finally:
            faulthandler.cancel_dump_traceback_later()
    path.write_bytes(good)
    print(f"done {last - first} {told}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
