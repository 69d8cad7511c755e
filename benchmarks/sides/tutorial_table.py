"""The tutorial's way: Paddle as it comes, one process, every photograph decoded in every epoch."""

import csv
from pathlib import Path

import cv2
import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from protocol import BATCH_SIZE, LEARNING_RATE, MOMENTUM, measure, parse

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}


def build(network: str, activation: str) -> nn.Sequential:
    act = ACTIVATIONS[activation]
    lenet = [
        nn.Conv2D(3, 6, 5), act(), nn.MaxPool2D(2, 2),
        nn.Conv2D(6, 16, 5), act(), nn.MaxPool2D(2, 2),
        nn.Conv2D(16, 120, 4), act(),
    ]  # fmt: skip
    if network == "lenet7":
        head = [nn.Flatten(), nn.Linear(300000, 64), act(), nn.Linear(64, 1)]
        return nn.Sequential(*lenet, *head)
    if network == "lenet9":
        more = [nn.MaxPool2D(2, 2), nn.Conv2D(120, 240, 6), act()]
        head = [nn.Flatten(), nn.Linear(96000, 32), act(), nn.Linear(32, 1)]
        return nn.Sequential(*lenet, *more, *head)
    return nn.Sequential(
        nn.Conv2D(3, 96, 11, stride=4, padding=5), act(), nn.MaxPool2D(2, 2),
        nn.Conv2D(96, 256, 5, padding=2), act(), nn.MaxPool2D(2, 2),
        nn.Conv2D(256, 384, 3, padding=1), act(),
        nn.Conv2D(384, 384, 3, padding=1), act(),
        nn.Conv2D(384, 256, 3, padding=1), act(), nn.MaxPool2D(2, 2),
        nn.Flatten(), nn.Linear(12544, 4096), act(), nn.Dropout(0.5), nn.Linear(4096, 1),
    )  # fmt: skip


def read(path: Path) -> np.ndarray:
    photograph = cv2.resize(cv2.imread(str(path)), (224, 224))
    return np.transpose(photograph, (2, 0, 1)).astype("float32") / 255 * 2 - 1


def main() -> None:
    args = parse()
    root = Path(args.data)
    train = sorted((root / "PALM-Training400").glob("*.jpg"))
    with (root / "labels.csv").open() as file:
        labelled = [
            (root / "PALM-Validation400" / row["imgName"], int(row["Label"]))
            for row in csv.DictReader(file)
        ]
    model = build(args.network, args.activation)
    optimizer = paddle.optimizer.Momentum(LEARNING_RATE, MOMENTUM, parameters=model.parameters())

    def step(batch: np.ndarray) -> None:
        files = [train[i] for i in batch]
        images = paddle.to_tensor(np.stack([read(file) for file in files]))
        labels = paddle.to_tensor([[float(file.name[0] == "P")] for file in files])
        loss = F.binary_cross_entropy_with_logits(model(images), labels)
        loss.item()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()

    def evaluate() -> float:
        model.eval()
        right = 0
        with paddle.no_grad():
            for start in range(0, len(labelled), BATCH_SIZE):
                files, labels = zip(*labelled[start : start + BATCH_SIZE], strict=True)
                logits = model(paddle.to_tensor(np.stack([read(file) for file in files])))
                right += int(((logits.numpy()[:, 0] >= 0) == np.array(labels)).sum())
        model.train()
        return right / len(labelled)

    measure(args, len(train), step, evaluate)


main()
