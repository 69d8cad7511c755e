"""A run from the command line to its record; the same seed gives the same bits."""

import errno
import json
import shutil
import subprocess
import sys

import numpy as np
import paddle
import pytest
import yaml

from pm_cls.data import load_dataset, mnist
from pm_cls.models import build_model
from pm_cls.models.forward import logits_of
from pm_cls.records import environment, epochs, predictions, result
from pm_cls.records.folder import is_finished
from pm_cls.records.predictions import Predictions
from pm_cls.runtime.errors import DataError, RunError, UsageError
from pm_cls.runtime.files import write_json
from pm_cls.scores.target import Binary, Classes
from pm_cls.train import train
from pm_cls.train.__main__ import main
from pm_cls.train.epoch import train_one_epoch
from pm_cls.train.losses import cross_entropy
from tests.conftest import REPOSITORY, TINY
from tests.data.test_mnist import idx

CONFIG = str(REPOSITORY / "configs" / "lenet7_relu.yaml")


def results_of(folder):
    """What must repeat bit for bit."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.suffix in (".csv", ".safetensors")
    }


def test_record_has_the_promised_files_and_keys(trained, photographs):
    assert {path.name for path in trained.iterdir()} == {
        "config.yaml", "environment.json", "metrics.jsonl", "train.log", "result.json",
        "weights_epoch1.safetensors", "predictions_epoch1.csv",
        "weights_epoch2.safetensors", "predictions_epoch2.csv",
    }  # fmt: skip
    content = json.loads((trained / "result.json").read_text())
    assert list(content) == [
        "schema", "experiment", "seed", "dataset", "data_digest", "config_digest", "commit",
        "dirty", "epochs",
    ]  # fmt: skip
    assert content["dataset"] == "synthetic"
    assert set(content["epochs"]["2"]) == {"correct", "n", "accuracy", "loss", "auc"}
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert list(lines[0]) == [
        "epoch", "train_loss", "validation_loss", "validation_correct", "validation_n", "seconds",
    ]  # fmt: skip
    assert [line["epoch"] for line in lines] == [1, 2]
    made = environment.read(trained)
    assert made.threads == 1 and made.device == "cpu" and made.ranks == 1
    assert made.data.name == "synthetic" and made.data.n_training == 24
    assert "resumed" not in json.loads((trained / "environment.json").read_text())
    assert "SYNTHETIC" in (trained / "train.log").read_text()
    settings = yaml.safe_load((trained / "config.yaml").read_text())
    assert settings["data"]["image_size"] == 32 and settings["optimizer"]["momentum"] == 0.9


def test_predictions_hold_every_bit_of_the_logits(trained):
    found = predictions.read(predictions.file(trained, 2))
    assert len(found.names) == len(found.labels) == 16 and found.logits.shape == (16, 1)
    assert found.scores() == result.read(trained).epochs[2]
    values = np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32) * np.float32(1e-5)
    path = trained.parent / "some.csv"
    names = tuple(map(str, range(50)))
    predictions.write(path, Predictions(names, np.zeros(50, int), values, Binary()))
    assert predictions.read(path).logits.tobytes() == values.tobytes()


@pytest.mark.parametrize("config", ["lenet7_relu", "alexnet"])
def test_two_runs_in_one_process_and_one_in_another_give_the_same_bits(
    config, photographs, tiny_config, tmp_path
):
    """AlexNet has dropout; the runs before each other leave other states of the generators."""
    one_epoch = ("train.epochs=1", "train.report_epochs=[1]")
    here = train(tiny_config(*one_epoch, config=config), tmp_path / "here", "cpu").folder
    train(tiny_config(*one_epoch, "seed=1", config=config), tmp_path / "here", "cpu")
    again = train(tiny_config(*one_epoch, config=config), tmp_path / "again", "cpu").folder
    file = CONFIG.replace("lenet7_relu", config)
    command = [sys.executable, "-m", "pm_cls.train", "--config", file]
    for override in (f"data.root={photographs}", *TINY, *one_epoch):
        command += ["--set", override]
    subprocess.run([*command, "--runs-dir", str(tmp_path / "there")], check=True)
    bits = results_of(here)
    assert len(bits) == 2
    assert bits == results_of(again) == results_of(tmp_path / "there" / config / "seed0")
    assert bits != results_of(tmp_path / "here" / config / "seed1")


def test_first_epochs_of_a_longer_run_are_the_shorter_run(tiny_config, tmp_path):
    short = train(tiny_config(), tmp_path / "short", "cpu")
    longer = train(
        tiny_config("train.epochs=3", "train.report_epochs=[2, 3]"), tmp_path / "longer", "cpu"
    )
    name = "predictions_epoch2.csv"
    assert (short.folder / name).read_bytes() == (longer.folder / name).read_bytes()


def test_training_learns_what_can_be_learnt(tiny_config, tmp_path, official):
    """Pathological photographs are made bright: a network that trains must find that."""
    from PIL import Image

    rows = (official / "labels.csv").read_text().splitlines()[1:]
    bright = {row.split(",")[1] for row in rows if row.split(",")[2] == "1"}
    for path in official.rglob("*.jpg"):
        pathological = path.name.startswith("P") or path.name in bright
        Image.new("RGB", (32, 32), (200,) * 3 if pathological else (50,) * 3).save(path)
    overrides = ("train.epochs=15", "train.report_epochs=[15]", "optimizer.learning_rate=0.01")
    run = train(tiny_config(f"data.root={official}", *overrides), tmp_path / "runs", "cpu")
    assert result.read(run.folder).epochs[15].accuracy == 1


def test_finished_run_is_left_as_it_is(trained, tiny_config, capsys):
    before = {path: path.stat().st_mtime_ns for path in trained.iterdir()}
    train(tiny_config(), trained.parent.parent, "cpu")
    assert "finished already" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in trained.iterdir()}


def test_other_settings_or_data_in_the_same_folder_are_refused(trained, tiny_config, official):
    runs_dir = trained.parent.parent
    with pytest.raises(UsageError, match=r"other settings.*--set experiment=NAME"):
        train(tiny_config("optimizer.learning_rate=0.5"), runs_dir, "cpu")
    with pytest.raises(UsageError, match=r"other data.*--set experiment=NAME"):
        next((official / "PALM-Training400").glob("H*")).unlink()
        train(tiny_config(f"data.root={official}"), runs_dir, "cpu")


def test_settings_that_differ_are_named(trained, tiny_config):
    with pytest.raises(UsageError, match=r"other settings \(`optimizer.learning_rate`\)"):
        train(tiny_config("optimizer.learning_rate=1"), trained.parent.parent, "cpu")


def test_stored_config_without_a_newer_key_still_counts(trained, tiny_config, tmp_path):
    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(trained, folder)
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    del settings["data"]["channel_order"]  # as if it had been added later, with this default
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    assert train(tiny_config(), tmp_path, "cpu").folder == folder


def test_unfinished_run_without_a_checkpoint_is_begun_anew(trained, tiny_config, tmp_path):
    folder = tmp_path / "lenet7_relu" / "seed0"
    shutil.copytree(trained, folder)
    (folder / "result.json").unlink()
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    train(tiny_config(), tmp_path, "cpu")
    assert results_of(folder) == results_of(trained)
    assert [line.epoch for line in epochs.read(folder)] == [1, 2]


def test_nan_stops_the_run_and_names_the_step(tiny_config, tmp_path):
    with pytest.raises(RunError, match=r"lenet7_relu seed 0 epoch 1: the loss became \w+ at step"):
        train(tiny_config("optimizer.learning_rate=1e30"), tmp_path, "cpu")
    assert not is_finished(tmp_path / "lenet7_relu" / "seed0")


def test_nan_after_the_last_step_is_told(tiny_config, tmp_path):
    """One step an epoch: the loss of the first is finite, the weights after it are not."""
    overrides = ("optimizer.learning_rate=1e38", "train.batch_size=24")
    with pytest.raises(RunError, match="epoch 1: the predictions became NaN or infinite"):
        train(tiny_config(*overrides), tmp_path, "cpu")


def test_full_disk_is_told(tiny_config, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "weights")

    monkeypatch.setattr("pm_cls.train.training.predictions.write", full)
    with pytest.raises(RunError, match="weights: cannot be written"):
        train(tiny_config(), tmp_path, "cpu")
    assert not is_finished(tmp_path / "lenet7_relu" / "seed0")


def test_one_class_only_has_no_auc(tiny_config, official, tmp_path):
    table = official / "labels.csv"
    header, *rows = table.read_text().splitlines()
    rows = [",".join([*row.split(",")[:2], "1"]) for row in rows]
    table.write_text("\n".join([header, *rows]))
    folder = train(tiny_config(f"data.root={official}"), tmp_path, "cpu").folder
    assert '"auc": null' in (folder / "result.json").read_text()
    assert "one class only" in (folder / "train.log").read_text()


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The files of MNIST with 30 training and 20 test digits."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    for (images, labels), n in zip(mnist.FILES.values(), (30, 20), strict=True):
        (folder / images).write_bytes(idx(rng.integers(0, 256, (n, 28, 28))))
        (folder / labels).write_bytes(idx(np.arange(n) % 10))
    return folder


DIGITS = ("data.name=mnist", "data.image_size=28")


def test_the_network_for_digits_learns_photographs_too(tiny_config, tmp_path):
    run = train(tiny_config("model.name=mnist_lenet", "data.image_size=28"), tmp_path, "cpu")
    assert predictions.read(predictions.file(run.folder, 2)).logits.shape == (16, 1)
    assert run.network.features[0].weight.shape[1] == 3


def test_the_network_for_photographs_learns_digits_too(tiny_config, tmp_path, digits):
    run = train(tiny_config(*DIGITS, f"data.root={digits}"), tmp_path, "cpu")
    found = predictions.read(predictions.file(run.folder, 2))
    assert found.target == Classes(10) and found.logits.shape == (20, 10)
    assert run.network.features[0].weight.shape[1] == 1
    assert result.read(run.folder).epochs[2] == found.scores()
    assert found.scores().auc is not None  # the mean of ten


def test_a_size_that_the_data_do_not_have_is_refused(tiny_config, tmp_path):
    with pytest.raises(UsageError, match=r"`data\.image_size` is 32; mnist has 28"):
        train(tiny_config("data.name=mnist"), tmp_path, "cpu")


def test_data_are_checked_last(tiny_config, tmp_path):
    with pytest.raises(UsageError, match="needs 28 pixels"):
        train(tiny_config("data.root=/absent", "data.image_size=20"), tmp_path, "cpu")
    with pytest.raises(DataError, match="/absent"):
        train(tiny_config("data.root=/absent"), tmp_path, "cpu")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        train(tiny_config(), tmp_path / "file", "cpu")


def test_main_puts_synthetic_runs_in_a_folder_of_their_own(photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = [f"data.root={photographs}", "data.image_size=32", "train.epochs=1"]
    arguments = ["--config", CONFIG, "--seed", "5", "--device", "cpu"]
    for override in [*settings, "train.report_epochs=[1]"]:
        arguments += ["--set", override]
    main(arguments)
    assert is_finished(tmp_path / "runs-synthetic" / "lenet7_relu" / "seed5")
    assert not (tmp_path / "runs").exists()


def test_exit_codes_and_messages(photographs, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "pm_cls.train", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    wrong_key = run("--config", CONFIG, "--set", "train.epoch=1")
    assert wrong_key.returncode == 2 and "did you mean `train.epochs`" in wrong_key.stderr
    no_data = run("--config", CONFIG, "--device", "cpu")
    assert no_data.returncode == 3 and "expected:" in no_data.stderr
    assert "Traceback" not in wrong_key.stderr + no_data.stderr


def test_last_small_batch_counts_by_its_size(tiny_config):
    """Without steps of the optimiser the epoch's loss is the mean over all 24 images."""
    split = load_dataset(tiny_config().data).train
    model = build_model("lenet7", image_size=32)

    def of_batch(logits, batch):
        return cross_entropy(logits, split.labels[batch], Binary()).mean()

    still = paddle.optimizer.Momentum(0.0, parameters=model.parameters())
    loss = train_one_epoch(
        model, still, lambda batch: split.images[batch], of_batch, np.arange(24), batch_size=10
    )
    logits = logits_of(model, split.images, batch_size=7)
    assert loss == pytest.approx(Binary().cross_entropy(logits, split.labels), rel=1e-5)


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "result.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_metrics_read_back_leaves_out_a_line_being_written(tmp_path):
    first, second = (epochs.Epoch(epoch, 0.5, 0.6, 9, 16, 1.5) for epoch in (1, 2))
    assert epochs.read(tmp_path) == []
    epochs.write(tmp_path, [first])
    epochs.append(tmp_path, second)
    assert epochs.read(tmp_path) == [first, second]
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert epochs.read(tmp_path) == [first]


def test_strict_refuses_repeated_photographs(official, tmp_path, capsys):
    folder = official / "PALM-Training400"
    first, second = sorted(folder.glob("P*"))[:2]
    arguments = ["--config", CONFIG, "--set", f"data.root={official}", "--device", "cpu"]
    for setting in TINY:
        arguments += ["--set", setting]
    main([*arguments, "--strict", "--runs-dir", str(tmp_path / "distinct")])
    shutil.copyfile(first, second)
    arguments += ["--runs-dir", str(tmp_path / "runs")]
    with pytest.raises(DataError, match=f"--strict refuses: {first.name} = {second.name}"):
        main([*arguments, "--strict"])
    assert not (tmp_path / "runs").exists()
    main(arguments)
    assert "note: photographs stand more than once" in capsys.readouterr().out
    with pytest.raises(DataError, match="--strict refuses"):  # finished or not
        main([*arguments, "--strict"])


@pytest.mark.parametrize("size", [1, 23])
def test_a_batch_of_one_is_refused_where_linear_layers_are_normalised(tiny_config, tmp_path, size):
    settings = [f"train.batch_size={size}", "model.normalization=layers"]
    with pytest.raises(
        UsageError, match=f"`train.batch_size` {size} leaves one of the 24 training"
    ):
        train(tiny_config(*settings), tmp_path, "cpu")
    frozen = tiny_config(
        *settings, "model.frozen_statistics=true", "train.epochs=1", "train.report_epochs=[1]"
    )
    assert train(frozen, tmp_path, "cpu").folder.is_dir()
