"""A program of Paddle Inference as an ONNX file; in 8 bits; and the answers of such files.

Of a graph that takes `images`, uint8 [n, channels, size, size], and gives OUTPUTS.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from pm_cls.runtime.errors import RunError, UsageError

Answers = Callable[[np.ndarray], list[np.ndarray]]  # images -> one array of each of OUTPUTS

OUTPUTS = ("logits", "probabilities", "labels")
OPSET = 13
NEEDS = 'export to ONNX needs more packages: pip install -c constraints.txt -e ".[cpu,export]"'
IN_8_BITS = ("Conv", "MatMul", "Gemm")
AT_ONCE = 50  # images


def check_packages() -> None:
    """Raise UsageError where a package is missing or too old."""
    if paddle.__version__ < "3":
        raise UsageError(
            f"export to ONNX needs Paddle 3, and this is {paddle.__version__}; "
            "--format paddle does without"
        )
    try:
        import onnx
        import onnxruntime
        import paddle2onnx
    except ImportError:
        raise UsageError(NEEDS)
    del onnx, onnxruntime, paddle2onnx


def convert(folder: Path, file: Path, facts: dict[str, str]) -> None:
    """Write what `paddle.jit.save` wrote to folder/model, with facts as metadata.

    Raises:
        RunError: an operation that ONNX has not.
    """
    import onnx
    import onnxruntime
    import paddle2onnx

    program = next(f for f in map(folder.joinpath, ("model.json", "model.pdmodel")) if f.is_file())
    weights = folder / "model.pdiparams"
    onnxruntime.set_default_logger_severity(3)  # warns of constants that are taken out below
    try:
        # Its optimizers may install packages; `_simplify` does what is needed of them.
        files = str(program), str(weights), str(file)
        paddle2onnx.export(*files, opset_version=OPSET, optimize_tool="None")
    except Exception as error:  # of an operation that it does not know
        raise RunError(f"paddle2onnx cannot convert this network: {error}")
    model = onnx.load(str(file))
    given = [one.name for one in model.graph.output]
    names = dict(zip(given, OUTPUTS, strict=True))
    for node in model.graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(one, one) for one in ends]
    for one in model.graph.output:
        one.name = names[one.name]
    _simplify(model.graph)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


def _simplify(graph: Any) -> None:
    """Constants as initializers, of which alone 8 bits are made; no identities, nothing unused."""
    outputs = {one.name for one in graph.output}
    same: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [same.get(one, one) for one in node.input]
        if node.op_type == "Constant":
            (value,) = (one.t for one in node.attribute if one.name == "value")
            value.name = node.output[0]
            graph.initializer.append(value)
        elif node.op_type == "Identity" and node.output[0] not in outputs:
            same[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    values = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(values)


def answers_of(file: Path) -> Answers:
    """What a file answers, on the CPU.

    Raises:
        RunError: it cannot be loaded.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # a graph with values that it refuses
        raise RunError(f"the exported network cannot be loaded again: {error}")

    def answers(images: np.ndarray) -> list[np.ndarray]:
        blocks = (images[i : i + AT_ONCE] for i in range(0, len(images), AT_ONCE))
        each = [session.run(OUTPUTS, {"images": block}) for block in blocks]
        return [np.concatenate(one) for one in zip(*each, strict=True)]

    return answers


def quantize(file: Path, out: Path, fitted_on: Iterable[np.ndarray]) -> None:
    """Write a file with weights and activations in 8 bits.

    Args:
        fitted_on: images, one batch after the other, that show the ranges of the activations.
    """
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    batches = iter(fitted_on)

    class Reader(CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(batches, None)
            return None if batch is None else {"images": batch}

    kinds = list(IN_8_BITS)
    quantize_static(str(file), str(out), Reader(), per_channel=True, op_types_to_quantize=kinds)


def describe(file: Path, facts: dict[str, str]) -> None:
    """Write facts into a file as its metadata, in place of those it has."""
    import onnx

    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, str(file))
