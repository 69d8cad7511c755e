"""Train one network with one seed.

    python -m pm_cls.train --config configs/lenet7_relu.yaml --seed 0

A config with its seed goes in, a record comes out: the folder of a run (see `pm_cls.runs`). A run
that was stopped or killed goes on with the same command and ends in the same bits.
"""

import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pm_cls import device, runs
from pm_cls.command import add_device, new_parser, run_command
from pm_cls.config import Config, OptimizerConfig, load_config
from pm_cls.data import Dataset, load_dataset
from pm_cls.data.ichallenge_pm import marked_name
from pm_cls.errors import DataError, RunError, UsageError
from pm_cls.files import write_json, write_text, writing
from pm_cls.ranks import Ranks, join

if TYPE_CHECKING:
    from pm_cls.checkpoints import Progress

log = logging.getLogger("pm_cls")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("train", __doc__)
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="a YAML file, as those in configs/"
    )
    parser.add_argument("--seed", type=int, help="a seed in place of the config's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value for a key of the config, as optimizer.learning_rate=0.01; repeatable",
    )
    add_device(parser)
    parser.add_argument(
        "--runs-dir",
        type=Path,
        help="where the folder of the run is made (default: runs; runs-synthetic for SYNTHETIC "
        "photographs)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew instead of going on or being finished"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse data in which a photograph stands more than once, instead of noting it",
    )
    args = parser.parse_args(arguments)
    overrides = args.set + ([] if args.seed is None else [f"seed={args.seed}"])
    config = load_config(args.config, overrides)
    synthetic = marked_name(Path(config.data.root)) == runs.SYNTHETIC
    runs_dir = args.runs_dir or Path("runs-synthetic" if synthetic else "runs")
    train(config, runs_dir, args.device, args.restart, args.strict)


def train(
    config: Config,
    runs_dir: Path,
    device_choice: str = "auto",
    restart: bool = False,
    strict: bool = False,
) -> Path:
    """Train as the config says and write the record.

    Several ranks, where Paddle's launcher started them, train it together; rank 0 writes. Checks
    come in this order: device, network, folder of the run, data. A finished run of the same
    config and data is left as it is; an unfinished one goes on from its last checkpoint.

    Args:
        restart: begin anew in either case.
        strict: take no data in which a photograph stands more than once.

    Returns:
        The folder of the run.

    Raises:
        UsageError, DataError: a check failed, or another process is at work on this run.
        RunError: the loss or the predictions became NaN or infinite, or a file cannot be written.
    """
    chosen = device.prepare(device_choice)
    import paddle

    ranks = join(chosen)
    folder = runs.run_folder(runs_dir, config.experiment, config.seed)
    # Paddle numbers the names of parameters; the guard starts at zero for every run.
    with paddle.utils.unique_name.guard():
        model, dataset = ranks.prepare(
            lambda: _prepare(config, folder, chosen, strict, ranks),
        )
        optimizer = _optimizer(config.optimizer, model)
        if not ranks.is_first:
            _follow(config, model, optimizer, dataset, ranks)
            return folder
        try:
            if runs.is_finished(folder) and not restart:
                _leave_finished(folder, dataset)
                return folder
            with runs.locked(folder):
                if restart:
                    runs.discard(folder)
                environment = runs.environment(chosen, ranks.count)
                _train_and_record(config, model, optimizer, dataset, folder, environment, ranks)
        except OSError as error:
            raise RunError(f"{error.filename or folder}: cannot be written ({error.strerror})")
        finally:
            ranks.dismiss()
    return folder


def _prepare(
    config: Config, folder: Path, chosen: str, strict: bool, ranks: Ranks
) -> tuple[Any, Dataset]:
    """Network and data, after all that can be checked before a run."""
    import paddle

    from pm_cls.models import build_model

    device.check_precision(chosen, config.train.precision)
    if ranks.count > 1 and config.model.normalization != "none":
        raise UsageError(
            f"`model.normalization` is {config.model.normalization}, whose statistics are of whole "
            "batches; it trains in one process"
        )
    paddle.seed(config.seed)
    model = build_model(
        config.model.name, image_size=config.data.image_size, **config.model.options()
    )
    if ranks.is_first:
        runs.check_folder(folder, config)
    dataset = load_dataset(config.data)
    if (dataset.train.images.shape[1], dataset.outputs) != (model.channels, model.outputs):
        raise UsageError(
            f"`model.name` {config.model.name} takes {model.channels} channels and gives "
            f"{model.outputs} outputs; `data.name` {config.data.name} has "
            f"{dataset.train.images.shape[1]} and needs {dataset.outputs}"
        )
    if strict and (pairs := _repeated(dataset)):
        raise DataError(f"photographs stand more than once, which --strict refuses: {pairs}")
    return model, dataset


def _leave_finished(folder: Path, dataset: Dataset) -> None:
    runs.check_same_data(folder, dataset.digest)
    if (folder / runs.CHECKPOINT).exists():  # it was killed right after its result
        with writing(folder), runs.locked(folder):
            runs.remove_checkpoints(folder)
    print(f"{folder}: finished already; --restart trains it anew")


def _follow(config: Config, model: Any, optimizer: Any, dataset: Dataset, ranks: Ranks) -> None:
    """Train beside rank 0, from the state that it begins or goes on with."""
    from pm_cls.checkpoints import fill_state

    if not (begin := ranks.share(b"")):
        return  # rank 0 says why
    facts, _, state = begin.partition(b"\n")
    after, *digests = json.loads(facts)
    ranks.prepare(lambda: _check_same(config, dataset, digests))
    fill_state(model, optimizer, state)
    with ranks.stopping_together():
        for epoch in range(after + 1, config.train.epochs + 1):
            _train_and_predict(config, model, optimizer, dataset, epoch, ranks)


def _lead(
    config: Config,
    model: Any,
    optimizer: Any,
    dataset: Dataset,
    folder: Path,
    epoch: int,
    ranks: Ranks,
) -> None:
    """Give the other ranks the state in which this one begins, or goes on after an epoch."""
    from pm_cls.checkpoints import saved_state

    if ranks.count > 1:
        facts = json.dumps([epoch, *_digests(config, dataset)]).encode()
        ranks.share(facts + b"\n" + saved_state(folder, epoch, model, optimizer))
        ranks.prepare(lambda: None)  # whether they have the same settings and data


def _check_same(config: Config, dataset: Dataset, digests: list[str]) -> None:
    for what, ours, theirs in zip(
        ("settings", "data"), _digests(config, dataset), digests, strict=True
    ):
        if ours != theirs:
            raise UsageError(f"the {what} of this rank differ from rank 0's")


def _digests(config: Config, dataset: Dataset) -> list[str]:
    return [f"{config.digest()} {config.seed}", dataset.digest]


def _train_and_record(
    config: Config,
    model: Any,
    optimizer: Any,
    dataset: Dataset,
    folder: Path,
    environment: dict[str, Any],
    ranks: Ranks,
) -> None:
    from pm_cls.checkpoints import last_saved, resume, save_checkpoint

    _log_to(folder / runs.LOG)
    progress = resume(folder, model, optimizer, dataset.digest)
    if progress.epoch:
        environment = runs.went_on(folder, environment, progress.epoch)
        log.info(f"{folder}: goes on after epoch {progress.epoch}")
    else:
        facts = {"name": dataset.name, "digest": dataset.digest, **dataset.notes}
        environment = {**environment, "data": facts}
        write_text(folder / runs.CONFIG, config.to_yaml())
    write_json(folder / runs.ENVIRONMENT, environment)
    runs.write_metrics(folder, progress.metrics)
    _warn_of_data(dataset)
    _lead(config, model, optimizer, dataset, folder, progress.epoch, ranks)

    try:
        with ranks.stopping_together():
            for epoch in range(progress.epoch + 1, config.train.epochs + 1):
                _train_epoch(config, model, optimizer, dataset, folder, progress, epoch, ranks)
                save_checkpoint(folder, progress, model, optimizer, dataset.digest)
    except KeyboardInterrupt:
        saved = last_saved(folder)
        way = f"goes on after epoch {saved}" if saved else "begins it anew"
        log.info(f"stopped; the same command {way}")
        raise
    result = {
        "schema": runs.SCHEMA,
        "experiment": config.experiment,
        "seed": config.seed,
        "dataset": dataset.name,
        "data_digest": dataset.digest,
        "config_digest": config.digest(),
        "commit": environment["commit"],
        "dirty": environment["dirty"],
        "epochs": progress.reported,
    }
    write_json(folder / runs.RESULT, result)
    runs.remove_checkpoints(folder)
    log.info(f"finished: {folder}")


def _optimizer(config: OptimizerConfig, model: Any) -> Any:
    import paddle

    common = {
        "learning_rate": config.learning_rate,
        "parameters": model.parameters(),
        "weight_decay": config.weight_decay or None,
    }
    if config.name == "adam":
        return paddle.optimizer.Adam(beta1=config.momentum, **common)
    return paddle.optimizer.Momentum(momentum=config.momentum, **common)


def _train_epoch(
    config: Config,
    model: Any,
    optimizer: Any,
    dataset: Dataset,
    folder: Path,
    progress: "Progress",
    epoch: int,
    ranks: Ranks,
) -> None:
    """Train an epoch, score the validation images, and add both to the record and the progress."""
    from pm_cls import metrics
    from pm_cls.weights import save_weights

    validation = dataset.validation
    began = time.perf_counter()
    train_loss, logits = _train_and_predict(config, model, optimizer, dataset, epoch, ranks)
    scored = metrics.scores(logits, validation.labels)
    if epoch in config.train.report_epochs:
        save_weights(model, runs.weights_file(folder, epoch))
        runs.write_predictions(
            runs.predictions_file(folder, epoch), validation.names, validation.labels, logits
        )
        progress.reported[str(epoch)] = asdict(scored)
    line = {
        "epoch": epoch,
        "train_loss": train_loss,
        "validation_loss": scored.loss,
        "validation_correct": scored.correct,
        "validation_n": scored.n,
        "seconds": round(time.perf_counter() - began, 3),
    }
    runs.append_metrics(folder, line)
    progress.epoch = epoch
    progress.metrics.append(line)
    log.info(
        f"{config.experiment} seed {config.seed}  epoch {epoch:2}/{config.train.epochs}  "
        f"training loss {train_loss:.4f}  validation loss {scored.loss:.4f}  accuracy "
        f"{scored.accuracy:.2%} ({scored.correct} of {scored.n})  {line['seconds']:.0f} s"
    )


def _train_and_predict(
    config: Config, model: Any, optimizer: Any, dataset: Dataset, epoch: int, ranks: Ranks
) -> tuple[float, np.ndarray]:
    """One epoch: its mean training loss, and the validation logits after it.

    Everything random in it follows from (seed, epoch), so no state of a generator need be stored;
    dropout is drawn on each rank for itself.
    """
    import paddle

    from pm_cls import engine

    order = np.random.default_rng([config.seed, epoch]).permutation(len(dataset.train.labels))
    entropy = [config.seed, epoch] + ([] if ranks.is_first else [ranks.rank])
    paddle.seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))  # dropout
    size, images = config.train.batch_size, dataset.validation.images
    where = f"{config.experiment} seed {config.seed} epoch {epoch}"
    try:
        train_loss = engine.train_one_epoch(
            model, optimizer, dataset.train, order, size, config.train.precision, ranks
        )
    except engine.NotFinite as error:
        raise RunError(f"{where}: {error}")
    logits = engine.predict(model, ranks.take(images), size)
    logits = ranks.all_of(logits, len(images), model.outputs)
    if not np.isfinite(logits).all():
        raise RunError(f"{where}: the predictions became NaN or infinite after the last step")
    return train_loss, logits


def _log_to(path: Path) -> None:
    log.setLevel(logging.INFO)
    log.propagate = False  # Paddle gives the root logger a handler of its own
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    log.addHandler(logging.StreamHandler(sys.stdout))
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.handleError = lambda record: None  # type: ignore[method-assign]  # as on a full disk
    log.addHandler(to_file)


def _repeated(dataset: Dataset) -> str:
    """The photographs that stand more than once, in words."""
    return ", ".join(" = ".join(group) for group in dataset.notes.get("repeated", []))


def _warn_of_data(dataset: Dataset) -> None:
    if pairs := _repeated(dataset):
        count = len(dataset.notes["repeated"])
        log.info(f"note: {count} photographs stand more than once: {pairs}")
    if len(set(dataset.validation.labels)) == 1:
        log.info("note: the validation set has one class only, so its AUC is undefined")
    if dataset.name == runs.SYNTHETIC:
        log.info("note: SYNTHETIC photographs; the figures say nothing about the thesis")


if __name__ == "__main__":
    sys.exit(run_command(main))
