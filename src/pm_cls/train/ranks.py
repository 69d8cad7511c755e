"""Processes that train one network together, as Paddle's launcher starts them.

Each rank takes its part of every batch; summed up, these are the batches of one process. Rank 0
alone keeps the record of the run. A process on its own is rank 0 of 1, for which none of this does
anything.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from pm_cls.runtime.errors import PmClsError, RunError, UsageError
from pm_cls.runtime.processes import end_with, stop_signals
from pm_cls.runtime.silence import silence

COUNT, RANK = "PADDLE_TRAINERS_NUM", "PADDLE_TRAINER_ID"
ENDPOINT, ENDPOINTS = "PADDLE_CURRENT_ENDPOINT", "PADDLE_TRAINER_ENDPOINTS"
MEND = "; the launcher sets all of these variables, and to train in one process none is needed"
WHERE = "the launcher keeps its words in log/workerlog.N, or in its --log_dir"


class Ranks:
    """This process among `count`; all methods but `take` are to be called by all of them.

    Those that exchange something raise a RunError where another rank has gone.
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank = rank
        self.count = count
        self._stopping = False
        self._dismissed = False

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def take(self, items: np.ndarray) -> np.ndarray:
        """This rank's part of some items: every `count`-th."""
        return items[self.rank :: self.count]

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over all ranks of a float array, of the same shape on each."""
        if self.count == 1:
            return values
        import paddle

        tensor = paddle.to_tensor(values)
        self._exchange("all_reduce", tensor)
        return tensor.numpy()

    def total_loss(self, loss: float) -> float:
        """The sum over all ranks.

        Raises:
            KeyboardInterrupt: one of them was told to stop; so that all stop at the same step.
        """
        loss, stopping = map(float, self.total(np.array([loss, float(self._stopping)])))
        if stopping:
            raise KeyboardInterrupt
        return loss

    def add_gradients(self, parameters: list[Any]) -> None:
        """Sum the gradient of each parameter over all ranks."""
        if self.count > 1:
            for parameter in parameters:
                if parameter.grad is not None:  # as of those that are not trained
                    self._exchange("all_reduce", parameter.grad)

    def all_of(self, part: np.ndarray, n: int, columns: int) -> np.ndarray:
        """Put together the rows float32 [*, columns] that the ranks made of what they `take` of n.

        Each of the n rows is of one rank, so none counts twice.
        """
        if self.count == 1:
            return part
        whole = np.zeros((n, columns), np.float32)
        whole[self.rank :: self.count] = part
        return self.total(whole)

    def share(self, content: bytes) -> bytes:
        """The bytes that rank 0 calls this with; empty where it has dismissed the others."""
        if self.count == 1:
            return content
        import paddle

        self._dismissed = True
        length = paddle.to_tensor(np.array([len(content)], np.int64))
        self._exchange("broadcast", length, 0)
        size = int(length.item())
        if not size:
            return b""
        mine = np.frombuffer(content, np.uint8) if self.is_first else np.zeros(size, np.uint8)
        tensor = paddle.to_tensor(mine.copy())
        self._exchange("broadcast", tensor, 0)
        return tensor.numpy().tobytes()

    def dismiss(self) -> None:
        """By rank 0: tell the others, which wait in `share`, that there is nothing to do."""
        if not self._dismissed:
            self.share(b"")

    def prepare(self, make: Callable[[], Any]) -> Any:
        """What `make` gives, once it gave something on every rank.

        Raises:
            PmClsError: `make` failed, here or on another rank.
        """
        failure = None
        try:
            made = make()
        except PmClsError as error:
            failure = error
        failed = self.total(np.eye(self.count)[self.rank] * float(failure is not None))
        if failure is not None:
            raise failure
        if failed.any():
            names = ", ".join(str(rank) for rank in np.flatnonzero(failed))
            raise RunError(f"rank {names} cannot begin; {WHERE}")
        return made

    @contextmanager
    def stopping_together(self) -> Iterator[None]:
        """Have signals wait for the next step, at which all ranks learn of them."""
        if self.count == 1:
            yield
            return
        numbers = stop_signals()
        before = [signal.signal(number, self._stop) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True  # the launcher sends more than one

    def _exchange(self, name: str, *arguments: Any) -> None:
        import paddle.distributed

        try:
            getattr(paddle.distributed, name)(*arguments)
        except RuntimeError as error:
            raise RunError(
                f"{self._gone(str(error))} has gone: killed, out of memory, or with an error of "
                f"its own; {WHERE}. The same command goes on after the last epoch that was kept "
                f"({' '.join(str(error).split())[-200:]})"
            )

    def _gone(self, error: str) -> str:
        """The rank that an error of gloo names, or the only other one."""
        if named := re.search(r"pair_rank = (\d+)", error):
            return f"rank {named[1]}"
        return f"rank {1 - self.rank}" if self.count == 2 else "another rank"


ALONE = Ranks()


def join(device: str) -> Ranks:
    """Meet the other ranks that the launcher started, if it did.

    Args:
        device: the prepared one, `cpu` or `gpu`.

    Raises:
        UsageError: of the environment that the launcher sets, a part is missing or senseless.
    """
    count = _count()
    if count == 1:
        return ALONE
    import paddle.distributed

    end_with(os.getppid())  # the launcher
    if device == "cpu":  # the launcher looks at CUDA_VISIBLE_DEVICES alone
        os.environ["PADDLE_DISTRI_BACKEND"] = "gloo"
    with silence():
        paddle.distributed.init_parallel_env()
    return Ranks(paddle.distributed.get_rank(), count)


def _count() -> int:
    """How many ranks the launcher started, by an environment that is checked."""
    if not any(os.environ.get(name) for name in (COUNT, RANK, ENDPOINT, ENDPOINTS)):
        return 1
    count = _number(COUNT, 1)
    rank = _number(RANK, 0) if count > 1 or os.environ.get(RANK) else 0
    if rank >= count:
        raise UsageError(f"{RANK}={rank}: with {COUNT}={count} it is from 0 to {count - 1}{MEND}")
    if count == 1 and "," not in os.environ.get(ENDPOINTS, ""):
        return 1
    endpoints = _value(ENDPOINTS).split(",")
    if len(set(endpoints)) != count or not all(map(_is_endpoint, endpoints)):
        raise UsageError(
            f"{ENDPOINTS}={','.join(endpoints)}: with {COUNT}={count}, {count} different HOST:PORT "
            f"are needed, separated by commas{MEND}"
        )
    if (own := _value(ENDPOINT)) != endpoints[rank]:
        raise UsageError(
            f"{ENDPOINT}={own}: with {RANK}={rank} it is {endpoints[rank]}, number {rank} of "
            f"{ENDPOINTS}{MEND}"
        )
    return count


def _value(name: str) -> str:
    if not (value := os.environ.get(name, "").strip()):
        raise UsageError(f"{name} is not set, but others of the launcher's variables are{MEND}")
    return value


def _number(name: str, least: int) -> int:
    value = _value(name)
    if not (value.isascii() and value.isdecimal() and int(value) >= least):
        raise UsageError(f"{name}={value}: a whole number from {least} on is needed{MEND}")
    return int(value)


def _is_endpoint(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536
