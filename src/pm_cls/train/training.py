"""`Training`: one owner of a run, from the first check to the finished record."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import paddle

from pm_cls.config import Config
from pm_cls.data import load_dataset, spec_of
from pm_cls.models.blocks.normalisation import has_statistics
from pm_cls.models.build import build
from pm_cls.models.forward import logits_of
from pm_cls.models.weights import save_weights
from pm_cls.records import environment, epochs, folder, predictions, result
from pm_cls.records.predictions import Predictions
from pm_cls.runtime import device
from pm_cls.runtime.errors import DataError, Diverged, RunError, UsageError
from pm_cls.runtime.files import write_text, writing
from pm_cls.scores.metrics import Scores
from pm_cls.scores.target import Binary
from pm_cls.train import keys, worth
from pm_cls.train.answering import Answering
from pm_cls.train.checkpoint import Progress, State
from pm_cls.train.epoch import NotFinite, train_one_epoch
from pm_cls.train.lessons import Lessons
from pm_cls.train.log import close_file, log, log_to, recorded, repeated, tell_of
from pm_cls.train.objective import Objective
from pm_cls.train.optimizers import build_optimizer, slow_features, step_on_the_way
from pm_cls.train.pretraining import pretrain
from pm_cls.train.ranks import Ranks
from pm_cls.train.regression import Fit, fit_last_layer


class Training:
    """A run: its config, network, optimiser, data, folder, and this process among its ranks.

    Making one is all that can be checked before a run, in this order: device, network, folder of
    the run, data.

    Raises:
        UsageError, DataError: a check failed.
    """

    def __init__(
        self, config: Config, place: Path, *, device_name: str, ranks: Ranks, strict: bool = False
    ) -> None:
        self.config, self.folder, self.ranks = config, place, ranks
        device.check_precision(device_name, config.train.precision)
        self.spec = spec_of(config.data)
        keys.check(config)
        self.model = build(config, self.spec)
        self.objective = Objective(config.loss, self.spec, self.model)
        if ranks.count > 1 and (has_statistics(self.model) or config.loss.centre):
            what = "`loss.centre`" if config.loss.centre else f"`model.name` {config.model.name}"
            raise UsageError(f"{what} goes by whole batches; it trains in one process")
        self.optimizer = build_optimizer(self.model.parameters(), config.optimizer)
        slow_features(self.model, config.optimizer.features_rate, self.spec.target.outputs)
        self.answering = Answering(config.train, self.model)
        self.fitted: Fit | None = None
        if ranks.count == 1 and config.train.precision == "float32":
            step_on_the_way(self.model, self.optimizer, config.optimizer)
        if ranks.is_first:
            folder.check_folder(place, config)
        self.data = load_dataset(config.data)
        self.lessons = Lessons(config, self.data.train, self.objective)
        self.lessons.check_batches(self.model)
        if strict and (pairs := repeated(self.data)):
            raise DataError(f"photographs stand more than once, which --strict refuses: {pairs}")
        self.here = environment.here(device_name, ranks.count)
        self.environment = environment.begun(self.here, recorded(self.data))
        self.progress = Progress()
        others = {"objective": self.objective, "answering": self.answering}
        self.state = State(place, self.model, self.optimizer, self.data.digest, others)

    def run(self, restart: bool = False) -> None:
        """Train what is left of the run and record it; a finished one is left as it is.

        All ranks go through this loop together, from the state that rank 0 begins or goes on with;
        rank 0 alone writes.

        Args:
            restart: begin anew in either case.

        Raises:
            UsageError: another process is at work on it, or it is of other data.
            DataError: a regression on too few images of a class.
            RunError: the loss or the predictions became NaN or infinite, or a file cannot be
                written.
        """
        with self._at_work(restart) as there_is_work:
            if not there_is_work:
                return
            for epoch in range(self.progress.epoch + 1, self.config.train.epochs + 1):
                began = time.perf_counter()
                train_loss = self.train(epoch)
                with self.answering.in_place(self.held_out_loss):
                    found = self.predict(epoch)
                    if self.ranks.is_first:
                        self.report(epoch, found)
                if self.ranks.is_first:
                    self.record(epoch, train_loss, found.scores(), time.perf_counter() - began)
            if self.ranks.is_first:
                self.finish()

    def train(self, epoch: int) -> float:
        """Go once through the training images; their mean loss.

        Everything random follows from (seed, epoch), so that no state of a generator need be
        stored; dropout is drawn on each rank for itself.
        """
        config = self.config
        entropy = [config.seed, epoch] + ([] if self.ranks.is_first else [self.ranks.rank])
        paddle.seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))  # dropout
        lessons = self.lessons
        if config.train.fit == "regression":
            return self.fit()
        try:
            return train_one_epoch(
                self.model,
                self.optimizer,
                lessons.images(epoch),
                lessons.loss(epoch),
                lessons.places(epoch),
                batch_size=config.train.batch_size,
                rate=lessons.rate(epoch),
                after_step=lambda step: self.answering.after_step(lessons.made(epoch, step)),
                precision=config.train.precision,
                ranks=self.ranks,
            )
        except NotFinite as error:
            raise Diverged(f"{self._where(epoch)}: {error}")

    def fit(self) -> float:
        """Set the last layer by regression; the mean loss of the training images with it."""
        split, config, kept = self.data.train, self.config, self.lessons.kept
        images, labels = split.images[kept], split.labels[kept]
        size, target = config.train.batch_size, self.spec.target
        changed = (self.lessons.images(view)(kept) for view in range(1, config.train.views + 1))
        self.fitted = fit_last_layer(
            self.model, chain([images], changed), labels, target, batch_size=size, seed=config.seed,
            patients=None if split.patients is None else split.patients[kept],
        )  # fmt: skip
        log.info(f"regression: C {self.fitted.strength:.2g}")
        return target.cross_entropy(logits_of(self.model, images, size), labels)

    def calibrate(self) -> None:
        """Write what the answers are worth, where there are images that were not trained on."""
        split, kept, size = self.data.train, self.lessons.kept, self.config.train.batch_size
        if self.spec.target != Binary():
            return
        if self.config.train.fit == "regression":
            if self.fitted is None:  # it was stopped right after the fit
                self.fit()
            assert self.fitted is not None
            found = self.fitted
            answers = found.unseen[:, 0], found.labels, found.features
            worth.write(self.folder, *answers, "cross-validation", 1 + self.config.train.views)
        elif len(self.lessons.held_out):
            with self.answering.in_place(self.held_out_loss):
                logits, labels = self.held_out_answers()
                features = worth.features_of(self.model, split.images[kept], size)
            worth.write(self.folder, logits[:, 0], labels, features, "held out")

    def held_out_loss(self) -> float:
        """The cross-entropy of the held-out training images, which the network answers whole."""
        logits, labels = self.held_out_answers()
        return self.spec.target.cross_entropy(logits, labels)

    def held_out_answers(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of the held-out training images."""
        split, left = self.data.train, self.lessons.held_out
        logits = logits_of(self.model, split.images[left], self.config.train.batch_size)
        return logits, split.labels[left]

    def predict(self, epoch: int) -> Predictions:
        """The answers to the validation images, of which each rank gives its part."""
        split, outputs = self.data.validation, self.spec.target.outputs
        mine = self.ranks.take(split.images)
        logits = np.zeros((0, outputs), np.float32)
        if len(mine):
            logits = logits_of(self.model, mine, self.config.train.batch_size)
        logits = self.ranks.all_of(logits, len(split.images), outputs)
        if not np.isfinite(logits).all():
            raise Diverged(
                f"{self._where(epoch)}: the predictions became NaN or infinite after the last step"
            )
        return Predictions(split.names, split.labels, logits, self.spec.target)

    def report(self, epoch: int, found: Predictions) -> None:
        """Keep weights and predictions of an epoch that is to be reported."""
        if epoch in self.config.train.report_epochs:
            save_weights(self.model, folder.weights_file(self.folder, epoch))
            predictions.write(predictions.file(self.folder, epoch), found)
            self.progress.reported[epoch] = found.scores()

    def record(self, epoch: int, train_loss: float, scored: Scores, seconds: float) -> None:
        """Write what an epoch came to, and the state from which the run can go on."""
        config = self.config
        line = epochs.Epoch(
            epoch, train_loss, scored.loss, scored.correct, scored.n, round(seconds, 3)
        )
        epochs.append(self.folder, line)
        self.progress.epoch = epoch
        self.progress.metrics.append(line)
        log.info(
            f"{config.experiment} seed {config.seed}  epoch {epoch:2}/{config.train.epochs}  "
            f"training loss {train_loss:.4f}  validation loss {scored.loss:.4f}  accuracy "
            f"{scored.accuracy:.2%} ({scored.correct} of {scored.n})  {line.seconds:.0f} s"
        )
        self.state.save(self.progress)

    def finish(self) -> None:
        """Write result.json, by which a run is known to be finished."""
        config = self.config
        self.calibrate()
        result.write(
            self.folder,
            result.Result(
                schema=result.SCHEMA,
                experiment=config.experiment,
                seed=config.seed,
                dataset=self.data.name,
                data_digest=self.data.digest,
                config_digest=config.digest(),
                commit=self.environment.commit,
                dirty=self.environment.dirty,
                epochs=self.progress.reported,
            ),
        )
        folder.remove_checkpoints(self.folder)
        log.info(f"finished: {self.folder}")

    @contextmanager
    def _at_work(self, restart: bool) -> Iterator[bool]:
        """Whether there is something to do; then in the state in which the run begins or goes on.

        Rank 0 holds the folder meanwhile, and tells the others where to begin.
        """
        if not self.ranks.is_first:
            there_is_work = self._follow()
            with self.ranks.stopping_together():
                yield there_is_work
            return
        try:
            is_left = folder.is_finished(self.folder) and not restart
            with nullcontext() if is_left else folder.locked(self.folder):
                if restart:
                    folder.discard(self.folder)
                if is_left or folder.is_finished(self.folder):  # by another process meanwhile
                    self._leave_finished(is_held=not is_left)
                    yield False
                    return
                self._begin_or_go_on()
                with self._stopping_in_words(), self.ranks.stopping_together():
                    yield True
        except OSError as error:
            raise RunError(f"{error.filename or self.folder}: cannot be written ({error.strerror})")
        finally:
            close_file()
            self.ranks.dismiss()

    def _begin_or_go_on(self) -> None:
        log_to(self.folder / folder.LOG)
        self.progress = self.state.resume()
        if after := self.progress.epoch:
            stored = environment.read(self.folder)
            self.environment = environment.went_on(stored, self.here, after, self.folder)
            log.info(f"{self.folder}: goes on after epoch {after}")
        else:
            write_text(self.folder / folder.CONFIG, self.config.to_yaml())
            pretrain(
                self.model, self.data.train.images, self.lessons.kept, self.config.pretraining,
                batch_size=self.config.train.batch_size, seed=self.config.seed,
            )  # fmt: skip
            self.answering.begin()
        environment.write(self.folder, self.environment)
        epochs.write(self.folder, self.progress.metrics)
        tell_of(self.data)
        if self.ranks.count > 1:
            facts = json.dumps([self.progress.epoch, *self._digests()]).encode()
            self.ranks.share(facts + b"\n" + self.state.packed(self.progress.epoch))
            self.ranks.prepare(lambda: None)  # whether they have the same settings and data

    def _follow(self) -> bool:
        """Take over the state that rank 0 begins with; False where it has nothing to do."""
        if not (begin := self.ranks.share(b"")):
            return False  # rank 0 says why
        facts, _, state = begin.partition(b"\n")
        after, *digests = json.loads(facts)
        self.ranks.prepare(lambda: self._check_same(digests))
        self.state.fill(state)
        self.progress = replace(self.progress, epoch=after)
        return True

    def _check_same(self, digests: list[str]) -> None:
        for what, ours, theirs in zip(("settings", "data"), self._digests(), digests, strict=True):
            if ours != theirs:
                raise UsageError(f"the {what} of this rank differ from rank 0's")

    def _digests(self) -> list[str]:
        return [f"{self.config.digest()} {self.config.seed}", self.data.digest]

    def _leave_finished(self, is_held: bool) -> None:
        folder.check_same_data(self.folder, self.data.digest)
        if (self.folder / folder.CHECKPOINT).exists():  # it was killed right after its result
            with writing(self.folder), nullcontext() if is_held else folder.locked(self.folder):
                folder.remove_checkpoints(self.folder)
        print(f"{self.folder}: finished already; --restart trains it anew")

    @contextmanager
    def _stopping_in_words(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            saved = self.state.last_saved()
            way = f"goes on after epoch {saved}" if saved else "begins it anew"
            log.info(f"stopped; the same command {way}")
            raise

    def _where(self, epoch: int) -> str:
        return f"{self.config.experiment} seed {self.config.seed} epoch {epoch}"
