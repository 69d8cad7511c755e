"""Runs that are killed, stopped, or run out of disk go on and end in the same bits."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import ClassVar

import paddle
import pytest
from paddle.autograd import PyLayer

from pm_cls import predict
from pm_cls.config import DataConfig, load_config
from pm_cls.data import load_dataset
from pm_cls.data.__main__ import prepare
from pm_cls.records import environment, epochs, folder
from pm_cls.records.folder import CHECKPOINT, LOG, is_finished
from pm_cls.runtime.errors import RunError, UsageError
from pm_cls.runtime.processes import stopping_afterwards
from pm_cls.train import train
from pm_cls.train.epoch import NotFinite, train_one_epoch
from tests.conftest import REPOSITORY

from .test_train import results_of

pytestmark = pytest.mark.once  # the same with every version of the libraries

# Enough epochs that a kill at a random moment meets one of them.
LONG_RUN = ("data.image_size=32", "train.epochs=40", "train.report_epochs=[20, 40]")


class Case:
    """A run in a process of its own, and the same run undisturbed."""

    undisturbed: ClassVar = {}  # by settings what such a run writes

    def __init__(self, photographs, folder, config="lenet7_relu", settings=LONG_RUN):
        self.overrides = [f"data.root={photographs}", *settings]
        self.file = REPOSITORY / "configs" / f"{config}.yaml"
        self.config = load_config(self.file, self.overrides)
        self.runs_dir = folder / "runs"
        self.folder = self.runs_dir / config / "seed0"
        known = self.config.to_yaml()
        if known not in self.undisturbed:
            whole = train(self.config, folder / "undisturbed", "cpu").folder
            self.undisturbed[known] = results_of(whole)
        self.expected = self.undisturbed[known]

    def start(self, before="", **options):
        """Begin or go on; `before` is Python that runs first in the process."""
        arguments = ["--config", str(self.file), "--runs-dir", str(self.runs_dir)]
        for override in self.overrides:
            arguments += ["--set", override]
        code = (
            "import sys; from pm_cls.runtime.command import run_command\n"
            f"from pm_cls.train.__main__ import main\n{before}\n"
            f"sys.argv[1:] = {[*arguments, '--device', 'cpu']!r}\n"
            "sys.exit(run_command(main))"
        )
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | options
        return subprocess.Popen([sys.executable, "-c", code], **options)

    def wait_for_an_epoch(self, process):
        """Until the process has finished an epoch of its own, or ended."""
        before = self.lines()
        while process.poll() is None and self.lines() in ([], before):
            time.sleep(0.01)

    def lines(self):
        return epochs.read(self.folder)

    def finish(self):
        """Go on to the end, in this process."""
        train(self.config, self.runs_dir, "cpu")
        assert results_of(self.folder) == self.expected
        done = [line.epoch for line in self.lines()]
        assert done == list(range(1, self.config.train.epochs + 1))
        assert not (self.folder / CHECKPOINT).exists()
        assert not (self.folder / ".lock").exists()


@pytest.mark.parametrize("config", ["lenet7_relu", "lenet9_relu", "alexnet"])
def test_killed_at_random_moments(config, photographs, tmp_path, is_long, figures):
    if config != "lenet7_relu" and not is_long:
        pytest.skip("--long kills all three networks")
    size = "data.image_size=72" if config == "lenet9_relu" else "data.image_size=32"
    slow = ("train.epochs=12", "train.report_epochs=[6, 12]") if config == "alexnet" else ()
    case = Case(photographs, tmp_path, config, (*LONG_RUN, size, *slow))
    moments = random.Random(config)
    kills = went_on = 0
    while kills < (25 if is_long else 3):
        process = case.start()
        case.wait_for_an_epoch(process)
        time.sleep(moments.uniform(0, 1))
        process.kill()
        out, _ = process.communicate()
        went_on += "goes on after epoch" in out
        if process.returncode == -signal.SIGKILL:
            kills += 1
        else:
            assert process.returncode == 0, out
        if is_finished(case.folder):
            assert results_of(case.folder) == case.expected
            shutil.rmtree(case.folder)
    case.finish()
    assert went_on
    figures[f"killed {config}"] = f"{kills} kills, {went_on} of them after a finished epoch"


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_writing(when, photographs, tmp_path, is_long, figures):
    """At the renaming of each file in turn: what is half written must never be taken."""
    settings = ("data.image_size=32", "train.epochs=3", "train.report_epochs=[1, 3]")
    case = Case(photographs, tmp_path, settings=settings)
    numbers = range(1, 15) if is_long else (1, 4, 7, 14)  # 14 files in all, the result last
    for number in numbers:
        patch = f"""
import os, pathlib, signal
rename, count = pathlib.Path.replace, 0
def replace(self, target):
    global count
    count += 1
    if count == {number} and {when == "before"}:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(self, target)
    if count == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = replace
"""
        process = case.start(patch)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, out
        assert not is_finished(case.folder) or when == "after"
        case.finish()
        shutil.rmtree(case.folder)
    figures[f"killed {when} a renaming"] = f"{len(numbers)} kills"


def test_sigterm_saves_and_says_so(photographs, tmp_path):
    case = Case(photographs, tmp_path)
    process = case.start()
    while process.poll() is None and not list(case.folder.glob("checkpoint/*.json")):
        time.sleep(0.01)  # the first epoch is then safe
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143, out
    done = int(re.search(r"the same command goes on after epoch (\d+)", out)[1])
    assert "Traceback" not in out
    assert not (case.folder / ".lock").exists()
    assert not list(case.folder.rglob("*.part"))
    checkpoint = json.loads((case.folder / CHECKPOINT / f"epoch{done}.json").read_text())
    assert checkpoint["epoch"] == done
    case.finish()
    assert f"goes on after epoch {done}" in (case.folder / LOG).read_text()
    assert [one.after_epoch for one in environment.read(case.folder).resumed] == [done]


def test_two_signals_quit_at_once(photographs, tmp_path):
    case = Case(photographs, tmp_path)
    saving = tmp_path / "saving"
    slow = f"""
import pathlib, time
from pm_cls.train.training import log
info = log.info
def slow(text):
    if text.startswith("stopped"):
        pathlib.Path({str(saving)!r}).touch()
        time.sleep(100)
    info(text)
log.info = slow
"""
    process = case.start(slow)
    case.wait_for_an_epoch(process)
    process.send_signal(signal.SIGINT)
    while process.poll() is None and not saving.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    case.finish()


@pytest.fixture
def stopped(photographs, tmp_path, monkeypatch, request):
    """A run that ended after three of five epochs."""
    settings = ("data.image_size=32", "train.epochs=5", "train.report_epochs=[2, 5]")
    case = Case(photographs, tmp_path, settings=(*settings, *getattr(request, "param", ())))
    left = iter(range(3))

    def three(*arguments, **keywords):
        if next(left, None) is None:
            raise NotFinite(float("nan"), 2)
        return train_one_epoch(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr("pm_cls.train.training.train_one_epoch", three)
        with pytest.raises(RunError, match="epoch 4: the loss became nan at step 2"):
            train(case.config, case.runs_dir, "cpu")
    return case


def test_nan_keeps_the_last_two_good_states(stopped):
    files = sorted(path.name for path in (stopped.folder / CHECKPOINT).iterdir())
    assert files == [
        "epoch2.json", "epoch2.safetensors", "epoch3.json", "epoch3.safetensors",
    ]  # fmt: skip
    assert not is_finished(stopped.folder)
    stopped.finish()


@pytest.mark.parametrize(
    "stopped",
    [
        ("optimizer.name=adam", "model.normalization=layers"),
        ("model.normalization=input",),
        ("model.name=alexnet",),  # has dropout
        (
            "train.augmentation.flip=0.5",
            "train.augmentation.shift=0.2",
            "train.augmentation.mixup=0.4",
            "train.hold_out=0.2",
            "schedule.name=inverse_time",
            "schedule.decay=0.1",
        ),
        (
            "train.augmentation={rotation: 20, crop: 0.2, hue: 0.1, fancy_pca: 0.1}",
            "train.hold_out=0.2",
            "train.weights=best",
            "train.order=balanced_batches",
            "schedule.name=one_cycle",
            "schedule.warm_up=0.2",
        ),
        (
            "train.hold_out=0.2",
            "train.weights=average",
            "loss.class_weights=balanced",
            "pretraining.epochs=1",
            "optimizer.name=adamw",
            "loss.name=focal",
            "model.dropout=0.3",
            "model.pooling=overlapping",
        ),
        ("optimizer.name=nesterov", "optimizer.l1=0.001", "optimizer.weight_decay=0.01"),
        ("optimizer.name=adagrad", "loss.name=ramp", "loss.centre=0.01", "model.activation=gelu"),
        ("optimizer.name=adadelta", "loss.label_smoothing=0.1", "train.order=undersampled"),
    ],
    indirect=True,
)
def test_other_networks_optimisers_and_running_statistics_go_on_too(stopped, capsys):
    stopped.finish()
    assert "goes on after epoch 3" in capsys.readouterr().out


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = [
    flip,
    lambda path: path.write_bytes(path.read_bytes()[:-10]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\x80\x04cposix\nsystem\n(S'touch executed'\ntR."),
    lambda path: path.unlink(),
]


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_taken(stopped, damage, suffix, capsys):
    path = stopped.folder / CHECKPOINT / f"epoch3.{suffix}"
    damage(path)
    stopped.finish()
    out = capsys.readouterr().out
    assert "goes on after epoch 2" in out
    if path.suffix == ".safetensors" or damage is not DAMAGES[-1]:
        assert "epoch3.json is damaged and was left out" in out


def test_without_a_whole_checkpoint_it_begins_anew(stopped, capsys):
    for path in (stopped.folder / CHECKPOINT).glob("*.safetensors"):
        flip(path)
    stopped.finish()
    assert "goes on" not in capsys.readouterr().out


def test_a_number_changed_in_the_json_is_noticed(stopped, capsys):
    path = stopped.folder / CHECKPOINT / "epoch3.json"
    path.write_text(path.read_text().replace('"epoch": 3', '"epoch": 4', 1))
    stopped.finish()
    assert "its checksum does not fit" in capsys.readouterr().out


def test_a_run_that_went_on_nobody_knows_where_is_told(stopped):
    path = stopped.folder / "environment.json"
    path.write_text("{")
    with pytest.raises(UsageError, match=r"environment\.json: is damaged .* --restart"):
        train(stopped.config, stopped.runs_dir, "cpu")
    path.unlink()
    with pytest.raises(UsageError, match=r"environment\.json: cannot be read \(No such file"):
        train(stopped.config, stopped.runs_dir, "cpu")
    train(stopped.config, stopped.runs_dir, "cpu", restart=True)
    assert is_finished(stopped.folder)


def test_an_unfinished_run_on_other_data_is_refused(stopped, official):
    data = stopped.config.data.model_copy(update={"root": str(official)})
    next((official / "PALM-Training400").glob("H*")).unlink()
    other = stopped.config.model_copy(update={"data": data})
    with pytest.raises(UsageError, match="unfinished run on other data; --restart"):
        train(other, stopped.runs_dir, "cpu")


def test_restart_begins_anew(stopped, capsys):
    train(stopped.config, stopped.runs_dir, "cpu", restart=True)
    assert "goes on" not in capsys.readouterr().out
    stopped.finish()
    before = (stopped.folder / "result.json").stat().st_mtime_ns
    train(stopped.config, stopped.runs_dir, "cpu", restart=True)
    assert (stopped.folder / "result.json").stat().st_mtime_ns != before


def test_two_processes_on_one_run(photographs, tmp_path):
    case = Case(photographs, tmp_path)
    process = case.start()
    case.wait_for_an_epoch(process)
    process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(UsageError, match="another process is at work on this run"):
            train(case.config, case.runs_dir, "cpu")
    finally:
        process.kill()
        process.communicate()
    case.finish()  # a killed process holds no lock


def test_a_run_that_ends_while_another_process_waits_for_it_is_left(stopped, monkeypatch, capsys):
    @contextlib.contextmanager
    def behind_another(place):
        monkeypatch.undo()
        stopped.finish()
        with folder.locked(place):
            yield

    monkeypatch.setattr(folder, "locked", behind_another)
    train(stopped.config, stopped.runs_dir, "cpu")
    assert "finished already" in capsys.readouterr().out
    assert len(stopped.lines()) == 5


def test_a_lock_that_cannot_be_opened_is_not_waited_for(tmp_path):
    (tmp_path / ".lock").mkdir()
    assert not folder.is_held(tmp_path)


def test_a_lock_that_lost_its_name_keeps_nobody_out(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    real, held = fcntl.flock, [tmp_path / ".lock"]

    def flock(file, operation):
        if held:  # the process that had it ends between opening and locking
            held.pop().unlink()
        return real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with folder.locked(tmp_path):
        assert folder.is_held(tmp_path)
        with pytest.raises(UsageError, match="another process"), folder.locked(tmp_path):
            pass
    assert not folder.is_held(tmp_path) and not (tmp_path / ".lock").exists()


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of `size` bytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_keeps_the_last_checkpoint(photographs, tmp_path):
    settings = ("data.image_size=32", "train.epochs=5", "train.report_epochs=[5]")
    case = Case(photographs, tmp_path, settings=settings)
    size = len(case.expected["weights_epoch5.safetensors"])
    with small_disk(tmp_path / "disk", 5 * size):  # two checkpoints of twice that size, and a bit
        case.runs_dir = tmp_path / "disk" / "runs"
        case.folder = case.runs_dir / "lenet7_relu" / "seed0"
        process = case.start()
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 4, out
        assert "No space left on device" in out and "Traceback" not in out
        assert not is_finished(case.folder)
        assert not list(case.folder.rglob("*.part"))
        shutil.copytree(case.folder, tmp_path / "saved" / "lenet7_relu" / "seed0")
    case.runs_dir = tmp_path / "saved"
    case.folder = case.runs_dir / "lenet7_relu" / "seed0"
    case.finish()
    assert "goes on after epoch 2" in (case.folder / LOG).read_text()


def test_file_size_limit_keeps_what_was_there(stopped):
    """The same where nothing can be mounted."""
    before = {p: p.read_bytes() for p in (stopped.folder / CHECKPOINT).iterdir()}
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    process = stopped.start(limit)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 4, out
    assert "cannot be written (File too large)" in out and "Traceback" not in out
    assert before == {p: p.read_bytes() for p in (stopped.folder / CHECKPOINT).iterdir()}
    stopped.finish()


def test_full_disk_while_a_report_is_written(fake_run, tmp_path, unrendered):
    from pm_cls.report import report

    runs_dir = fake_run("alexnet", [5, -5], [1, 0])
    with small_disk(tmp_path / "disk", 300_000):
        out = tmp_path / "disk" / "results"
        out.mkdir()
        (out / "table1.md").write_text("what was there before")
        (tmp_path / "disk" / "filling").write_bytes(bytes(280_000))
        with pytest.raises(RunError, match="cannot be written \\(No space left on device\\)"):
            report(runs_dir, out)
        assert not list(out.rglob("*.part.*")) and not list(out.glob("*.part"))
        text = (out / "table1.md").read_text()
        assert text == "what was there before" or text.startswith("# Table 1")
        (tmp_path / "disk" / "filling").unlink()


def test_full_disk_while_data_are_prepared(official, tmp_path):
    with small_disk(tmp_path / "disk", 20_000):
        with pytest.raises(RunError, match="cannot be written \\(No space left on device\\)"):
            prepare([official], tmp_path / "disk" / "out")
        assert not list((tmp_path / "disk").iterdir())


def test_full_disk_while_photographs_are_decoded(photographs, tmp_path, monkeypatch):
    """Arrays are maps of files: a process is killed that fills one which has no place."""
    with small_disk(tmp_path / "disk", 2**20):
        monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "disk"))
        with pytest.raises(UsageError, match="cannot be used \\(No space left on device\\)"):
            load_dataset(DataConfig(root=str(photographs)))
        assert not list((tmp_path / "disk").rglob("*.part"))
    monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "cache"))
    assert load_dataset(DataConfig(root=str(photographs))).train.images.shape[1:] == (3, 224, 224)


def test_full_disk_while_predictions_are_written(trained, official, tmp_path):
    photograph = str(next((official / "PALM-Validation400").iterdir()))
    with small_disk(tmp_path / "disk", 8192):
        (tmp_path / "disk" / "filling").write_bytes(bytes(8192 - 4096))
        (tmp_path / "disk" / "p.csv").write_text("before")
        with pytest.raises(RunError, match="No space left on device"):
            predict.main(["--run", str(trained), photograph, "--device", "cpu",
                          "--out", str(tmp_path / "disk" / "p.csv")])  # fmt: skip
        assert (tmp_path / "disk" / "p.csv").read_text() == "before"


def test_restart_takes_away_what_was_measured_on_the_weights_before(stopped):
    stopped.finish()
    names = ("inspection/gradients.csv", "evaluations/a.json", "stress.csv", "stress.png")
    kept = [stopped.folder / name for name in names]
    for file in kept:
        file.parent.mkdir(exist_ok=True)
        file.write_text("of the weights before")
    train(stopped.config, stopped.runs_dir, "cpu", restart=True)
    assert not any(file.exists() for file in kept)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_within_the_backward_pass_is_the_end_and_no_error(number):
    """Paddle takes an exception out of a function of ours for an error of its own."""

    class Signalled(PyLayer):
        @staticmethod
        def forward(ctx, values):
            return values * 1

        @staticmethod
        def backward(ctx, gradient):
            os.kill(os.getpid(), number)
            return gradient

    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(number, stop)
    try:
        values = paddle.ones([2])
        values.stop_gradient = False
        with pytest.raises(KeyboardInterrupt), stopping_afterwards():
            Signalled.apply(values).sum().backward()
        assert values.grad.tolist() == [1, 1] and signal.getsignal(number) is stop
        with pytest.raises(OSError):  # and so it would be
            Signalled.apply(values).sum().backward()
    finally:
        signal.signal(number, before)
