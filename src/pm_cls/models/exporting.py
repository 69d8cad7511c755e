"""A finished run as a file for other programs: ONNX, or a folder for Paddle Inference.

The graph takes pixels uint8 [n, channels, size, size], 0 to 255, colours as RGB, and gives `logits`
and `probabilities`, float32 [n, outputs], and `labels`, int64: [n, outputs] of questions of yes or
no, [n] of classes. Scaling to [-1, 1] and the order of the channels that the
network was trained with are within it. What was written is loaded again and must give the
logits, probabilities and labels of the run before it takes its name.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

from pm_cls.data import Dataset, load_dataset
from pm_cls.data.transforms import in_order
from pm_cls.models import onnx_file
from pm_cls.models.build import build
from pm_cls.models.classifier import Run
from pm_cls.models.onnx_file import Answers
from pm_cls.models.weights import load_weights
from pm_cls.records import folder as places
from pm_cls.runtime.errors import DataError, RunError, UsageError
from pm_cls.runtime.files import write_json, writing
from pm_cls.runtime.paths import check_folder
from pm_cls.runtime.silence import quiet
from pm_cls.scores.calibration import right
from pm_cls.scores.target import Classes

COMPARED = 50  # images
ALLOWED = 1e-4  # of a logit (of one beyond 1, of its own size) and of a probability
FITTED_ON = 100  # training images by which the ranges of 8 bits are found
NO_DEVICE = "For research and teaching: no medical device."


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the ONNX file, or the folder of Paddle Inference.
        difference: largest one between its logits and those of the run; None of 8 bits.
        compared: what they were compared on.
        before, after: of 8 bits, accuracy of the run and of the file on the validation images.
    """

    path: Path
    difference: float | None
    compared: str
    before: float | None = None
    after: float | None = None


def export(run: Run, out: Path, kind: str = "onnx", *, int8: bool = False) -> Exported:
    """Write a run as `onnx` or `paddle`, checked against the run's own answers.

    Args:
        out: a file that ends in .onnx, replaced if it is there; or a folder that is not there.
        int8: weights and activations of convolutions and products of matrices in 8 bits, their
            ranges from training images; ONNX alone.

    Raises:
        UsageError: a place that does not do, or packages that are missing.
        DataError: 8 bits, and the data of the run are not there.
        RunError: the file answers otherwise than the run; nothing is left.
    """
    _check(out, kind, int8)
    data = _data(run, needed=int8)
    images, compared = _images(run, data)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        with writing(out), quiet():  # Paddle, paddle2onnx and onnxruntime tell of each step
            facts = _facts(run)
            graph = _Graph(run)
            made = _to_paddle(graph, aside / "paddle", facts)
            answers = _paddle_answers(made)
            if kind == "onnx":
                onnx_file.convert(made, aside / "model.onnx", facts)
                made = aside / "model.onnx"
                answers = onnx_file.answers_of(made)
            own = run.logits(_rgb(run, images))
            difference, differ = _compared(run, answers(images), own)
            if differ:
                raise RunError(
                    f"{out}: not written: it does not answer as {run.folder} on {compared}: "
                    f"{differ}; {ALLOWED:g} is allowed"
                )
            found = Exported(out, difference, compared)
            if int8 and data is not None:
                made, found = _in_8_bits(run, data, made, out)
            made.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return found


def _check(out: Path, kind: str, int8: bool) -> None:
    check_folder("--out", out.parent)
    if kind == "onnx":
        if out.suffix != ".onnx" or out.is_dir():
            raise UsageError(f"--out {out}: name a file that ends in .onnx")
        onnx_file.check_packages()
    else:
        if int8:
            raise UsageError("--int8 goes with --format onnx")
        if out.exists():
            raise UsageError(f"--out {out}: is there already; name a new folder")


class _Graph(nn.Layer):
    """Pixels -> logits and probabilities, by Paddle's own operations."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.network = build(run.config, run.spec, filled=False)
        load_weights(self.network, places.weights_file(run.folder, run.epoch))
        for layer in self.network.sublayers(include_self=True):
            if hasattr(layer, "fast"):
                layer.fast = False
        worth, size = run.calibration, run.config.data.image_size
        self.shape = [None, run.spec.channels, size, size]
        self.is_flipped = run.spec.channels == 3 and run.config.data.channel_order == "bgr"
        self.is_of_classes = isinstance(run.spec.target, Classes)
        self.temperature = 1.0 if worth is None else worth.temperature
        self.threshold = 0.5 if worth is None else worth.threshold
        self.eval()

    def forward(self, images: paddle.Tensor) -> tuple[paddle.Tensor, ...]:
        values = images.astype("float32")
        if self.is_flipped:
            values = values.flip(axis=[1])
        logits = self.network(values / 127.5 - 1)
        scaled = logits / self.temperature
        if self.is_of_classes:
            return logits, nn.functional.softmax(scaled), logits.argmax(axis=1)
        shares = nn.functional.sigmoid(scaled)
        return logits, shares, (shares >= self.threshold).astype("int64")


def _to_paddle(graph: _Graph, folder: Path, facts: dict[str, str]) -> Path:
    spec = [InputSpec(graph.shape, "uint8", "images")]
    traced = paddle.jit.to_static(graph, input_spec=spec, full_graph=True)
    paddle.jit.save(traced, str(folder / "model"))
    write_json(folder / "about.json", facts)
    return folder


def _paddle_answers(folder: Path) -> Answers:
    model = paddle.jit.load(str(folder / "model"))
    model.eval()

    def answers(images: np.ndarray) -> list[np.ndarray]:
        with paddle.no_grad():
            return [one.numpy() for one in model(paddle.to_tensor(images))]

    return answers


def _in_8_bits(run: Run, data: Dataset, file: Path, out: Path) -> tuple[Path, Exported]:
    small = file.with_name("int8.onnx")
    rows = np.random.default_rng(0).permutation(len(data.train.labels))[:FITTED_ON]
    shown = (_rgb(run, data.train.images[row : row + 1]) for row in np.sort(rows))
    onnx_file.quantize(file, small, shown)
    images, labels = data.validation.images, data.validation.labels
    in_8_bits = onnx_file.answers_of(small)(_rgb(run, images))[0]
    before, after = (
        float(right(run.calibration, run.spec.target, logits, labels).mean())
        for logits in (run.logits(images), in_8_bits)
    )
    accuracy = {"int8_accuracy": f"{after:.6f}", "float_accuracy": f"{before:.6f}"}
    onnx_file.describe(small, _facts(run) | accuracy)
    compared = f"the {len(labels)} validation images of {data.name}"
    return small, Exported(out, None, compared, before, after)


def _data(run: Run, needed: bool) -> Dataset | None:
    try:
        data = load_dataset(run.config.data)
        if needed:
            run.check_data(data, None)
        return data
    except (DataError, UsageError) as error:
        if needed:
            raise DataError(f"--int8 needs the data of the run: {error}")
        return None


def _images(run: Run, data: Dataset | None) -> tuple[np.ndarray, str]:
    """COMPARED validation images in RGB, or random pixels where the data are not there."""
    if data is not None:
        images = np.asarray(data.validation.images[:COMPARED])
        return _rgb(run, images), f"{len(images)} validation images of {data.name}"
    shape = (COMPARED, run.spec.channels, *[run.config.data.image_size] * 2)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8), (
        f"{COMPARED} images of random pixels, as the run's data are not there"
    )


def _rgb(run: Run, images: np.ndarray) -> np.ndarray:
    """Images as the data set has them, in RGB; and back."""
    return np.ascontiguousarray(in_order(images, run.config.data.channel_order))


def _compared(run: Run, found: list[np.ndarray], own: np.ndarray) -> tuple[float, str]:
    """The largest difference of logits from the run's own; and what differs, "" for nothing."""
    logits, probabilities, labels = found
    target, worth = run.spec.target, run.calibration
    if worth is None:
        shares, answers = target.probabilities(own)[:, -target.outputs :], target.predicted(own)
    else:
        shares, answers = worth.probabilities(own), worth.answers(own)
    largest = float((np.abs(logits - own) / np.maximum(np.abs(own), 1)).max())
    if not largest <= ALLOWED:  # NaN is none
        return largest, f"logits differ by {largest:.2g}"
    if not (apart := float(np.abs(probabilities - shares).max())) <= ALLOWED:
        return largest, f"probabilities differ by {apart:.2g}"
    if isinstance(target, Classes):
        rows = np.arange(len(shares))
        doubt = shares[rows, answers] - shares[rows, labels]
    else:
        doubt = np.abs(shares - run.threshold)
    wrong = (answers.reshape(labels.shape) != labels) & (doubt > ALLOWED)
    return largest, f"{wrong.sum()} of {wrong.size} labels differ" if wrong.any() else ""


def _facts(run: Run) -> dict[str, str]:
    """What a program that has the file alone needs to know, as text."""
    worth, data = run.calibration, run.config.data
    facts = {
        "experiment": run.config.experiment,
        "network": run.config.model.name,
        "seed": run.config.seed,
        "epoch": run.epoch,
        "data": data.name,
        "image_size": data.image_size,
        "input": "uint8 [n, channels, size, size], 0 to 255, RGB",
        "scaling": "in the graph: pixel / 127.5 - 1",
        "sampling": "bilinear of the four nearest pixels, without anti-aliasing, to a square",
        "field_of_view": data.field_of_view,
        "colour": data.colour,
        "temperature": 1.0 if worth is None else worth.temperature,
        "threshold": 0.5 if worth is None else worth.threshold,
        "note": NO_DEVICE,
    }
    if run.spec.classes:
        facts["classes"] = json.dumps(run.spec.classes, ensure_ascii=False)
    elif run.spec.of_photographs and run.spec.target.outputs == 1:
        facts["label_1"] = "pathological myopia"
    return {name: str(value) for name, value in facts.items()}
