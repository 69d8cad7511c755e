"""A reproduction package: LeNet-7, LeNet-9 and AlexNet on iChallenge-PM with PaddlePaddle.

    images -- data --+                              +- tables, figures
                     +- train (models) - a run -----+- claims
    YAML -- config --+     on Paddle     on disk    +- page

The training half needs Paddle; the reporting half (`report`) never imports it. The two meet only
in the files of a run (`records`). For a notebook:

    shorter = ["train.epochs=5", "train.report_epochs=[5]"]
    config = pm_cls.load_config("configs/lenet7_relu.yaml", shorter)
    run = pm_cls.train(config)
    run.predict("photo.jpg")[0].probability
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pm_cls.runtime.errors import DataError, PmClsError, RunError, UsageError

if TYPE_CHECKING:
    from paddle import nn

    from pm_cls.config import Config
    from pm_cls.config import load_config as load_config
    from pm_cls.models.classifier import Run

__version__ = "0.1.0"
__all__ = [
    "DataError", "PmClsError", "RunError", "UsageError", "build_model", "card", "evaluate",
    "inspect", "load_config", "load_run", "predict", "report", "train",
]  # fmt: skip
VERBS = ("train", "predict", "evaluate", "inspect", "report", "card")  # modules too


def build_model(config: "Config", device: str = "auto") -> "nn.Layer":
    """The network of a config, with the weights that training begins with.

    Input float32 [n, channels, image_size, image_size] in [-1, 1], output logits float32
    [n, outputs], as the config's data have them.

    Raises:
        UsageError: no such network or device, or an option or image size that it does not take.
    """
    from pm_cls.runtime import device as devices

    devices.prepare(device)
    from pm_cls.data import spec_of
    from pm_cls.models import build

    return build(config, spec_of(config.data))


def load_run(folder: str | Path, epoch: int | None = None, device: str = "auto") -> "Run":
    """A finished run, ready to answer.

    Args:
        folder: runs/<experiment>/seed<k>.
        epoch: a reported one; the last by default.
        device: `cpu`, `gpu` or `auto`.

    Raises:
        UsageError: no finished run is there, or it did not keep that epoch.
    """
    from pm_cls.runtime import device as devices

    devices.prepare(device)
    from pm_cls.models.classifier import Run

    return Run.read(Path(folder), epoch)


def __getattr__(name: str) -> Any:
    """Import what takes a while when it is asked for."""
    if name in VERBS:
        return importlib.import_module(f"pm_cls.{name}")
    if name == "load_config":
        return importlib.import_module("pm_cls.config").load_config
    raise AttributeError(f"module 'pm_cls' has no attribute {name!r}")
