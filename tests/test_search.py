"""Trials of ranges: judged on held-out images, gone on with after a kill, refused in words."""

import csv
import subprocess
import sys

import pytest
import yaml

from pm_cls.config import load_config
from pm_cls.data.photographs.synthetic import synthesize
from pm_cls.records import epochs, folder
from pm_cls.runtime.errors import RunError, UsageError
from pm_cls.search import Search, search, trials
from pm_cls.search.__main__ import main

optuna = pytest.importorskip("optuna")

RANGES = {
    "optimizer.learning_rate": {"low": 1e-4, "high": 0.1, "log": True},
    "model.activation": ["tanh", "relu"],
    "train.batch_size": {"low": 4, "high": 12, "step": 4},
}


@pytest.fixture
def written(photographs, tmp_path):
    def write(ranges=RANGES, **changes):
        settings = {
            "experiment": "hunt",
            "data": {"root": str(photographs), "image_size": 32},
            "model": {"name": "lenet7"},
            "train": {"epochs": 2, "report_epochs": [2]},
            "ranges": ranges,
            **changes,
        }
        path = tmp_path / "search.yaml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
        return path

    return write


def hunt(path, runs_dir, trials, overrides=()):
    return search(Search.read(path, overrides), runs_dir, trials, None, "cpu")


def table(runs_dir):
    with (runs_dir / "hunt.csv").open() as file:
        return list(csv.DictReader(file))


def test_trials_are_runs_and_the_best_one_becomes_a_config(written, tmp_path, capsys):
    runs_dir = tmp_path / "runs"
    main(
        [
            "--ranges",
            str(written()),
            "--trials",
            "4",
            "--runs-dir",
            str(runs_dir),
            "--device",
            "cpu",
        ]
    )
    rows = table(runs_dir)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert list(rows[0]) == ["trial", "held_out_loss", *RANGES]
    for row in rows:
        assert 1e-4 <= float(row["optimizer.learning_rate"]) <= 0.1
        assert row["model.activation"] in ("tanh", "relu")
        assert row["train.batch_size"] in ("4", "8", "12")
        config = folder.read_config(runs_dir / f"hunt-{row['trial']}" / "seed0")
        assert config.train.hold_out == 0.2 and config.model.activation == row["model.activation"]
        assert f"{config.optimizer.learning_rate:.4g}" == row["optimizer.learning_rate"]
    best = min(rows, key=lambda row: float(row["held_out_loss"]))
    found = load_config(runs_dir / "hunt-best.yaml")
    assert found.train.batch_size == int(best["train.batch_size"])
    assert found.experiment == "hunt-best"
    assert (runs_dir / "hunt.png").read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert f"best of 4: trial {best['trial']}, held-out loss" in out

    main(
        [
            "--ranges",
            str(written()),
            "--trials",
            "4",
            "--runs-dir",
            str(runs_dir),
            "--device",
            "cpu",
        ]
    )
    assert table(runs_dir) == rows and "trial 4" not in capsys.readouterr().out


def test_a_search_that_was_killed_ends_as_one_that_was_not(written, tmp_path, monkeypatch):
    hunt(written(), tmp_path / "whole", 4)
    import pm_cls.train.training as training

    real, steps = training.Training.record, []

    def killing(self, epoch, *rest):
        real(self, epoch, *rest)
        steps.append(epoch)
        if len(steps) == 3:  # in the second trial, after its first epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "record", killing)
        with pytest.raises(KeyboardInterrupt):
            hunt(written(), tmp_path / "killed", 4)
    assert len(epochs.read(tmp_path / "killed" / "hunt-1" / "seed0")) == 1
    hunt(written(), tmp_path / "killed", 4)
    assert table(tmp_path / "killed") == table(tmp_path / "whole")


def test_a_trial_that_another_process_is_at_work_on_is_left_to_it(written, tmp_path):
    runs_dir, file = tmp_path / "runs", written()
    hunt(file, runs_dir, 1)
    study = optuna.load_study(
        study_name="hunt", storage=f"sqlite:///{runs_dir.absolute()}/hunt.sqlite"
    )
    what = Search.read(file, ())
    what.suggest(study.ask())  # trial 1, of another process
    other = (
        "import filelock, sys\n"
        "with filelock.FileLock(sys.argv[1]):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    place = runs_dir / "hunt-1.lock"
    with subprocess.Popen(
        [sys.executable, "-c", other, str(place)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "held\n"
        hunt(file, runs_dir, 3)
        assert [row["trial"] for row in table(runs_dir)] == ["0", "2"]
        process.stdin.close()
        process.wait(60)
    hunt(file, runs_dir, 3)
    assert [row["trial"] for row in table(runs_dir)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"optimizer.momentum": {"low": 0.5, "high": 1.0}}, r"momentum. is 1\.0; .*less than 1"),
        ({"model.dropout": [0.2, 2]}, r"model\.dropout. is 2; .*less than 1"),
        ({"optimizer.learning_rat": [1]}, r"learning_rat"),
        (
            {"schedule.name": ["cosine", "cosinus"]},
            r"schedule\.name. is 'cosinus'; known",
        ),
        ({"loss.gamma": {"low": 1, "high": 3}}, r"loss\.gamma. is no key of cross_entropy"),
        ({"model.activation": ["relu", "reluu"]}, r"model\.activation. is 'reluu'"),
        ({"train.augmentation.hue": [0.1, 0.9]}, r"hue. is 0\.9; up to 0\.5"),
        ({"train.order": ["sorted"]}, r"train\.order. is 'sorted'; known: shuffled"),
        ({"train.batch_size": {"low": 8, "high": 4}}, r"low 8 is not below high 4"),
        (
            {"train.batch_size": {"low": 0, "high": 4, "log": True}},
            "log: true goes with a low",
        ),
        ({"train.batch_size": {"low": 4}}, r"high. is missing"),
        (
            {"train.batch_size": {"low": 4, "high": 8, "step": -1}},
            r"batch_size: step -1",
        ),
        (
            {"train.batch_size": {"low": 4, "high": 8, "step": 5}},
            r"step 5 is not above zero",
        ),
        ({"train.batch_size": {"low": 4, "high": 8, "step": 0.5}}, r"step 0.5 is no whole number"),
        ({"train.batch_size": {"low": 4, "high": 8.0}}, r"train.batch_size. is 5\.4"),
        (
            {"optimizer.name": ["momentum", "sgd"], "optimizer.momentum": [0.0, 0.5]},
            r"name: sgd, optimizer.momentum: 0.5: .optimizer.momentum. is 0 or left out",
        ),
        ({"experiment": ["a", "b"]}, r"ranges.experiment`: all trials of a search share it"),
        ({"train.hold_out": [0.1, 0.2]}, r"train.hold_out`: all trials of a search share it"),
        ({"train.batch_size": "4 to 8"}, r"is '4 to 8'; a list of values, or low and high"),
        ({}, r"`ranges` is needed: by dotted key"),
    ],
)
def test_what_a_key_does_not_allow_is_refused_before_it_runs(written, tmp_path, ranges, words):
    with pytest.raises(UsageError, match=words):
        hunt(written(ranges), tmp_path / "runs", 2)
    assert not (tmp_path / "runs").exists()


def test_a_search_needs_images_to_judge_by(written, tmp_path):
    train = {"epochs": 2, "report_epochs": [2]}
    with pytest.raises(UsageError, match=r"`train.hold_out` is 0; .* above 0 is needed"):
        hunt(written(train={**train, "hold_out": 0}), tmp_path / "runs", 1)
    with pytest.raises(UsageError, match=r"`train.hold_out` is 0; "):
        hunt(written(), tmp_path / "runs", 1, ["train.hold_out=0"])
    found = [Search.read(written(train={**train, **own}), ()).config({}).train.hold_out
             for own in ({}, {"hold_out": 0.3})]  # fmt: skip
    assert found == [0.2, 0.3]


def test_other_ranges_and_other_storages_are_told(written, tmp_path):
    synthesize(tmp_path / "others", seed=5, train=8, validation=4, size=32)
    hunt(written(), tmp_path / "runs", 1)
    with pytest.raises(UsageError, match="has trials of hunt with other ranges; "):
        hunt(written({"model.activation": ["tanh", "relu"]}), tmp_path / "runs", 2)
    with pytest.raises(UsageError, match="has trials of hunt with other settings; "):
        hunt(written(), tmp_path / "runs", 2, ["optimizer.momentum=0.5"])
    with pytest.raises(UsageError, match="has trials of hunt with other data; "):
        hunt(written(), tmp_path / "runs", 2, [f"data.root={tmp_path / 'others'}"])
    with pytest.raises(UsageError, match=r"--storage nowhere://x: cannot be used"):
        search(Search.read(written(), ()), tmp_path / "runs", 1, "nowhere://x", "cpu")


def test_a_disk_that_is_full_uses_up_no_trial(written, tmp_path, monkeypatch):
    def full(config, runs_dir, device):
        raise RunError("runs: cannot be written (No space left on device)")

    with monkeypatch.context() as patch:
        patch.setattr(trials, "_held_out_loss", full)
        with pytest.raises(RunError, match="No space left"):
            hunt(written(), tmp_path / "runs", 2)
    hunt(written(), tmp_path / "runs", 2)
    assert [row["trial"] for row in table(tmp_path / "runs")] == ["0", "1"]


def claimed(what, study, folder):
    trial, values, held = trials._claim(optuna, study, what, folder, 9)
    held.close()
    return trial.number, values


def study_of(what, folder):
    folder.mkdir()
    return trials._study(optuna, f"sqlite:///{folder}/hunt.sqlite", "hunt", what)


def test_a_trial_that_was_only_asked_for_is_proposed_as_it_would_have_been(written, tmp_path):
    what = Search.read(written(), ["seed=20241231"])  # with its trials beyond what NumPy takes
    whole, killed = study_of(what, tmp_path / "a"), study_of(what, tmp_path / "b")
    killed.ask()  # and then came the kill
    assert claimed(what, whole, tmp_path / "a") == claimed(what, killed, tmp_path / "b")


def test_a_trial_that_ends_while_it_is_looked_at_is_passed_over(written, tmp_path, monkeypatch):
    what = Search.read(written(), ())
    study = study_of(what, tmp_path / "runs")
    first = study.ask()
    what.suggest(first)

    def lock(runs_dir, name, number):
        if number == first.number:  # another process tells it and lets go
            study.tell(first, 0.5)
        return runs_dir / f"{name}-{number}.lock"

    monkeypatch.setattr(trials, "_lock", lock)
    assert claimed(what, study, tmp_path / "runs")[0] == 1


def test_fixed_keys_are_fixed_under_the_name_of_their_section_too(written):
    for ranges in ({"train": [{"hold_out": 0.1}]}, {"data": [{"limit": 10}]}):
        with pytest.raises(UsageError, match=r"all trials of a search share it"):
            Search.read(written(ranges), ())


def test_settings_that_need_held_out_images_have_them(written):
    train = {"epochs": 2, "report_epochs": [2], "weights": "best"}
    assert Search.read(written(train=train), ()).config({}).train.hold_out == 0.2


def test_each_length_is_judged_at_its_end(written):
    found = Search.read(written({"train.epochs": [2, 3]}), ())
    assert [found.config({"train.epochs": n}).train.report_epochs for n in (2, 3)] == [(2,), (3,)]


def test_trials_that_fail_are_told_and_counted(written, tmp_path, capsys):
    path = written({"optimizer.learning_rate": [1e30]})
    with pytest.raises(RunError, match="no trial came to an end"):
        hunt(path, tmp_path / "runs", 2)
    assert "trial 1: hunt-1 seed 0 epoch 1" in capsys.readouterr().out


def test_values_that_the_data_do_not_allow_fail_their_trial_alone(written, tmp_path, capsys):
    """Where the last batch would be of one image: known once the images are counted."""
    n = 24 - round(0.2 * 24)
    path = written({"train.batch_size": [n - 1, 8]}, model={"name": "resnet18"})
    hunt(path, tmp_path / "runs", 6)
    out = capsys.readouterr().out
    assert f"`train.batch_size` {n - 1} leaves one of the {n} training images" in out
    assert {row["train.batch_size"] for row in table(tmp_path / "runs")} == {"8"}


def test_a_folder_that_another_run_has_stops_the_search(written, tmp_path):
    hunt(written(), tmp_path / "runs", 1)
    (tmp_path / "runs" / "hunt.sqlite").unlink()
    with pytest.raises(UsageError, match="holds a run with other settings"):
        hunt(written({"model.activation": ["elu"]}), tmp_path / "runs", 1)


def test_a_folder_of_any_name_has_the_file_of_the_trials(written, tmp_path):
    hunt(written(), tmp_path / "why?not=1", 1)
    assert (tmp_path / "why?not=1" / "hunt.sqlite").is_file()
    assert not (tmp_path / "why").exists()


def test_settings_from_the_command_line(written, tmp_path):
    hunt(written(), tmp_path / "runs", 1, ["train.epochs=1", "train.report_epochs=[1]", "seed=3"])
    assert (tmp_path / "runs" / "hunt-0" / "seed3" / "result.json").is_file()


def test_without_optuna_there_are_words(written, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"the search needs Optuna: pip install .*search"):
        hunt(written(), tmp_path / "runs", 1)


def test_a_trial_is_told_before_another_process_can_take_it(written, tmp_path, monkeypatch):
    claimed, told = trials._claim, []

    def noting(optuna, study, *rest):
        if (claim := claimed(optuna, study, *rest)) is None:
            return None
        trial, values, held = claim
        held.callback(lambda: told.append(study.trials[trial.number].state.is_finished()))
        return trial, values, held  # the last that goes in comes out first: before the lock

    monkeypatch.setattr(trials, "_claim", noting)
    hunt(written(), tmp_path / "runs", 2)
    assert told == [True, True]
    assert not list((tmp_path / "runs").glob("*.lock"))
