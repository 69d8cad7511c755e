"""Bulk prediction on one thread: Paddle as it comes, this package, Paddle Inference with oneDNN."""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pm_cls.runtime import device

network, way = sys.argv[1:]
if way == "dynamic graph as Paddle comes":
    device.fast_mkl_code_path = lambda: None
device.prepare("cpu")

import paddle  # noqa: E402
from paddle import inference  # noqa: E402

from pm_cls import build_model  # noqa: E402
from pm_cls.config import Config  # noqa: E402
from pm_cls.data.transforms import to_float  # noqa: E402
from pm_cls.models.blocks.convolution import Conv2D  # noqa: E402
from pm_cls.models.forward import logits_of  # noqa: E402

is_ours = way == "pm_cls"
if not is_ours:
    Conv2D.forward = paddle.nn.Conv2D.forward
model = build_model(Config(experiment="benchmark", model={"name": network, "fast": is_ours}))
model.eval()
images = np.random.default_rng(0).integers(0, 256, (40, 3, 224, 224), dtype=np.uint8)


def with_onednn(folder: str):
    """A function like logits_of, on the exported network."""
    shape = paddle.static.InputSpec([None, 3, 224, 224], "float32")
    paddle.jit.save(model, f"{folder}/network", input_spec=[shape])
    program = next(p for p in Path(folder).iterdir() if p.suffix in (".json", ".pdmodel"))
    config = inference.Config(str(program), f"{folder}/network.pdiparams")
    config.set_cpu_math_library_num_threads(1)
    config.disable_glog_info()
    (config.enable_onednn if hasattr(config, "enable_onednn") else config.enable_mkldnn)()
    predictor = inference.create_predictor(config)
    given = predictor.get_input_handle(predictor.get_input_names()[0])
    made = predictor.get_output_handle(predictor.get_output_names()[0])

    def predict() -> None:
        for start in range(0, len(images), 10):
            given.copy_from_cpu(to_float(images[start : start + 10]))
            predictor.run()
            made.copy_to_cpu()

    return predict


predict = lambda: logits_of(model, images, 10)  # noqa: E731
if way == "Paddle Inference, oneDNN":
    with tempfile.TemporaryDirectory() as folder:
        predict = with_onednn(folder)
predict()
times = []
for _ in range(5):
    began = time.perf_counter()
    predict()
    times.append(time.perf_counter() - began)
print(json.dumps({"seconds_per_image": min(times) / len(images)}))
