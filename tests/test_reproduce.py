"""The whole chain by one command, in a repository of two small experiments."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pm_cls import baselines, reproduce
from pm_cls.config import load_config
from pm_cls.config.studies import experiments_in
from pm_cls.records import epochs
from pm_cls.records.folder import is_finished, read_config
from pm_cls.runtime import jobs
from pm_cls.runtime.errors import DataError, RunError, UsageError
from pm_cls.runtime.files import read_csv
from tests.conftest import REPOSITORY
from tests.data.test_own_classifier import draw

# The same with every version of the libraries; other tests draw figures.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("unrendered")]


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
    assert is_finished(repository / "runs-synthetic" / "alexnet" / "seed0")
    assert "SYNTHETIC" in (repository / "results-synthetic" / "table1.md").read_text()
    rows = read_csv(repository / "results-synthetic" / "records.csv")
    assert {row["experiment"] for row in rows} == {"alexnet", "lenet7_relu"}
    baselines.main(["--data", str(photographs), "--out", "alone"])  # at 224 pixels, whatever runs
    simple = [Path(place, "baselines.csv").read_text() for place in ("alone", "results-synthetic")]
    assert simple[0] == simple[1]

    result = repository / "runs-synthetic" / "alexnet" / "seed0" / "result.json"
    before = result.stat().st_mtime_ns
    reproduce.main(arguments)
    assert "2 finished already" in capsys.readouterr().out
    assert result.stat().st_mtime_ns == before


def test_another_folder_of_configs(repository, photographs, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "synthesize", None)  # none are drawn where --data names some
    (repository / "configs").rename(repository / "mine")
    (repository / "mine" / "alexnet.yaml").unlink()
    arguments = ["--data", str(photographs), "--configs", "mine", "--device", "cpu"]
    reproduce.main(arguments)
    assert "1 run, 0 finished already" in capsys.readouterr().out


def test_folders_of_classes_go_on_as_they_began(repository, capsys):
    """A run stores the names that its folders have, which the file leaves out."""
    draw(repository / "pictures")
    (repository / "mine").mkdir()
    text = (repository / "configs" / "lenet7_relu.yaml").read_text()
    text = text.replace(
        "name: ichallenge_pm, root: data/ichallenge_pm", "name: folder, root: pictures"
    )
    (repository / "mine" / "lenet7_relu.yaml").write_text(text)
    arguments = ["--configs", "mine", "--device", "cpu"]
    reproduce.main(arguments)
    reproduce.main(arguments)
    assert "1 run, 1 finished already" in capsys.readouterr().out


def test_drawn_photographs_of_other_data_sets_are_kept_apart_too(repository, photographs, capsys):
    (repository / "mine").mkdir()
    text = (repository / "configs" / "lenet7_relu.yaml").read_text()
    text = text.replace("name: ichallenge_pm", "name: folder")
    (repository / "mine" / "lenet7_relu.yaml").write_text(text)
    pictures = repository / "pictures"
    for name in ("P0001", "P0002", "P0003", "P0004", "N0001", "N0002", "N0003", "N0004"):
        place = pictures / name[0] / f"{name}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photographs / "PALM-Training400" / f"{name}.jpg", place)
    shutil.copy(photographs / "dataset.json", pictures)
    reproduce.main(["--configs", "mine", "--root", f"folder={pictures}", "--device", "cpu"])
    assert "SYNTHETIC photographs" in capsys.readouterr().out
    assert is_finished(repository / "runs-synthetic" / "lenet7_relu" / "seed0")


def test_a_device_that_there_is_not_is_told_first(repository):
    with pytest.raises(UsageError, match="--device gpu: the installed"):
        reproduce.main(["--data", "absent", "--device", "gpu"])


def test_a_damaged_record_of_epochs_is_no_reason_to_stop(tmp_path):
    (tmp_path / epochs.FILE).write_text("{}\n")
    assert epochs.known(tmp_path) == []


def test_one_failing_run_leaves_the_others(repository, official, capsys):
    path = repository / "configs" / "alexnet.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.001", "learning_rate: 1e30"))
    with pytest.raises(RunError, match=r"1 of 2 runs failed:\nalexnet seed 0: .*the loss became"):
        reproduce.main(["--data", str(official), "--out", "elsewhere", "--device", "cpu"])
    table = (repository / "elsewhere" / "table1.md").read_text()
    assert "alexnet (0 of 1 seeds; missing: seed 0)" in table
    assert "alexnet/seed0 is not finished" in table
    assert is_finished(repository / "runs" / "lenet7_relu" / "seed0")


def test_quick_look_is_small_and_named(repository, photographs, capsys):
    (repository / "configs" / "alexnet.yaml").unlink()
    file = repository / "configs" / "lenet7_relu.yaml"
    file.write_text(file.read_text().replace("image_size: 32", "image_size: 224"))
    shutil.copy(REPOSITORY / "configs" / "mnist_lenet.yaml", repository / "configs")
    reproduce.main(["--data", str(photographs), "--quick", "--device", "cpu"])
    out = capsys.readouterr().out
    assert "left out of the quick look" in out and "some two minutes" in out
    table = (repository / "results-quick" / "table1.md").read_text()
    assert "`data.image_size` is 72 instead of 224" in table and "SYNTHETIC" in table


def test_the_quick_look_is_allowed_by_every_experiment():
    configs = REPOSITORY / "configs"
    studies = [place for place in configs.glob("*/") if (place / f"{place.name}.yaml").is_file()]
    assert len(studies) == 6
    for place in [configs, *studies]:
        for file, experiment in experiments_in(place):
            config = load_config(file, experiment=experiment)
            quick = load_config(file, reproduce._quick(config, place == configs), experiment)
            assert quick.train.epochs <= config.train.epochs


def test_without_data_the_synthetic_set_is_made_and_announced(repository, monkeypatch, capsys):
    made = []
    monkeypatch.setattr(reproduce, "synthesize", made.append)
    assert reproduce._photographs(Path()) == "data/synthetic"
    assert made == [Path("data/synthetic")]
    assert "SYNTHETIC" in capsys.readouterr().out
    (repository / "data" / "ichallenge_pm" / "PALM-Training400").mkdir(parents=True)
    assert reproduce._photographs(Path()) == "data/ichallenge_pm"
    assert reproduce._photographs(repository) == str(repository / "data/ichallenge_pm")
    assert len(made) == 1


def test_a_place_that_takes_no_results_is_told_before_training(repository, photographs):
    (repository / "taken").write_text("")
    for place in ("taken", "taken/below"):
        with pytest.raises(UsageError, match=r"--out taken.* cannot be written"):
            reproduce.main(["--data", str(photographs), "--out", place])
        with pytest.raises(UsageError, match=r"--out taken.* cannot be written"):
            baselines.main(["--data", str(photographs), "--out", place])
    assert not (repository / "runs").exists()


def test_what_can_be_checked_is_checked_before_training(
    repository, official, tmp_path, monkeypatch
):
    with pytest.raises(DataError, match="is no folder"):
        reproduce.main(["--data", str(tmp_path / "absent")])
    with pytest.raises(UsageError, match="--seeds and --jobs"):
        reproduce.main(["--data", str(official), "--seeds", "0"])
    with pytest.raises(UsageError, match="no YAML file"):
        reproduce.main(["--data", str(official), "--repository", str(official)])
    monkeypatch.chdir(repository)
    shutil.copy(REPOSITORY / "configs" / "mnist_lenet.yaml", repository / "configs")
    with pytest.raises(DataError, match="files of mnist"):
        reproduce.main(["--data", str(official), "--mnist", str(official)])


def test_options_that_would_do_nothing_are_refused(repository, photographs):
    with pytest.raises(UsageError, match="--root cifar10: no experiment of configs takes these"):
        reproduce.main(["--data", str(photographs), "--root", "cifar10=x"])
    with pytest.raises(UsageError, match="--root mnist: an option of its own names these data"):
        reproduce.main(["--mnist", str(photographs), "--root", "mnist=x"])


@pytest.mark.parametrize(
    ("root", "found"), [("download", "download"), ("~/here", "{home}/here"), ("absent", None)]
)
def test_roots_of_configs_are_what_train_takes_them_for(root, found, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_text("")
    config = load_config(REPOSITORY / "configs" / "mnist_lenet.yaml", [f"data.root={root}"])
    expected = found and found.format(home=tmp_path)
    assert reproduce._root(config, Path("elsewhere"), {}) == expected


def test_a_run_that_another_process_has_just_finished_did_not_fail():
    """It had the lock when ours began, and had let go of it when ours had ended."""
    ended = iter([False, True])
    task = jobs.Task(
        "mine", ["-c", "raise SystemExit(2)"], 1, lambda: [], is_finished=lambda: next(ended)
    )
    assert jobs.run_side_by_side([task], 1) == []


def test_outlook_comes_from_the_committed_records(repository, official, fake_run):
    records = fake_run("alexnet", [5, -5], [1, 0])
    lines = [epochs.Epoch(i, 0.5, 0.5, 1, 2, seconds) for i, seconds in ((1, 900.0), (2, 120.0))]
    epochs.write(records / "alexnet" / "seed0", lines)
    shutil.copytree(records, repository / "results" / "records")
    plan = reproduce.Plan(repository / "new", range(3), "cpu", repository / reproduce.RECORDS)
    plan.add(Path("configs/alexnet.yaml"), "alexnet", [f"data.root={official}"])
    assert plan.seconds == [240] * 3  # two epochs like the quickest
    words = reproduce._outlook(plan, 2, None)
    assert "3 runs, 0 finished already, 2 at a time: about 6 minutes" in words
    plan.add(Path("configs/lenet7_relu.yaml"), "lenet7_relu", [f"data.root={official}"])
    assert "not known" in reproduce._outlook(plan, 2, None)
    assert plan.longest_first()[0].name == "alexnet seed 0"
    assert len(plan.longest_first()) == 6 and len(plan.datasets) == 1


STUDY = """
base:
  data: {image_size: 32}
  train: {epochs: 1, report_epochs: [1]}
variations:
  - name: "lenet_{model.activation}"
    vary: {model.activation: [tanh, relu]}
"""


def test_a_study_of_many_experiments_in_one_file(repository, photographs, capsys):
    (repository / "configs" / "mine").mkdir()
    (repository / "configs" / "mine" / "mine.yaml").write_text(STUDY)
    arguments = ["--data", str(photographs), "--study", "mine", "--device", "cpu"]
    reproduce.main(arguments)
    assert "2 runs, 0 finished already" in capsys.readouterr().out
    for name in ("lenet_tanh", "lenet_relu"):
        assert is_finished(repository / "runs-synthetic" / name / "seed0")
    with pytest.raises(UsageError, match=r"--study absent: none of thesis, mine$"):
        reproduce.main(["--study", "absent"])
    reproduce.main([*arguments, "--quick"])
    config = read_config(repository / "runs-quick" / "synthetic" / "lenet_tanh" / "seed0")
    assert (config.data.image_size, config.data.limit, config.train.epochs) == (32, 100, 1)


def test_drawn_figures_need_neither_files_nor_photographs(repository, monkeypatch, capsys):
    (repository / "configs" / "shapes").mkdir()
    shutil.copy(REPOSITORY / "configs/shapes/shapes.yaml", repository / "configs/shapes")
    monkeypatch.setattr(reproduce, "synthesize", None)
    reproduce.main(["--study", "shapes", "--quick", "--device", "cpu"])
    out = capsys.readouterr().out
    assert "6 runs, 0 finished already" in out and "some two minutes" in out
    assert "# Drawn colours and shapes: the document beside our runs" in out
    assert "SYNTHETIC" not in out
    assert "`data.limit` is 100 instead of None" in out


def test_data_that_are_not_there_are_told_with_the_option_that_names_them(
    repository, tmp_path, capsys
):
    (repository / "configs" / "digits").mkdir()
    shutil.copy(REPOSITORY / "configs/digits/digits.yaml", repository / "configs/digits")
    with pytest.raises(UsageError, match=r"configs/digits: no experiment has its data; data/READ"):
        reproduce.main(["--study", "digits", "--device", "cpu"])
    out = capsys.readouterr().out
    assert "digits_lenet20: left out, as data/mnist is not filled; --mnist names another" in out
    assert "objects_cnn: left out, as data/cifar10 is not filled; --root cifar10=DIR names" in out
    with pytest.raises(UsageError, match="--root cifar=here: NAME=DIR is needed, NAME of ichal"):
        reproduce.main(["--study", "digits", "--root", "cifar=here"])
    for option in ("--data", "--mnist"):
        with pytest.raises(UsageError, match="'' is no path"):
            reproduce.main(["--study", "digits", option, ""])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"test_batch\.bin are missing"):
        reproduce.main(["--study", "digits", "--root", f"cifar10={tmp_path / 'empty'}"])


def test_processes_that_share_a_folder_divide_a_study(repository, photographs):
    """Of two, one is killed: the other leaves its run to it, and then takes it over."""
    (repository / "configs" / "alexnet.yaml").unlink()
    text = (repository / "configs" / "lenet7_relu.yaml").read_text()
    for name in ("first", "second"):
        own = text.replace("experiment: lenet7_relu", f"experiment: {name}")
        own = own.replace("epochs: 2", "epochs: 30")
        (repository / "configs" / f"{name}.yaml").write_text(own)
    (repository / "configs" / "lenet7_relu.yaml").unlink()
    command = [sys.executable, "-m", "pm_cls.reproduce", "--data", str(photographs)]
    command += ["--device", "cpu", "--jobs", "1"]
    runs = [repository / "runs-synthetic" / name / "seed0" for name in ("first", "second")]

    def until(true):
        deadline = time.monotonic() + 100
        while not true() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert true()

    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: any((run / "metrics.jsonl").is_file() for run in runs))
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(lambda: all((run / "metrics.jsonl").is_file() for run in runs))
    first.kill()
    out = second.communicate()[0]
    assert second.returncode == 0, out
    assert "seed 0: left to the process that is at work on it" in out
    assert "written: results-synthetic" in out
    for run in runs:
        assert is_finished(run) and len(epochs.read(run)) == 30


def test_from_another_folder_paths_keep_their_meaning(
    repository, photographs, tmp_path_factory, monkeypatch
):
    (repository / "configs" / "alexnet.yaml").unlink()
    elsewhere = tmp_path_factory.mktemp("else where 2024")
    shutil.copytree(photographs, elsewhere / "2024")
    monkeypatch.chdir(elsewhere)
    options = ["--data", "2024", "--out", "out", "--repository", str(repository)]
    options += ["--runs-dir", "my runs"]
    reproduce.main([*options, "--device", "cpu"])
    assert (elsewhere / "out" / "table1.md").is_file()
    folder = elsewhere / "my runs" / "lenet7_relu" / "seed0"
    assert (elsewhere / read_config(folder).data.root).samefile(elsewhere / "2024")
    assert Path.cwd() == elsewhere


def test_sigterm_ends_the_runs_too(repository, photographs):
    text = (repository / "configs" / "alexnet.yaml").read_text()
    (repository / "configs" / "alexnet.yaml").write_text(text.replace("epochs: 2", "epochs: 5000"))
    command = [sys.executable, "-m", "pm_cls.reproduce", "--data", str(photographs)]
    parent = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.DEVNULL)
    metrics = repository / "runs-synthetic" / "alexnet" / "seed0" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(timeout=30) == 143
    size = metrics.stat().st_size
    time.sleep(1)
    assert metrics.stat().st_size == size


def test_killed_run_is_told_by_its_signal(repository, official, monkeypatch):
    start = jobs._start

    def start_and_kill(*arguments):
        run = start(*arguments)
        run.process.kill()
        return run

    monkeypatch.setattr(jobs, "_start", start_and_kill)
    with pytest.raises(RunError, match=r"alexnet seed 0: killed by SIGKILL \(out of memory\?\)"):
        reproduce.main(["--data", str(official), "--device", "cpu"])


def test_data_of_several_configs_are_read_once(repository, official, monkeypatch):
    read = []
    load = reproduce.load_dataset
    for module in (reproduce, baselines):
        monkeypatch.setattr(module, "load_dataset", lambda data: read.append(data) or load(data))
    monkeypatch.setattr(reproduce, "run_side_by_side", lambda tasks, *_: ["failed"] * len(tasks))
    with pytest.raises(RunError, match="2 of 2 runs failed"):
        reproduce.main(["--data", str(official), "--device", "cpu"])
    assert [data.image_size for data in read] == [32, 224]  # what the runs see, and the baselines
