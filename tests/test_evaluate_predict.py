"""Trained weights in use: scored again, and on photographs from anywhere."""

import csv
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

import pm_cls
from pm_cls import baselines
from pm_cls.config import load_stored
from pm_cls.evaluate import evaluate
from pm_cls.evaluate.__main__ import main as evaluate_main
from pm_cls.inspect import inspect
from pm_cls.predict import main as predict_main
from pm_cls.predict import predict
from pm_cls.records import baselines as baseline_records
from pm_cls.records import evaluations, predictions, result
from pm_cls.records import folder as places
from pm_cls.runtime.errors import DataError, RunError, UsageError
from pm_cls.train import train


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "seed0")


def evaluated(*arguments):
    evaluate_main([*map(str, arguments), "--device", "cpu"])


def test_evaluate_gives_the_stored_predictions_bit_for_bit(trained, capsys):
    found = evaluate(trained, device="cpu")
    assert capsys.readouterr().out == ""
    assert [(one.folder, one.epoch) for one in found] == [(trained, 1), (trained, 2)]
    stored = result.read(trained).epochs
    for one in found:
        assert one.notes == ("note: bit for bit the stored predictions",)
        assert one.scores == stored[one.epoch] == one.predictions.scores()
        before = predictions.read(predictions.file(trained, one.epoch))
        assert one.predictions.logits.tobytes() == before.logits.tobytes()
        assert one.predictions.names == before.names


def test_evaluate_prints_a_line_for_each_epoch(trained, capsys):
    evaluated("--run", trained)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1::2]] == [
        [str(trained), "epoch", "1"], [str(trained), "epoch", "2"],
    ]  # fmt: skip
    assert all("bit for bit" in line for line in lines[::2]) and len(lines) == 4
    accuracy = result.read(trained).epochs[2].accuracy
    assert "validation images of synthetic" in lines[3]
    assert f"accuracy {100 * accuracy:.2f}%" in lines[3] and "of 16)" in lines[3]


def test_evaluate_takes_many_runs_and_paths_as_words(trained, copied):
    found = evaluate([str(trained), copied], device="cpu")
    assert [one.folder for one in found] == [trained] * 2 + [copied] * 2


def test_evaluate_tells_where_predictions_differ(copied):
    path = copied / "weights_epoch2.safetensors"
    weights = load_file(path)
    weights["classifier.3.bias"] += 1
    save_file(weights, path)
    first, second = evaluate(copied, device="cpu")
    assert first.notes == ("note: bit for bit the stored predictions",)
    assert second.notes == ("note: logits differ from the stored ones by up to 1.0e+00",)


def test_evaluate_on_other_photographs(copied, official, capsys):
    (official / "PALM-Validation400" / "V0016.jpg").unlink()
    table = official / "labels.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))
    evaluated("--run", copied, "--data", official)
    out = capsys.readouterr().out
    assert out.count("validation images of ichallenge_pm") == out.count(" of 15)") == 2
    assert out.count("other data than the run's") == 2
    with pytest.raises(UsageError, match=f"trained on other data than those in {official}"):
        evaluated("--run", copied, "--data", official, "--stress", 3)
    assert not (copied / "stress.csv").exists()


def changed(path, how):
    save_file({name: how(one) for name, one in load_file(path).items()}, path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read as safetensors"),
        (lambda path: path.write_bytes(b"\x80\x04cposix\nsystem\n."), "cannot be read"),
        (
            lambda path: save_file({"features.0.weight": np.zeros((1, 2), np.float32)}, path),
            "weights of another network",
        ),
        (lambda path: changed(path, lambda one: one.astype(np.float64)), "float32 is needed"),
        (lambda path: changed(path, lambda one: one + np.float32(np.nan)), "is not finite"),
    ],
)
def test_missing_damaged_or_foreign_weights_are_told(copied, damage, words):
    damage(copied / "weights_epoch2.safetensors")
    with pytest.raises(UsageError, match=words):
        evaluate(copied, device="cpu")


@pytest.mark.parametrize(
    "use",
    [
        lambda run, _: evaluate(run, device="cpu"),
        lambda run, _: inspect([run], device="cpu"),
        lambda run, _: train(load_stored(run / "config.yaml"), run.parents[1], "cpu"),
        lambda run, seen: predict_main(["--run", str(run), str(seen), "--page", f"{run}/a.html"]),
    ],
    ids=["evaluate", "inspect", "train", "predict"],
)
def test_a_damaged_result_is_told(use, trained, photographs, tmp_path):
    run = shutil.copytree(trained, tmp_path / trained.parent.name / "seed0")
    (run / "result.json").write_text('{"schema": 1')
    with pytest.raises(UsageError, match=r"result\.json: is damaged .*; train the run anew with"):
        use(run, photographs / "PALM-Validation400")


class Executes:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_weights_that_would_execute_code_are_refused(copied, tmp_path):
    trap = tmp_path / "executed"
    content = pickle.dumps({"features.0.weight": Executes(trap)})
    (copied / "weights_epoch2.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read as safetensors"):
        evaluate(copied, device="cpu")
    assert not trap.exists()
    pickle.loads(content)
    assert trap.exists()  # it was a real one


def test_a_run_that_is_near_is_named(trained, tmp_path):
    place = tmp_path / "runs-quick" / "synthetic" / "lenet7_relu" / "seed0"
    shutil.copytree(trained, place)
    asked = tmp_path / "runs-quick" / "lenet7_relu" / "seed0"
    with pytest.raises(UsageError, match=f"{asked}: is not there; a finished run is in {place}$"):
        predict(asked, [tmp_path], device="cpu")


def test_a_file_of_a_run_is_told_from_its_folder(copied):
    with pytest.raises(UsageError, match=f"config.yaml: is a file; a finished run is in {copied}$"):
        predict(copied / "config.yaml", [copied], device="cpu")


def test_settings_that_were_changed_since_are_told(copied, photographs, capsys):
    place = photographs / "PALM-Validation400"
    predict(copied, [place], device="cpu")
    assert not capsys.readouterr().err
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace("channel_order: rgb", "channel_order: bgr"))
    predict(copied, [place], device="cpu")
    assert "config.yaml is not that of its training; the answers may" in capsys.readouterr().err


def test_a_folder_without_a_finished_run_is_told(copied, tmp_path):
    with pytest.raises(UsageError, match="holds no finished run"):
        evaluate(tmp_path, device="cpu")
    (copied / "result.json").unlink()
    with pytest.raises(UsageError, match="holds no finished run"):
        predict(copied, [tmp_path], device="cpu")


def rows_of(table):
    return list(csv.DictReader(io.StringIO(table)))


def test_predictions_are_those_of_training(trained, photographs):
    folder = photographs / "PALM-Validation400"
    found = predict(trained, [folder], device="cpu")
    logits = predictions.read(predictions.file(trained, 2)).logits
    assert [one.logit for one in found] == pytest.approx(logits[:, 0].tolist(), abs=1e-6)
    for one in found:
        assert one.probability == pytest.approx(1 / (1 + np.exp(-one.logit)))
        assert one.label == (one.probability >= 0.5)


def test_files_and_folders_mix_and_any_size_is_taken(trained, tmp_path, photographs):
    (tmp_path / "more").mkdir()
    Image.new("L", (300, 200)).save(tmp_path / "more" / "grey.PNG")
    (tmp_path / "more" / ".hidden.jpg").write_text("clutter")
    Image.new("RGB", (50, 70)).save(tmp_path / "photo.jpg")
    found = predict(trained, [tmp_path / "photo.jpg", tmp_path / "more"], 1, "cpu")
    assert [one.name.rsplit("/")[-1] for one in found] == ["photo.jpg", "grey.PNG"]


def test_out_is_written_or_nothing(trained, tmp_path, photographs, capsys):
    out = tmp_path / "predictions.csv"
    arguments = ["--run", str(trained), "--device", "cpu", str(photographs)]
    predict_main([*arguments, "--out", str(out)])
    rows = rows_of(out.read_text())
    assert list(rows[0]) == ["image", "logit", "probability", "prediction"] and len(rows) == 40
    for row, one in zip(rows, predict(trained, photographs, device="cpu"), strict=True):
        assert (row["image"], int(row["prediction"])) == (one.name, one.label)
        assert np.float32(row["logit"]) == np.float32(one.logit)
        assert float(row["probability"]) == pytest.approx(one.probability, rel=1e-8)
    predict_main(arguments)
    assert capsys.readouterr().out.endswith(out.read_text())
    with pytest.raises(UsageError, match="cannot be written"):
        predict_main([*arguments, "--out", str(out / "predictions.csv")])


def test_bad_photographs_and_empty_folders_are_told(trained, tmp_path):
    with pytest.raises(DataError, match="no photographs found"):
        predict(trained, [tmp_path], device="cpu")
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(DataError, match=r"2 bad photographs"):
        predict(trained, [tmp_path, tmp_path / "absent.jpg"], device="cpu")


@pytest.mark.parametrize("epoch", [0, 7])
def test_epochs_that_were_not_kept_are_refused(trained, epoch):
    with pytest.raises(UsageError, match=rf"epoch {epoch}: .* keeps 1, 2"):
        predict(trained, [trained], epoch, "cpu")


def test_a_folder_that_cannot_be_read_is_not_passed_over(trained, photographs, monkeypatch):
    scan = os.scandir

    def closed(path):
        if Path(path).name == "PALM-Training400":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"PALM-Training400: cannot be read \(Permission denied\)"):
        predict(trained, photographs, device="cpu")


def test_a_network_that_diverged_answers_nothing(copied, photographs):
    file = places.weights_file(copied, 2)
    weights = load_file(file)
    save_file({name: value * np.float32(1e30) for name, value in weights.items()}, file)
    with pytest.raises(RunError, match="seed0: epoch 2 answers with NaN or infinity"):
        predict(copied, photographs, device="cpu")


def test_a_folder_as_out_is_refused_and_nothing_left(trained, tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        predict_main(["--run", str(trained), "x.jpg", "--out", str(tmp_path)])
    assert list(tmp_path.parent.glob("*.part")) == []


def test_missing_predictions_are_told(copied):
    (copied / "predictions_epoch1.csv").unlink()
    with pytest.raises(UsageError, match=r"predictions_epoch1\.csv: cannot be read"):
        evaluate(copied, device="cpu")


@pytest.fixture
def digits_run(trained, tmp_path):
    """A finished run, as far as its files tell, of the network for digits."""
    from pm_cls.config import Config
    from pm_cls.models import build_model
    from pm_cls.models.weights import save_weights

    folder = shutil.copytree(trained, tmp_path / "mnist" / "seed0")
    model = build_model("mnist_lenet", activation="sigmoid", image_size=28)
    save_weights(model, folder / "weights_epoch5.safetensors")
    config = Config(
        experiment="mnist",
        data={"name": "mnist", "image_size": 28},
        model={"name": "mnist_lenet", "activation": "sigmoid"},
        train={"epochs": 5, "report_epochs": [5]},
    )
    (folder / "config.yaml").write_text(config.to_yaml())
    return folder


def test_digits_network_takes_no_photographs(digits_run, photographs):
    with pytest.raises(UsageError, match="does not classify photographs"):
        predict(digits_run, [photographs], device="cpu")


@pytest.mark.parametrize(
    "verb", ["train", "evaluate", "predict", "demo", "report", "data", "reproduce", ""]
)
def test_help_is_there_without_importing_paddle(verb):
    code = (
        "import sys; from pm_cls.__main__ import main; sys.argv = ['pm-cls', *sys.argv[1:]]\n"
        "try: code = main()\nexcept SystemExit as stop: code = stop.code\n"
        "assert 'paddle' not in sys.modules; sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *([verb] if verb else []), "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: pm" in done.stdout


def test_names_that_are_no_utf8_and_ascii_terminals(trained, photographs, tmp_path):
    source = next((photographs / "PALM-Validation400").iterdir())
    folder = tmp_path / "眼底"
    folder.mkdir()
    shutil.copy(source, folder / os.fsdecode(b"\xff.jpg"))
    out = tmp_path / "predictions.csv"
    command = [sys.executable, "-m", "pm_cls.predict", "--run", str(trained), "--device", "cpu"]
    subprocess.run([*command, folder, "--out", str(out)], check=True, capture_output=True)
    assert b"\xff.jpg" in out.read_bytes()
    ascii_terminal = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run([*command, folder], env=ascii_terminal, capture_output=True)
    assert done.returncode == 0 and done.stdout.count(b"\n") == 2, done.stderr


def test_a_reader_that_closes_early_is_no_error(trained):
    command = f"{sys.executable} -m pm_cls --help | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", command], capture_output=True).returncode == 0


def test_unknown_verb_is_told():
    done = subprocess.run([sys.executable, "-m", "pm_cls", "trian"], capture_output=True, text=True)
    assert done.returncode == 2 and "trian is no verb" in done.stderr


@pytest.fixture
def clinic(photographs, tmp_path):
    """Photographs from elsewhere: three formats, three sizes, a folder within, one left over."""
    folder = tmp_path / "clinic"
    (folder / "left eye").mkdir(parents=True)
    files = sorted((photographs / "PALM-Training400").iterdir())
    rows = []
    for i, file in enumerate(files[::3]):
        name = f"left eye/{i}.{('png', 'tif', 'jpg')[i % 3]}"
        with Image.open(file) as image:
            image.resize((40 + 30 * (i % 3), 50)).save(folder / name)
        rows.append(f"{name},{int(file.name[0] == 'P')}")
    shutil.copy(files[0], folder / "unlabelled.jpg")
    table = tmp_path / "clinic.csv"
    table.write_text("\n".join(["file,label", *rows]) + "\n")
    return folder, table


def test_photographs_from_elsewhere_are_scored_and_kept(copied, clinic, capsys):
    folder, table = clinic
    evaluated("--run", copied, "--data", folder, "--labels", table)
    out = capsys.readouterr().out
    assert "clinic: 8 photographs\n" in out and "left out: 1 photograph in the folder" in out
    record = json.loads((copied / "evaluations" / "clinic.json").read_text())
    assert (record["name"], record["epoch"], record["n"]) == ("clinic", 2, 8)
    facts, found = evaluations.read_all(copied)["clinic"]
    assert (facts.name, facts.dataset, facts.epoch) == ("clinic", "clinic", 2)
    assert found.names[:2] == ("left eye/0.png", "left eye/1.tif")
    # The very logits that `predict` gives for the files.
    (one,) = predict(copied, [folder / found.names[0]], device="cpu")
    assert one.logit == pytest.approx(float(found.logits[0, 0]), abs=1e-5)
    assert record["correct"] == int(((found.logits[:, 0] >= 0) == found.labels).sum())


def test_a_run_has_its_name_however_its_folder_is_given(copied, monkeypatch):
    monkeypatch.chdir(copied)
    assert places.run_name(Path()) == places.run_name(copied) == f"{copied.parent.name}/seed0"


def test_two_at_once_do_not_keep_scores_of_one_run(copied, clinic):
    folder, table = clinic
    with places.locked(copied), pytest.raises(UsageError, match="another process is at work"):
        evaluate(copied, folder, table, device="cpu")
    assert not any((copied / "evaluations").glob("*"))


def test_photographs_without_labels_are_told_what_is_needed(copied, photographs):
    with pytest.raises(DataError, match=r"(?s)training photographs are missing.*\nwith labels \("):
        evaluated("--run", copied, "--data", photographs / "PALM-Validation400")


def test_official_photographs_are_not_from_elsewhere(copied, clinic, capsys):
    folder, table = clinic
    for name in ("P0001.png", "sub/n0161.PNG", "P0214.png", "V0001.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "left eye" / "0.png", folder / name)
        with table.open("a") as rows:
            rows.write(f"{name},1\n")
    evaluated("--run", copied, "--data", folder, "--labels", table)
    said = capsys.readouterr().out
    assert "2 photographs named as in the official training set (P0001.png, sub/n0161.PNG)" in said
    assert "1 photograph named as in the official validation set (V0001.png)" in said


def test_evaluate_returns_what_it_keeps_of_photographs_from_elsewhere(copied, clinic):
    folder, table = clinic
    (one,) = evaluate(copied, folder, table, name="other", device="cpu")
    assert (one.folder, one.epoch, one.data) == (copied, 2, "other")
    assert one.notes[0] == "other: 8 photographs" and len(one.notes) == 3
    _, kept = evaluations.read_all(copied)["other"]
    assert kept.logits.tobytes() == one.predictions.logits.tobytes()
    with pytest.raises(UsageError, match="labels need the folder of their photographs"):
        evaluate(copied, labels=table, device="cpu")


def test_synthetic_photographs_from_elsewhere_say_so(copied, photographs, tmp_path, capsys):
    table = tmp_path / "some.csv"
    table.write_text("Label,FILE\n1,PALM-Validation400/V0001.jpg\n")
    evaluated("--run", copied, "--data", photographs, "--labels", table, "--name", "again")
    assert "again (SYNTHETIC): 1 photograph" in capsys.readouterr().out
    assert evaluations.read_facts(copied / "evaluations/again.json").dataset == "synthetic"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("file,label\nabsent.jpg,1\n", "not in .*clinic: absent.jpg"),
        ("file,label\nleft eye/0.png,ill\n", "row 2: label of left eye/0.png is 'ill'"),
        ("file,label\n,1\n", "row 2: file is empty"),
        ("file,label\n.,1\n", r"not in .*clinic: \."),
        ("file,label\nleft eye/0.png,1\n./left eye/0.png,0\n", "row 3: .* label 0 and label 1"),
        ("file;label\n0.png;1\n", "not in .*clinic: 0.png"),
        ("patient,label\n0.png,1\n", "a column of names .*file.* and a column Label are needed"),
        ("file,label\n", "names no photographs"),
        ("file,label\n../clinic.csv,1\n", "cannot be decoded"),
        ("", "a column of names .*file.* and a column Label are needed"),
    ],
)
def test_bad_tables_of_photographs_from_elsewhere(copied, clinic, rows, words):
    folder, table = clinic
    table.write_text(rows)
    with pytest.raises(DataError, match=words):
        evaluated("--run", copied, "--data", folder, "--labels", table)
    assert not (copied / "evaluations").exists()


def test_scores_of_other_photographs_are_not_replaced(copied, clinic):
    folder, table = clinic
    evaluated("--run", copied, "--data", folder, "--labels", table)
    evaluated("--run", copied, "--data", folder, "--labels", table)
    before = (copied / "evaluations" / "clinic.json").read_bytes()
    table.write_text("file,label\nleft eye/0.png,1\n")
    with pytest.raises(UsageError, match=r"clinic\.json has the scores of other photographs"):
        evaluated("--run", copied, "--data", folder, "--labels", table)
    assert (copied / "evaluations" / "clinic.json").read_bytes() == before
    (copied / "evaluations" / "clinic.json").write_bytes(before[:40])
    with pytest.raises(UsageError, match=r"clinic\.json: is damaged \(.*\); remove it and evalua"):
        evaluated("--run", copied, "--data", folder, "--labels", table)


def test_runs_on_digits_are_left_out_elsewhere(copied, digits_run, clinic, capsys):
    folder, table = clinic
    given = ("--data", folder, "--labels", table)
    evaluated("--run", digits_run, copied, *given)
    assert "mnist_lenet does not classify photographs; left out" in capsys.readouterr().out
    evaluated("--run", copied, digits_run, *given)
    assert "mnist_lenet does not classify photographs; left out" in capsys.readouterr().out
    assert (copied / "evaluations" / "clinic.json").is_file()
    with pytest.raises(UsageError, match="no run of a network that classifies photographs"):
        evaluated("--run", digits_run, *given)


def test_options_that_go_together(copied, clinic):
    folder, table = clinic
    for arguments in (
        ("--labels", table),
        ("--data", folder, "--name", "x"),
        ("--data", folder, "--labels", table, "--name", "a/b"),
        ("--data", folder, "--labels", table, "--name", "_x"),
        ("--data", folder, "--labels", table, "--name", "validation"),
    ):
        with pytest.raises(UsageError):
            evaluated("--run", copied, *arguments)
    with pytest.raises(DataError, match="is no folder"):
        evaluated("--run", copied, "--data", table, "--labels", table, "--name", "x")


def test_baselines_are_scored_elsewhere_too(official, clinic, tmp_path, capsys):
    folder, table = clinic
    arguments = ["--data", str(official), "--out", str(tmp_path / "out")]
    baselines.main([*arguments, "--elsewhere", str(folder), "--labels", str(table)])
    found = baseline_records.read(tmp_path / "out" / baseline_records.FILE)
    assert [one.dataset for one in found] == ["ichallenge_pm"] * 5 + ["clinic"] * 5
    assert {one.scores.n for one in found[5:]} == {8}
    with pytest.raises(UsageError, match="--elsewhere and --labels are needed together"):
        baselines.main([*arguments, "--elsewhere", str(folder)])
    arguments += ["--elsewhere", str(folder), "--labels", str(table), "--name", "ichallenge_pm"]
    with pytest.raises(UsageError, match="is called ichallenge_pm, as the photographs of --data"):
        baselines.main(arguments)


@pytest.mark.parametrize("name", ["眼底照片", "網膜", "сетчатка", "œil"])
def test_names_in_other_scripts_open_in_a_spreadsheet(trained, photographs, tmp_path, name):
    file = tmp_path / f"{name}.jpg"
    shutil.copy(next((photographs / "PALM-Validation400").iterdir()), file)
    arguments = ["--run", str(trained), str(file), "--device", "cpu", "--out"]
    predict_main([*arguments, str(tmp_path / "with.csv"), "--bom"])
    predict_main([*arguments, str(tmp_path / "without.csv")])
    marked, plain = ((tmp_path / f"{n}.csv").read_bytes() for n in ("with", "without"))
    assert marked == b"\xef\xbb\xbf" + plain and plain.startswith(b"image,logit")
    with pytest.raises(UsageError, match="--bom goes with --out"):
        predict_main([*arguments[:-1], "--bom"])
    assert name.encode() in plain


def test_an_older_epoch_that_answers_is_said(trained, tiny_config, clinic, tmp_path, capsys):
    """Of three epochs the first alone was kept."""
    config = tiny_config("train.epochs=3", "train.report_epochs=[1]")
    run = train(config, tmp_path / "runs", "cpu")
    capsys.readouterr()
    folder, table = clinic
    photograph = next((folder / "left eye").iterdir())
    note = "epoch 1 answers, the last that was kept of 3"
    for ask in (
        lambda: predict_main(["--run", str(run.folder), str(photograph), "--device", "cpu"]),
        lambda: evaluated("--run", run.folder, "--data", folder, "--labels", table),
        lambda: pm_cls.load_run(run.folder, device="cpu"),
    ):
        ask()
        assert note in capsys.readouterr().err
    pm_cls.load_run(run.folder, 1, device="cpu")  # asked for by name
    pm_cls.load_run(trained, device="cpu")  # its last epoch was kept
    assert note not in capsys.readouterr().err


@pytest.fixture(scope="module")
def members(photographs, tmp_path_factory):
    """Two runs that hold out the same quarter, and one that holds out another."""
    from pm_cls.config import load_config
    from tests.conftest import REPOSITORY, TINY

    place, found = tmp_path_factory.mktemp("members"), []
    for name, seed, activation in (("a", 0, "relu"), ("b", 0, "tanh"), ("a", 1, "relu")):
        settings = [f"experiment={name}", f"seed={seed}", f"model.activation={activation}"]
        config = load_config(
            REPOSITORY / "configs" / "lenet7_relu.yaml",
            [f"data.root={photographs}", *TINY, *settings, "train.hold_out=0.25"],
        )
        found.append(train(config, place, "cpu").folder)
    return found


def logits(folder, epoch=2):
    return predictions.read(predictions.file(folder, epoch)).logits


def test_an_ensemble_averages_or_votes(members, capsys):
    both = np.stack([logits(members[0]), logits(members[2])])
    (found,) = evaluate([members[0], members[2]], device="cpu", ensemble="average")
    mean = (1 / (1 + np.exp(-both.astype(np.float64)))).mean(axis=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.predictions.logits)), mean, atol=1e-6)
    assert found.members == 2 and found.scores.n == 16
    evaluated("--run", *members, "--ensemble", "vote")
    out = capsys.readouterr().out
    assert "vote of 3 answers  validation images of synthetic  accuracy" in out
    note, _ = out.splitlines()
    assert note == "note: answered at one half; a threshold stored with a run is of it alone"
    majority = (np.stack([logits(m) for m in members]) >= 0).sum(axis=0)[:, 0] >= 2
    stored = predictions.read(predictions.file(members[0], 2))
    assert f"({(majority == stored.labels).sum()} of 16)" in out


def test_an_ensemble_tells_of_synthetic_runs_elsewhere(members, clinic):
    (found,) = evaluate(members[:2], *clinic, device="cpu", ensemble="average")
    for folder in members[:2]:
        assert f"note: {folder} was trained on SYNTHETIC photographs" in found.notes


def test_snapshots_and_mirror_images(members):
    (found,) = evaluate(members[0], device="cpu", ensemble="average", snapshots=True)
    assert found.members == 2
    both = np.stack([logits(members[0], 1), logits(members[0], 2)]).astype(np.float64)
    mean = (1 / (1 + np.exp(-both))).mean(axis=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.predictions.logits)), mean, atol=1e-6)
    (flipped,) = evaluate(members[0], device="cpu", ensemble="average", flips=True)
    run = pm_cls.load_run(members[0])
    from pm_cls.data import load_dataset

    images = load_dataset(run.config.data).validation.images
    expected = (run.logits(images) + run.logits(images[..., ::-1])) / 2
    np.testing.assert_allclose(flipped.predictions.logits, expected, rtol=1e-4, atol=1e-5)


def test_stacking_is_fitted_on_what_all_have_held_out(members):
    (found,) = evaluate(members[:2], device="cpu", ensemble="stacking")
    assert "note: fitted on 6 training images that all have held out" in found.notes
    assert np.isfinite(found.predictions.logits).all()


def test_ensembles_that_do_not_go_are_told(members, copied, official, monkeypatch):
    with pytest.raises(UsageError, match=r"ensemble 'mean': average, vote, stacking are known"):
        evaluate(members, device="cpu", ensemble="mean")
    with pytest.raises(UsageError, match="needs runs; none is given"):
        evaluate([], device="cpu", ensemble="vote")
    monkeypatch.chdir(copied.parent)
    with pytest.raises(UsageError, match="is named twice; name each run once"):
        evaluate([copied, copied.name], device="cpu", ensemble="vote")
    with pytest.raises(UsageError, match="needs two runs or more, --snapshots of one, or --flips"):
        evaluate(members[0], device="cpu", ensemble="average")
    with pytest.raises(UsageError, match=r"no run was trained on; these have none in common"):
        evaluate([members[0], copied], device="cpu", ensemble="stacking")
    with pytest.raises(UsageError, match="--snapshots and --flips go with --ensemble"):
        evaluated("--run", members[0], "--flips")
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace("channel_order: rgb", "channel_order: bgr"))
    with pytest.raises(UsageError, match=r"differ in `data\.channel_order`"):
        evaluate([members[0], copied], device="cpu", ensemble="vote")


def test_an_ensemble_on_photographs_from_elsewhere(members, official, tmp_path):
    table = tmp_path / "labels.csv"
    names = sorted(path.name for path in (official / "PALM-Validation400").glob("*.jpg"))[:4]
    table.write_text("file,label\n" + "".join(f"{n},{i % 2}\n" for i, n in enumerate(names)))
    (found,) = evaluate(
        members[:2], official / "PALM-Validation400", table, device="cpu", ensemble="average",
        name="there",
    )  # fmt: skip
    assert found.data == "there" and found.scores.n == 4 and found.members == 2
    assert not (members[0] / "evaluations").exists()
