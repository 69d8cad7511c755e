"""config -> a finished run on disk: `Training` owns a run, `epoch` makes the steps."""

from pathlib import Path
from typing import TYPE_CHECKING

from pm_cls.config import Config
from pm_cls.data import with_classes
from pm_cls.records.folder import run_folder
from pm_cls.runtime import device as devices
from pm_cls.runtime.verbs import callable_as

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run


def train(
    config: Config,
    runs_dir: str | Path = "runs",
    device: str = "auto",
    *,
    restart: bool = False,
    strict: bool = False,
) -> "Run":
    """Train as the config says and write the record.

    Several ranks, where Paddle's launcher started them, train it together; rank 0 writes. Checks
    come in this order: device, network, folder of the run, data. A finished run of the same
    config and data is left as it is; an unfinished one goes on from its last checkpoint.

    Args:
        runs_dir: where the folder of the run is made.
        device: `cpu`, `gpu` or `auto`.
        restart: begin anew in either case.
        strict: take no data in which a photograph stands more than once.

    Raises:
        UsageError, DataError: a check failed, or another process is at work on this run.
        RunError: the loss or the predictions became NaN or infinite, or a file cannot be written.
    """
    name = devices.prepare(device)
    config = with_classes(config)
    import paddle

    from pm_cls.models.classifier import Run
    from pm_cls.train.ranks import join
    from pm_cls.train.training import Training

    ranks = join(name)
    folder = run_folder(Path(runs_dir), config.experiment, config.seed)
    # Paddle numbers the names of parameters; the guard starts at zero for every run.
    with paddle.utils.unique_name.guard():
        training = ranks.prepare(
            lambda: Training(config, folder, device_name=name, ranks=ranks, strict=strict)
        )
        training.run(restart)
    return Run(folder, config)


callable_as(train)
