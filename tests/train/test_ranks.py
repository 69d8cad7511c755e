"""Several processes that train one network: the sums of one process, one record, one end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pm_cls.data.photographs.synthetic import synthesize
from pm_cls.records import environment, epochs, predictions, result
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.train import train
from pm_cls.train.ranks import Ranks
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # the same with every version of the libraries

# Each rank has a folder for runs of its own, tells its process, and may have data or a setting of
# its own.
RANK = """
import os, sys
from pathlib import Path
rank = os.environ["PADDLE_TRAINER_ID"]
place = Path(__file__).parent
(place / f"pid{rank}").write_text(str(os.getpid()))
sys.argv += ["--runs-dir", str(place / f"runs{rank}")]
if (place / f"data{rank}").exists():
    sys.argv += ["--set", f"data.root={place / f'data{rank}'}"]
if (place / f"set{rank}").exists():
    sys.argv += ["--set", (place / f"set{rank}").read_text()]
from pm_cls.__main__ import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """23 + 61 photographs: neither batches nor ranks divide them."""
    folder = tmp_path_factory.mktemp("data") / "odd"
    synthesize(folder, seed=1, train=23, validation=61, size=32)
    return folder


def settings(root, *more):
    """Enough epochs that a signal after the second one meets another."""
    size = [f"data.root={root}", "data.image_size=28"]
    return [*size, "train.epochs=12", "train.report_epochs=[3, 12]", *more]


def launched(place, root, *more, config="lenet7_relu", options=("--nproc_per_node", "2")):
    script = place / "rank.py"
    script.write_text(RANK)
    command = [sys.executable, "-m", "paddle.distributed.launch", *options]
    command += ["--log_dir", str(place / "log"), str(script), "train", "--device", "cpu"]
    command += ["--config", str(REPOSITORY / "configs" / f"{config}.yaml")]
    for setting in settings(root, *more):
        command += ["--set", setting]
    # Where the variable is set, be it to nothing, the launcher counts GPUs by it.
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def finish(process, seconds=120):
    said, _ = process.communicate(timeout=seconds)
    return said


def losses(folder):
    return epochs.read(folder)


def in_one_process(tiny_config, odd, tmp_path, *more, config="lenet7_relu"):
    config = tiny_config(*settings(odd, *more), config=config)
    return train(config, tmp_path / "alone", "cpu").folder


@pytest.fixture(scope="module")
def together(odd, tmp_path_factory) -> Path:
    """The place of an undisturbed run of two ranks."""
    place = tmp_path_factory.mktemp("together")
    process = launched(place, odd)
    assert "finished" in finish(process) and process.returncode == 0
    return place


def test_two_ranks_have_the_losses_of_one_process(together, odd, tiny_config, tmp_path):
    ours = losses(together / "runs0" / "lenet7_relu" / "seed0")[:3]
    short = ("train.epochs=3", "train.report_epochs=[3]")
    alone = losses(in_one_process(tiny_config, odd, tmp_path, *short))
    for one, other in zip(ours, alone, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-5)
        assert one.validation_n == other.validation_n == 61


def test_only_one_rank_writes_and_its_record_is_a_record(together):
    assert not (together / "runs1").exists()
    folder = together / "runs0" / "lenet7_relu" / "seed0"
    assert environment.read(folder).ranks == 2
    found = predictions.read(predictions.file(folder, 3))
    assert len(set(found.names)) == 61 and result.read(folder).epochs[3] == found.scores()
    said = "".join(file.read_text() for file in (together / "log").glob("workerlog.*"))
    assert said.count("finished: ") == 1


def test_two_nodes_with_batches_smaller_than_the_ranks(odd, tiny_config, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        master = f"127.0.0.1:{free.getsockname()[1]}"
    small = ("train.batch_size=1", "data.limit=5", "train.epochs=1", "train.report_epochs=[1]")
    nodes = []
    for node in (0, 1):
        (tmp_path / f"node{node}").mkdir()
        options = ("--nnodes", "2", "--master", master, "--rank", str(node))
        options += ("--nproc_per_node", "1")
        nodes.append(launched(tmp_path / f"node{node}", odd, *small, options=options))
    said = [finish(node) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    ours = losses(tmp_path / "node0" / "runs0" / "lenet7_relu" / "seed0")
    alone = losses(in_one_process(tiny_config, odd, tmp_path, *small))
    assert ours[0].train_loss == pytest.approx(alone[0].train_loss, abs=1e-5)
    assert ours[0].validation_n == 5
    assert not (tmp_path / "node1" / "runs1").exists()


def wait_for_epoch(place, epoch):
    file = place / "runs0" / "lenet7_relu" / "seed0" / "metrics.jsonl"
    for _ in range(600):
        if file.is_file() and len(file.read_text().splitlines()) >= epoch:
            return
        time.sleep(0.1)
    pytest.fail("no epoch was finished")


def test_a_signal_stops_all_and_the_run_goes_on_to_the_same_bits(
    together, odd, tmp_path, tiny_config
):
    process = launched(tmp_path, odd)
    wait_for_epoch(tmp_path, 2)
    process.send_signal(signal.SIGTERM)
    finish(process)
    for rank in (0, 1):
        wait_for_end(tmp_path, rank)
    folder = tmp_path / "runs0" / "lenet7_relu" / "seed0"
    said = "".join(file.read_text() for file in (tmp_path / "log").glob("workerlog.*"))
    assert said.count("stopped; the same command goes on after epoch") == 1
    assert not (folder / "result.json").exists() and len(list(folder.glob("checkpoint/*"))) == 4
    # One process would round otherwise: it says so and leaves the run as it is.
    with pytest.raises(UsageError, match="was begun with 2 ranks"):
        train(tiny_config(*settings(odd)), tmp_path / "runs0", "cpu")
    again = launched(tmp_path, odd)
    assert "goes on after epoch" in finish(again)
    expected = together / "runs0" / "lenet7_relu" / "seed0"
    for name in ("weights_epoch12.safetensors", "predictions_epoch12.csv"):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()


def wait_for_end(place, rank):
    pid = int((place / f"pid{rank}").read_text())
    for _ in range(300):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail(f"rank {rank} goes on")


def test_the_death_of_a_rank_ends_the_run_and_is_named(odd, tmp_path):
    process = launched(tmp_path, odd)
    wait_for_epoch(tmp_path, 1)
    os.kill(int((tmp_path / "pid1").read_text()), signal.SIGKILL)
    said = finish(process)
    assert process.returncode != 0
    wait_for_end(tmp_path, 0)
    said += (tmp_path / "log" / "workerlog.0").read_text()
    assert "pm_cls: error: rank 1 has gone" in said and "goes on after the last epoch" in said
    assert not (tmp_path / "runs0" / "lenet7_relu" / "seed0" / "result.json").exists()


def test_a_rank_without_the_data_is_named(odd, tmp_path):
    (tmp_path / "data1").mkdir()
    process = launched(tmp_path, odd)
    said = finish(process) + (tmp_path / "log" / "workerlog.0").read_text()
    assert process.returncode != 0 and "rank 1 cannot begin" in said
    assert "holds no photographs" in (tmp_path / "log" / "workerlog.1").read_text()
    assert not (tmp_path / "runs0" / "lenet7_relu").exists()


@pytest.mark.parametrize("what", ["data", "settings"])
def test_ranks_with_other_data_do_not_train(odd, tmp_path, what):
    if what == "data":
        synthesize(tmp_path / "data1", seed=2, train=23, validation=9, size=32)
    else:
        (tmp_path / "set1").write_text("optimizer.learning_rate=0.1")
    process = launched(tmp_path, odd)
    finish(process)
    assert process.returncode != 0
    said = (tmp_path / "log" / "workerlog.1").read_text()
    assert f"the {what} of this rank differ from rank 0's" in said
    assert "rank 1 cannot begin" in (tmp_path / "log" / "workerlog.0").read_text()


class Beside(Ranks):
    """A rank whose sums are made by the test."""

    def total(self, values):
        self.given = values
        return values


def test_every_photograph_is_of_one_rank():
    for count in (1, 2, 3, 5):
        for n in (1, 4, 61):
            items = np.arange(n)
            parts = [Ranks(rank, count).take(items) for rank in range(count)]
            assert sorted(np.concatenate(parts).tolist()) == items.tolist()
            logits = np.arange(n, dtype=np.float32)[:, np.newaxis] + 1
            ranks = [Beside(rank, count) for rank in range(count)]
            wholes = [rank.all_of(rank.take(logits), n, 1) for rank in ranks]
            np.testing.assert_array_equal(wholes[0] if count == 1 else sum(wholes), logits)


def test_alone_nothing_is_exchanged():
    alone = Ranks()
    assert alone.share(b"state") == b"state" and alone.total_loss(0.5) == 0.5
    assert alone.prepare(lambda: 3) == 3
    with pytest.raises(DataError):
        alone.prepare(lambda: (_ for _ in ()).throw(DataError("bad")))
    alone.dismiss()


def test_batch_statistics_and_mixed_precision_are_refused_where_they_cannot_be(
    tiny_config, tmp_path, monkeypatch
):
    for precision in ("bfloat16", "float16"):
        with pytest.raises(UsageError, match=f"`train.precision` is {precision}.*CPU.*float32"):
            train(tiny_config(f"train.precision={precision}"), tmp_path, "cpu")
    monkeypatch.setattr("pm_cls.train.ranks.join", lambda device: Beside(0, 2))
    with pytest.raises(UsageError, match="whole batches; it trains in one process"):
        train(tiny_config("model.normalization=layers"), tmp_path, "cpu")
    with pytest.raises(UsageError, match=r"`loss.centre` goes by whole batches"):
        train(tiny_config("loss.centre=0.1"), tmp_path, "cpu")
    assert not list(tmp_path.iterdir())
