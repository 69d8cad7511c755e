"""This package: its own data, networks and loops; one thread."""

import numpy as np
from protocol import BATCH_SIZE, LEARNING_RATE, MOMENTUM, measure, parse

from pm_cls.runtime import device

args = parse()
if "mkl" in args.without:
    device.fast_mkl_code_path = lambda: None
if "memory" in args.without:
    device._keep_freed_memory = lambda: None
device.prepare("cpu")

import paddle  # noqa: E402

from pm_cls.config import Config  # noqa: E402
from pm_cls.data import load_dataset  # noqa: E402
from pm_cls.models import build  # noqa: E402
from pm_cls.models.blocks import convolution  # noqa: E402
from pm_cls.models.blocks.convolution import Conv2D  # noqa: E402
from pm_cls.models.blocks.pooling import MaxPool2D  # noqa: E402
from pm_cls.models.blocks.stages import Sequential  # noqa: E402
from pm_cls.models.forward import logits_of  # noqa: E402
from pm_cls.scores import metrics  # noqa: E402
from pm_cls.train.epoch import train_one_epoch  # noqa: E402
from pm_cls.train.objective import Objective  # noqa: E402
from pm_cls.train.optimizers import build_optimizer, step_on_the_way  # noqa: E402

config = Config(
    experiment="benchmark",
    data={"root": args.data},
    model={
        "name": args.network,
        "activation": args.activation,
        "fast": "filtering" not in args.without,
    },
    optimizer={"learning_rate": LEARNING_RATE, "momentum": MOMENTUM},
)
dataset = load_dataset(config.data)
target = dataset.spec.target
model = build(config, dataset.spec)
if "bias" in args.without:
    Conv2D.forward = paddle.nn.Conv2D.forward
if "stages" in args.without:
    Sequential.forward = paddle.nn.Sequential.forward
if "tiles" in args.without:
    convolution.can_be_in_tiles = lambda *tensors: False
if "pooling" in args.without:
    MaxPool2D.forward = paddle.nn.MaxPool2D.forward
optimizer = build_optimizer(model.parameters(), config.optimizer)
if "steps" not in args.without:
    step_on_the_way(model, optimizer, config.optimizer)


split, objective = dataset.train, Objective(config.loss, dataset.spec, model)


def images(batch: np.ndarray) -> np.ndarray:
    return split.images[batch]


def loss(logits: paddle.Tensor, batch: np.ndarray) -> paddle.Tensor:
    return objective(logits, split.labels[batch])


def step(batch: np.ndarray) -> None:
    train_one_epoch(model, optimizer, images, loss, batch, batch_size=BATCH_SIZE)


def evaluate() -> float:
    logits = logits_of(model, dataset.validation.images, BATCH_SIZE)
    return metrics.scores(logits, dataset.validation.labels, target).accuracy


measure(args, len(dataset.train.labels), step, evaluate)
