"""The whole chain by one command, in a repository of two small experiments."""

import shutil

import pytest

from pm_cls import reproduce, runs
from pm_cls.errors import DataError, RunError, UsageError

from .conftest import REPOSITORY
from .test_report import read_csv


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """configs/ with LeNet-7 and AlexNet cut down to 32 pixels and two epochs."""
    (tmp_path / "configs").mkdir()
    for name in ("lenet7_relu", "alexnet"):
        text = (REPOSITORY / "configs" / f"{name}.yaml").read_text()
        text = text.replace("image_size: 224", "image_size: 32").replace("[5, 10]", "[2]")
        (tmp_path / "configs" / f"{name}.yaml").write_text(text.replace("epochs: 10", "epochs: 2"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_chain_from_data_to_table_and_nothing_twice(repository, photographs, capsys):
    arguments = ["--data", str(photographs), "--seeds", "1", "--jobs", "2", "--device", "cpu"]
    reproduce.main(arguments)
    out = capsys.readouterr().out
    assert "SYNTHETIC photographs" in out and "2 runs, 0 finished already, 2 at a time" in out
    assert "alexnet seed 0: epoch 2/2" in out and "written: results-synthetic" in out
    assert runs.is_finished(repository / "runs-synthetic" / "alexnet" / "seed0")
    assert "SYNTHETIC" in (repository / "results-synthetic" / "table1.md").read_text()
    rows = read_csv(repository / "results-synthetic" / "records.csv")
    assert {row["experiment"] for row in rows} == {"alexnet", "lenet7_relu"}

    result = repository / "runs-synthetic" / "alexnet" / "seed0" / "result.json"
    before = result.stat().st_mtime_ns
    reproduce.main(arguments)
    assert "2 finished already" in capsys.readouterr().out
    assert result.stat().st_mtime_ns == before


def test_one_failing_run_leaves_the_others(repository, official, capsys):
    path = repository / "configs" / "alexnet.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.001", "learning_rate: 1e30"))
    with pytest.raises(RunError, match=r"1 of 2 runs failed:\n  alexnet seed 0: .*the loss became"):
        reproduce.main(["--data", str(official), "--out", "elsewhere", "--device", "cpu"])
    table = (repository / "elsewhere" / "table1.md").read_text()
    assert "alexnet (0 of 1 seeds; missing: seed 0)" in table
    assert "alexnet/seed0 is not finished" in table
    assert runs.is_finished(repository / "runs" / "lenet7_relu" / "seed0")


def test_quick_look_is_small_and_named(repository, photographs, capsys):
    (repository / "configs" / "alexnet.yaml").unlink()
    shutil.copy(REPOSITORY / "configs" / "mnist_lenet.yaml", repository / "configs")
    reproduce.main(["--data", str(photographs), "--quick", "--device", "cpu"])
    out = capsys.readouterr().out
    assert "left out of the quick look" in out and "about 1 minute" in out
    table = (repository / "results-quick" / "table1.md").read_text()
    assert "`data.image_size` is 80 instead of 224" in table and "SYNTHETIC" in table


def test_without_data_the_synthetic_set_is_made_and_announced(repository, monkeypatch, capsys):
    made = []
    monkeypatch.setattr(reproduce, "make_synthetic", made.append)
    assert reproduce._photographs(repository) == str(repository / "data" / "synthetic")
    assert made == [repository / "data" / "synthetic"]
    assert "SYNTHETIC" in capsys.readouterr().out
    (repository / "data" / "ichallenge_pm" / "PALM-Training400").mkdir(parents=True)
    assert reproduce._photographs(repository) == str(repository / "data" / "ichallenge_pm")
    assert len(made) == 1


def test_what_can_be_checked_is_checked_before_training(repository, official, tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        reproduce.main(["--data", str(tmp_path / "absent")])
    with pytest.raises(UsageError, match="--seeds and --jobs"):
        reproduce.main(["--data", str(official), "--seeds", "0"])
    with pytest.raises(UsageError, match="no YAML file"):
        reproduce.main(["--data", str(official), "--repository", str(official)])
    shutil.copy(REPOSITORY / "configs" / "mnist_lenet.yaml", repository / "configs")
    with pytest.raises(DataError, match="MNIST files"):
        reproduce.main(["--data", str(official), "--mnist", str(official)])


def test_outlook_comes_from_the_committed_records(repository, official, fake_run, capsys):
    from .test_report import LABELS, PERFECT

    fake_run("lenet7_relu", PERFECT, LABELS)
    records = fake_run("alexnet", PERFECT, LABELS)
    shutil.copytree(records, repository / "results" / "records")
    tasks = reproduce._tasks(repository, str(official), None, 1, False, repository / "new")
    assert [task.seconds for task in tasks] == [10, 10]
    assert "2 runs, 0 finished already, 1 at a time: about 0 minutes" in reproduce._outlook(
        tasks, 1, quick=False
    )
    assert "mnist" not in capsys.readouterr().out
