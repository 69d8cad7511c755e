"""Which weights answer: judged on held-out training images, and never on the validation images."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.config.schema import TrainConfig
from pm_cls.records import folder, result
from pm_cls.report.runs import read_run
from pm_cls.runtime.errors import UsageError
from pm_cls.train import train
from pm_cls.train.answering import Answering


def numbered(value):
    model = nn.Linear(2, 1)
    set_to(model, value)
    return model


def set_to(model, value):
    for parameter in model.parameters():
        parameter.set_value(np.full(parameter.shape, value, np.float32))


def value_of(model):
    return float(model.weight[0, 0])


def config(weights, **settings):
    return TrainConfig(weights=weights, hold_out=0.2, **settings)


def answers(kind, values, losses):
    """The value that answers after each epoch, in which the weights are these."""
    model, found = numbered(0), []
    answering = Answering(config(kind), model)
    for value in values:
        set_to(model, value)
        with answering.in_place(lambda: losses[value_of(model)]):
            found.append(value_of(model))
        assert value_of(model) == value  # training goes on with its own
    return found


LOSSES = {1.0: 0.9, 2.0: 0.5, 3.0: 0.7, 4.0: 0.5, 5.0: 0.3}


def test_the_best_epoch_so_far_answers_and_the_first_of_equals():
    assert answers("best", [1, 2, 3, 4, 5], LOSSES) == [1, 2, 2, 2, 5]
    assert answers("last", [1, 2, 3], {}) == [1, 2, 3]


def test_the_average_follows_the_weights():
    model = numbered(8)
    answering = Answering(config("average", average_decay=0.9), model)
    expected, values = 8.0, np.random.default_rng(0).normal(size=200)
    for step, value in enumerate(values, start=1):
        set_to(model, value)
        answering.after_step(step)
        decay = min(0.9, step / (step + 9))
        expected = decay * expected + (1 - decay) * value
    with answering.in_place(lambda: abs(value_of(model) - expected)):
        assert value_of(model) == pytest.approx(expected, rel=1e-4)
    with answering.in_place(lambda: -abs(value_of(model) - expected)):  # the last are better
        assert value_of(model) == pytest.approx(values[-1])


def test_the_average_begins_where_pretraining_ended(tiny_config, tmp_path, monkeypatch):
    config = tiny_config("train.hold_out=0.3", "train.weights=average", "pretraining.epochs=1")
    begun = []
    real = Answering.begin

    def begin(self):
        real(self)
        begun.append({name: value.numpy() for name, value in self.state_dict().items()})

    monkeypatch.setattr(Answering, "begin", begin)
    train(config, tmp_path, "cpu")
    before, after = ([state[n] for n in state if "features.0.weight" in n] for state in begun)
    assert not np.array_equal(before[0], after[0])


@pytest.mark.parametrize("kind", ["best", "average"])
def test_its_state_goes_to_disk_and_back(kind):
    model = numbered(0)
    answering = Answering(config(kind), model)
    set_to(model, 3)
    answering.after_step(1)
    with answering.in_place(lambda: 0.4):
        pass
    state = {name: value.numpy() for name, value in answering.state_dict().items()}
    other = Answering(config(kind), numbered(7))
    other.set_state_dict(state)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])


def test_held_out_images_are_needed():
    with pytest.raises(ValueError, match="weights: best are judged on held-out images; set"):
        TrainConfig(weights="best")


def test_a_run_keeps_the_weights_that_answered(tiny_config, tmp_path, monkeypatch):
    """The held-out loss is least after the first epoch: its weights answer after the second too."""
    from pm_cls.train.training import Training

    losses = iter([0.1, 0.2, 0.2])  # the last one for what the answers are worth
    monkeypatch.setattr(Training, "held_out_loss", lambda self: next(losses))
    run = train(tiny_config("train.weights=best", "train.hold_out=0.25"), tmp_path, "cpu")
    first, second = (folder.weights_file(run.folder, epoch).read_bytes() for epoch in (1, 2))
    assert first == second
    found = result.read(run.folder).epochs
    assert found[1] == found[2]


def test_the_held_out_loss_is_that_of_the_images_left_out(tiny_config, tmp_path):
    from pm_cls.train.ranks import ALONE
    from pm_cls.train.training import Training

    one = Training(
        tiny_config("train.weights=best", "train.hold_out=0.25"),
        tmp_path / "run",
        device_name="cpu",
        ranks=ALONE,
    )
    split = one.data.train
    left = np.setdiff1d(np.arange(24), one.lessons.kept)
    assert len(left) == 6
    one.model.eval()
    images = paddle.to_tensor(split.images[left].astype(np.float32) / 127.5 - 1)
    logits = one.model(images).numpy().astype(np.float64)[:, 0]
    signs = 2 * split.labels[left] - 1
    expected = np.log1p(np.exp(-signs * logits)).mean()
    assert one.held_out_loss() == pytest.approx(expected, rel=1e-5)


def test_wrong_settings_are_told(tiny_config):
    with pytest.raises(UsageError, match=r"train.*weights: average are judged on held-out images"):
        tiny_config("train.weights=average")


def test_what_answers_are_worth_is_known_of_the_last_epoch_alone(tiny_config, tmp_path):
    """The report keeps to it as `predict` does, where the last epoch was not kept."""
    for kept, is_known in (([1], False), ([2], True)):
        config = tiny_config("train.epochs=2", f"train.report_epochs={kept}", "train.hold_out=0.4")
        run = train(config, tmp_path / str(kept), "cpu")
        assert (run.folder / "calibration.json").is_file()
        assert (run.calibration is not None) == is_known
        assert (read_run(run.folder).calibration is not None) == is_known
