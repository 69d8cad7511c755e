"""This package: its own data, networks and loops; one thread."""

import numpy as np
from protocol import BATCH_SIZE, LEARNING_RATE, MOMENTUM, measure, parse

from pm_cls import device

args = parse()
if "mkl" in args.without:
    device.fast_mkl_code_path = lambda: None
if "memory" in args.without:
    device._keep_freed_memory = lambda: None
device.prepare("cpu")

import paddle  # noqa: E402

from pm_cls import engine, metrics  # noqa: E402
from pm_cls.config import DataConfig  # noqa: E402
from pm_cls.data import load_dataset  # noqa: E402
from pm_cls.models import build_model  # noqa: E402
from pm_cls.models.convolution import Conv2D  # noqa: E402
from pm_cls.models.pooling import MaxPool2D  # noqa: E402

dataset = load_dataset(DataConfig(root=args.data))
paddle.seed(0)
model = build_model(args.network, activation=args.activation, fast="filtering" not in args.without)
if "bias" in args.without:
    Conv2D.forward = paddle.nn.Conv2D.forward
if "pooling" in args.without:
    MaxPool2D.forward = paddle.nn.MaxPool2D.forward
optimizer = paddle.optimizer.Momentum(LEARNING_RATE, MOMENTUM, parameters=model.parameters())


def step(batch: np.ndarray) -> None:
    engine.train_one_epoch(model, optimizer, dataset.train, batch, BATCH_SIZE)


def evaluate() -> float:
    logits = engine.predict(model, dataset.validation.images, BATCH_SIZE)
    return metrics.scores(logits, dataset.validation.labels).accuracy


measure(args, len(dataset.train.labels), step, evaluate)
