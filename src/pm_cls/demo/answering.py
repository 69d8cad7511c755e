"""What the page asks for: a run's answer to a photograph, and those of the simple answers.

Paddle computes in one thread alone, the simple answers are fitted in another.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pm_cls import baselines
from pm_cls.answers import page, pictures
from pm_cls.data import load_dataset
from pm_cls.data.photographs.colours import BadPhotograph
from pm_cls.data.photographs.fundus import Kind, draw_photograph
from pm_cls.data.photographs.images import nearly_black, read_photograph
from pm_cls.data.photographs.views import sampler
from pm_cls.data.transforms import in_order
from pm_cls.inspect.saliency import has_convolutions
from pm_cls.models.classifier import Run
from pm_cls.presentation.text import Text
from pm_cls.records import folder as places
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.silence import silence
from pm_cls.runtime.threads import one_thread

SIMPLE = "4x4 thumbnail"
LOADED = 2  # networks in memory; AlexNet has 230 MB
EXAMPLES: tuple[Kind, ...] = ("P", "N", "P", "H")
EXAMPLE_SIZE = 320
LAYOUT_FOLLOWS = "; expected:"


@dataclass(frozen=True)
class Found:
    """A run of the folder; `problem` says why it cannot answer."""

    name: str
    folder: Path
    run: Run | None
    is_synthetic: bool = False
    problem: Text | None = None


class Answering:
    """Finished runs of a folder, each of which answers.

    Args:
        runs_dir: runs/<experiment>/seed<k> lie in it, or it is one of these folders.
        data: where the photographs lie that the simple answers are fitted on; None: where the run
            was trained.
        device: what `runtime.device.prepare` gave.

    Raises:
        UsageError: there is no finished run, or none that can answer.
    """

    def __init__(self, runs_dir: Path, data: Path | None = None, device: str = "cpu") -> None:
        folders = [runs_dir] if places.is_finished(runs_dir) else []
        folders += places.finished_below(runs_dir)
        self.runs = [_found(one) for one in folders]
        if not self.runs:
            raise UsageError(
                f"--runs-dir {runs_dir}: holds no finished run; `pm-cls train` makes one"
            )
        problems = [f"{one.name}: {one.problem.en}" for one in self.runs if one.problem]
        if len(problems) == len(self.runs):
            raise UsageError(f"--runs-dir {runs_dir}: no run can answer; {problems[0]}")
        self._data = data
        self._networks = ThreadPoolExecutor(1, "networks", _begin, (device,))
        self._simple = ThreadPoolExecutor(1, "simple answers")
        self._loaded = lru_cache(LOADED)(self._run)
        self._fitted = lru_cache(LOADED)(self._fit)

    def close(self) -> None:
        for one in (self._networks, self._simple):
            one.shutdown(wait=False, cancel_futures=True)

    def answer(self, number: int, content: bytes) -> dict[str, Any]:
        """The answer of a run, with its threshold and pictures, to the content of a file.

        Raises:
            BadPhotograph: it cannot be read as one.
            UsageError: its weights are missing or damaged.
        """
        return self._networks.submit(self._answer, number, content).result()

    def simple(self, number: int, content: bytes) -> dict[str, Any]:
        """The probability that a linear model on 48 numbers gives; raises as `answer`.

        Raises:
            DataError: the photographs that it is fitted on are not there, or are others.
        """
        return self._simple.submit(self._simply, number, content).result()

    def _run(self, number: int) -> Run:
        found = self.runs[number]
        if found.run is None or found.problem:
            raise UsageError(f"{found.name}: {found.problem and found.problem.en}")
        return Run(found.folder, found.run.config, found.run.epoch)  # without a network yet

    def _answer(self, number: int, content: bytes) -> dict[str, Any]:
        run = self._loaded(number)
        photograph = _sampled(run, content)
        (one,) = run.shown(["photograph"], photograph)
        labels = np.array([one.label])
        heat = None
        if has_convolutions(run.network):
            (heat,) = pictures.heat_maps(run, photograph, labels, "grad-cam")
        return {
            **asdict(one),
            **page.about(run, "grad-cam"),
            "is_dark": bool(nearly_black(photograph)[0]),
            "image": pictures.thumbnail(photograph[0]),
            "heat": None if heat is None else pictures.overlaid(photograph[0], heat),
        }

    def _simply(self, number: int, content: bytes) -> dict[str, Any]:
        run = self._run(number)
        if run.spec.target.outputs != 1:
            raise DataError(
                "a linear model is fitted for two classes, and this network tells more apart"
            )
        fitted = self._fitted(str(self._data or run.config.data.root), number)
        as_fitted = in_order(_sampled(run, content), run.config.data.channel_order)
        logit = float(fitted.logits(as_fitted)[0, 0])
        probability = 1 / (1 + np.exp(-logit))
        return {"name": fitted.name, "numbers": fitted.numbers, "probability": float(probability)}

    def _fit(self, root: str, number: int) -> baselines.Fitted:
        run = self._run(number)
        try:
            dataset = load_dataset(run.data_at(root))
        except DataError as error:
            said, *more = str(error).splitlines()
            if more and not said.endswith(LAYOUT_FOLLOWS):  # the first of the bad photographs
                said = f"{said} {more[0].strip()}"
            said = said.removesuffix(LAYOUT_FOLLOWS)
            raise DataError(f"{said}; `pm-cls demo --data DIR` names another folder")
        if not run.is_of(dataset):
            raise DataError(f"{root}: holds other photographs than the run was trained on")
        (fitted,) = (one for one in baselines.fit(dataset.train, [SIMPLE]) if one.name == SIMPLE)
        return fitted


def _begin(device: str) -> None:
    """What Paddle keeps for each thread; `prepare` would take the signals from the main one."""
    import paddle

    paddle.set_device(device)
    one_thread()


def _found(folder: Path) -> Found:
    name = places.run_name(folder)
    try:
        run = Run(folder, places.read_config(folder))
        run.check_photographs()
        is_synthetic = run.is_synthetic
    except UsageError as error:
        return Found(name, folder, None, problem=Text(str(error), f"无法使用（{error}）"))
    problem = None
    if not places.weights_file(folder, run.epoch).is_file():
        problem = Text("its weights are not there", "缺少权重文件")
    return Found(name, folder, run, is_synthetic, problem)


def _sampled(run: Run, content: bytes) -> np.ndarray:
    """uint8 [1, 3, size, size] in RGB; raises BadPhotograph."""
    with silence():
        image = read_photograph(io.BytesIO(content))
    return sampler(run.config.data)(image, run.config.data.image_size)[np.newaxis].copy()


@lru_cache(len(EXAMPLES))
def example(number: int) -> bytes:
    """A drawn photograph as JPEG; IndexError beyond EXAMPLES."""
    from PIL import Image

    pixels, _ = draw_photograph(np.random.default_rng([7, number]), EXAMPLES[number], EXAMPLE_SIZE)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


__all__ = ["EXAMPLES", "Answering", "BadPhotograph", "Found", "example"]
