"""PyTorch, eager or compiled, written to be fast: floats made once, gradients freed, fused SGD."""

import numpy as np
import torch
from protocol import BATCH_SIZE, LEARNING_RATE, MOMENTUM, measure, parse
from torch import nn

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}


def build(network: str, activation: str) -> nn.Sequential:
    act, pool = ACTIVATIONS[activation], nn.MaxPool2d
    lenet = [
        nn.Conv2d(3, 6, 5), act(), pool(2),
        nn.Conv2d(6, 16, 5), act(), pool(2),
        nn.Conv2d(16, 120, 4), act(),
    ]  # fmt: skip
    if network == "lenet7":
        head = [nn.Flatten(), nn.Linear(300000, 64), act(), nn.Linear(64, 1)]
        return nn.Sequential(*lenet, *head)
    if network == "lenet9":
        head = [nn.Flatten(), nn.Linear(96000, 32), act(), nn.Linear(32, 1)]
        return nn.Sequential(*lenet, pool(2), nn.Conv2d(120, 240, 6), act(), *head)
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4, padding=5), act(), pool(2),
        nn.Conv2d(96, 256, 5, padding=2), act(), pool(2),
        nn.Conv2d(256, 384, 3, padding=1), act(),
        nn.Conv2d(384, 384, 3, padding=1), act(),
        nn.Conv2d(384, 256, 3, padding=1), act(), pool(2),
        nn.Flatten(), nn.Linear(12544, 4096), act(), nn.Dropout(0.5), nn.Linear(4096, 1),
    )  # fmt: skip


def main() -> None:
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    form = torch.channels_last if args.channels_last else torch.contiguous_format
    stored = np.load(args.data)
    train, validation = (
        (torch.from_numpy(stored[f"{split}_images"]).float() / 127.5 - 1).to(memory_format=form)
        for split in ("train", "validation")
    )
    train_labels = torch.from_numpy(stored["train_labels"]).float()[:, None]
    validation_labels = torch.from_numpy(stored["validation_labels"])
    model = build(args.network, args.activation).to(memory_format=form)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, fused=True)
    loss_of = nn.BCEWithLogitsLoss()
    forward = torch.compile(model) if args.compile else model

    def step(batch: np.ndarray) -> None:
        index = torch.from_numpy(batch)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward(train[index]), train_labels[index])
        loss.backward()
        optimizer.step()
        loss.item()

    def evaluate() -> float:
        model.eval()
        with torch.inference_mode():
            logits = torch.cat([forward(images) for images in validation.split(BATCH_SIZE)])
        model.train()
        return ((logits[:, 0] >= 0) == (validation_labels == 1)).float().mean().item()

    measure(args, len(train), step, evaluate)


if __name__ == "__main__":
    main()
