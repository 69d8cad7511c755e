"""Records -> table, figures: from predictions alone, with everything missing or odd named."""

import csv
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from pm_cls import results, runs, tables, thesis
from pm_cls.errors import UsageError
from pm_cls.report import main, report

from .conftest import REPOSITORY

LABELS = [1] * 211 + [0] * 189
CONSTANT = np.full(400, 0.11)
PERFECT = np.where(np.array(LABELS) == 1, 5.0, -5.0)


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table_of(runs_dir, **kwargs):
    found, problems = results.read_runs(runs_dir)
    return results.build_table(found, problems, **kwargs)


def notes_of(table):
    return "\n".join(note.en for note in table.notes)


def test_thesis_rows_are_the_facts():
    rows = thesis.rows()
    assert [row.row for row in rows] == list(range(1, 12))
    assert [round(100 * row.accuracy, 2) for row in rows] == [
        52.75, 52.75, 93.40, 93.25, 52.75, 52.75, 94.50, 91.50, 91.75, 93.25, 92.99,
    ]  # fmt: skip
    assert [round(100 * row.loss, 2) for row in rows] == [
        69.18, 69.16, 14.96, 17.74, 69.17, 69.16, 14.06, 22.64, 22.45, 17.58, 24.33,
    ]  # fmt: skip


def test_every_thesis_row_has_its_config():
    for row in thesis.rows():
        text = (REPOSITORY / "configs" / f"{row.experiment}.yaml").read_text()
        assert f"{row.accuracy:.2%}".replace("%", " %") in text and f"{row.loss:.4f}" in text


def test_table_is_counted_from_the_predictions(fake_run, tmp_path):
    fake_run("lenet7_sigmoid", CONSTANT, LABELS)
    fake_run("lenet7_relu", PERFECT, LABELS)
    report(tmp_path / "runs", tmp_path / "out")
    rows = read_csv(tmp_path / "out" / "table1.csv")
    assert list(rows[0]) == list(tables.CSV_COLUMNS) and len(rows) == 11
    assert float(rows[0]["accuracy"]) == 211 / 400
    assert float(rows[0]["accuracy_difference"]) == pytest.approx(0)
    assert float(rows[2]["accuracy"]) == 1
    assert float(rows[2]["accuracy_difference"]) == pytest.approx(0.066)
    assert float(rows[2]["loss"]) == pytest.approx(np.log1p(np.exp(-5)))
    assert rows[4]["accuracy"] == "" and rows[4]["n_runs"] == "0"
    assert len(read_csv(tmp_path / "out" / "records.csv")) == 4
    text = (tmp_path / "out" / "table1.md").read_text()
    assert "| 1 | LeNet-7 | sigmoid | 5 | 52.75 | 52.75 | – | – | +0.00 | 69.18 |" in text
    assert "lenet9_relu (0 of 1 seeds; missing: seed 0)" in text
    assert "SYNTHETIC" not in text
    latex = (tmp_path / "out" / "table1.tex").read_text()
    assert latex.count(r"\\") == 12 and r"lenet9\_relu" in latex and r"accuracy \%" in latex
    svg = (tmp_path / "out" / "figures" / "learning_curves.svg").read_text()
    assert svg.startswith("<?xml")
    assert (tmp_path / "out" / "figures" / "learning_curves.png").stat().st_size > 10_000


def test_report_rebuilds_itself_from_its_records(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(tmp_path / "runs", out)
    names = ["table1.md", "table1.csv", "table1.tex", "records.csv", "figures/learning_curves.svg"]
    before = {name: (out / name).read_bytes() for name in names}
    shutil.rmtree(tmp_path / "runs")
    report(out / "records", out)
    assert before == {name: (out / name).read_bytes() for name in names}
    assert runs.is_finished(out / "records" / "alexnet" / "seed0")


def test_several_seeds_are_averaged_and_missing_ones_named(fake_run):
    fake_run("alexnet", CONSTANT, LABELS, seed=0)
    runs_dir = fake_run("alexnet", PERFECT, LABELS, seed=2)
    table = table_of(runs_dir, seeds=range(3))
    shutil.rmtree(runs_dir / "alexnet" / "seed0")
    with pytest.raises(UsageError, match="with a seed below 2"):
        report(runs_dir, runs_dir, 2)
    assert table.rows[8].accuracy == pytest.approx((0.5275 + 1) / 2)
    assert table.rows[8].n_runs == 2
    assert "alexnet (2 of 3 seeds; missing: seed 1)" in notes_of(table)
    assert "| 2 of 3 |" in tables.markdown(table)


def test_synthetic_says_so_and_gives_no_difference(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS, dataset="synthetic")
    fake_run("mnist_lenet", np.eye(10)[[1, 0]], [1, 0], dataset="mnist", epochs=(5,))
    table = table_of(tmp_path / "runs")
    assert "SYNTHETIC" in table.marks.en and "SYNTHETIC" in notes_of(table)
    assert table.rows[8].dataset == "synthetic"
    assert table.rows[8].accuracy == 1 and table.rows[8].accuracy_difference is None
    assert table.rows[10].accuracy_difference == pytest.approx(1 - 0.9299)
    report(tmp_path / "runs", tmp_path / "out")
    assert "SYNTHETIC" in (tmp_path / "out" / "figures" / "learning_curves.svg").read_text()
    assert "SYNTHETIC" in (tmp_path / "out" / "table1.tex").read_text()


@pytest.mark.parametrize(
    ("key", "ours", "words"),
    [
        ("image_size: 224", "image_size: 80", "`data.image_size` is 80 instead of 224"),
        ("activation: relu", "activation: tanh", "`model.activation` is tanh instead of relu"),
        ("fc_layers: 2", "fc_layers: 3", "`model.fc_layers` is 3 instead of 2"),
        ("learning_rate: 0.001", "learning_rate: 0.1", "`optimizer.learning_rate` is 0.1 instead"),
    ],
)
def test_other_settings_than_the_thesis_are_named_and_not_compared(fake_run, key, ours, words):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    path = runs_dir / "alexnet" / "seed0" / "config.yaml"
    path.write_text(path.read_text().replace(key, ours))
    table = table_of(runs_dir)
    assert table.rows[8].accuracy == 1 and table.rows[8].accuracy_difference is None
    assert words in notes_of(table)
    assert "other settings than the thesis'" in table.marks.en


def test_differing_commits_and_unofficial_sets_are_named(fake_run):
    fake_run("alexnet", PERFECT, LABELS, commit="a" * 40, official=False)
    runs_dir = fake_run("lenet7_relu", PERFECT, LABELS, commit="b" * 40, dirty=True)
    notes = notes_of(table_of(runs_dir))
    assert "differing commits" in notes and "bbbbbbbbbbbb with changes" in notes
    assert "Not the official set" in notes
    table = table_of(runs_dir)
    assert "not on the official photographs" in table.marks.en
    assert table.rows[8].accuracy == 1 and table.rows[8].accuracy_difference is None
    assert table.rows[2].accuracy_difference is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "predictions_epoch5.csv").unlink(),
        lambda folder: (folder / "predictions_epoch5.csv").write_text("image,label,logit\n"),
        lambda folder: (folder / "result.json").write_text('{"schema": 1'),
        lambda folder: (folder / "result.json").write_text("{}"),
        lambda folder: (folder / "config.yaml").write_text("{"),
        lambda folder: (folder / "predictions_epoch5.csv").write_text(
            (folder / "predictions_epoch5.csv").read_text().replace(",1,", ",0,", 1)
        ),
        lambda folder: (folder / "result.json").unlink(),
        lambda folder: (folder / "environment.json").write_text("{}"),
        lambda folder: (folder / "metrics.jsonl").write_text('{"epoch": 1}\n'),
        lambda folder: (folder / "metrics.jsonl").unlink(),
        lambda folder: (folder / "config.yaml").write_text(""),
        lambda folder: (folder / "result.json").write_text(
            (folder / "result.json").read_text().replace('"epochs": {', '"epochs": [], "e": {')
        ),
        lambda folder: folder.rename(folder.with_name("seed1")),
    ],
)
def test_damaged_and_unfinished_runs_are_named_and_left_out(fake_run, damage):
    fake_run("lenet7_relu", PERFECT, LABELS)
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    damage(runs_dir / "alexnet" / "seed0")
    table = table_of(runs_dir)
    assert table.rows[8].n_runs == 0 and table.rows[8].accuracy is None
    assert table.rows[2].n_runs == 1
    assert re.search(r"alexnet/seed\d is .* left out", notes_of(table))


def test_without_a_finished_run_nothing_is_touched(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(tmp_path / "runs", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "absent", tmp_path / "empty", out):
        with pytest.raises(UsageError, match="holds no finished run"):
            main(["--runs-dir", str(wrong), "--out", str(out)])
    with pytest.raises(UsageError, match="--seeds 0"):
        main(["--runs-dir", str(tmp_path / "runs"), "--out", str(out), "--seeds", "0"])
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}


def test_records_mirror_the_finished_runs_and_nothing_else_is_removed(fake_run, tmp_path):
    fake_run("lenet7_relu", PERFECT, LABELS)
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(runs_dir, out)
    (out / "records" / "notes.txt").write_text("mine")
    shutil.rmtree(runs_dir / "alexnet")
    report(runs_dir, out)
    assert not (out / "records" / "alexnet" / "seed0").exists()
    assert runs.is_finished(out / "records" / "lenet7_relu" / "seed0")
    assert (out / "records" / "notes.txt").read_text() == "mine"


def test_a_damaged_record_is_not_erased_by_a_rebuild_in_place(fake_run, tmp_path):
    fake_run("lenet7_relu", PERFECT, LABELS)
    out = tmp_path / "out"
    report(fake_run("alexnet", PERFECT, LABELS), out)
    damaged = out / "records" / "alexnet" / "seed0" / "predictions_epoch5.csv"
    damaged.write_text("image,label,logit\n")
    report(out / "records", out)
    assert damaged.exists()


def test_own_experiments_stay_outside_the_table(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    own = shutil.copytree(runs_dir / "alexnet" / "seed0", runs_dir / "mine" / "seed7")
    result = json.loads((own / "result.json").read_text())
    (own / "result.json").write_text(json.dumps({**result, "experiment": "mine", "seed": 7}))
    (runs_dir / "begun" / "seed3").mkdir(parents=True)
    table = table_of(runs_dir)
    assert table.seeds == (0,) and "seed 7" not in notes_of(table)
    assert "begun" not in notes_of(table)
    report(runs_dir, tmp_path / "out")
    assert {row["experiment"] for row in read_csv(tmp_path / "out" / "records.csv")} == {
        "alexnet",
        "mine",
    }


def test_what_other_runs_left_in_the_folder_goes(fake_run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(
        REPOSITORY / "results" / "records" / "sigmoid_28", tmp_path / "s" / "sigmoid_28"
    )
    report(tmp_path / "s", out)
    assert (out / "figures" / "causes.png").is_file()
    fake_run("alexnet", PERFECT, LABELS)
    report(tmp_path / "runs", out)
    assert not (out / "figures" / "causes.png").exists()
    assert [path.name for path in (out / "records").iterdir()] == ["alexnet"]


def test_damaged_runs_are_named_where_there_are_no_others(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    (runs_dir / "alexnet" / "seed0" / "result.json").write_text("{")
    with pytest.raises(UsageError, match=r"left out: .*alexnet.seed0"):
        report(runs_dir, tmp_path / "out")


def test_output_that_cannot_be_written_is_told(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        report(tmp_path / "runs", tmp_path / "file")


def test_committed_results_are_rebuilt_from_the_committed_records(tmp_path):
    committed = REPOSITORY / "results"
    shutil.copy(committed / "baselines.csv", tmp_path)
    report(committed / "records", tmp_path)
    for name in (
        "table1.md",
        "table1.csv",
        "table1.tex",
        "records.csv",
        "intervals.csv",
        "claims.json",
        "claims.md",
        "scores.csv",
        "pairs.csv",
        "causes.csv",
    ):
        assert (tmp_path / name).read_text() == (committed / name).read_text(), name
    for name in ("report.html", "report.zh.html"):
        # Matplotlib's versions draw other lines; the words and numbers are the same.
        made, stored = (
            re.sub("<svg.*?</svg>", "", (folder / name).read_text("utf-8"), flags=re.DOTALL)
            for folder in (tmp_path, committed)
        )
        assert made == stored, name
    for path in committed.glob("records/*/seed*/result.json"):
        result = json.loads(path.read_text())
        assert result["commit"] and result["dirty"] is False
        assert result["dataset"] in ("ichallenge_pm", "mnist")


def test_experiments_on_causes_alone_make_a_report(tmp_path):
    source = REPOSITORY / "results" / "records" / "sigmoid_28"
    shutil.copytree(source, tmp_path / "runs" / "sigmoid_28")
    report(tmp_path / "runs", tmp_path / "out")
    assert len(read_csv(tmp_path / "out" / "causes.csv")) == len(list(source.glob("seed*")))
    assert "sigmoid_28" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_readme_shows_the_committed_table():
    rows = [
        line.split(" | ")
        for line in (REPOSITORY / "results" / "table1.md").read_text().splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    readme = (REPOSITORY / "README.md").read_text()
    assert len(rows) == 11
    for cells in rows:
        line = [*cells[1:8], *cells[9:11]]  # without row number and difference
        assert "| " + " | ".join(line) + " |" in readme


def test_reporting_half_never_imports_paddle(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    code = (
        "import sys; from pm_cls.report import main\n"
        f"main(['--runs-dir', {str(tmp_path / 'runs')!r}, '--out', {str(tmp_path / 'out')!r}])\n"
        "assert not any(name.split('.')[0] == 'paddle' for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_training_half_never_sees_the_thesis_numbers():
    code = (
        "import sys, pm_cls.train, pm_cls.evaluate, pm_cls.predict, pm_cls.engine, pm_cls.weights,"
        "pm_cls.data.__main__\n"
        "reporting = {'thesis', 'claims', 'results', 'analysis', 'tables', 'figures', 'page',"
        "'report'}\n"
        "loaded = {n.split('.')[1] for n in sys.modules if n.startswith('pm_cls.')}\n"
        "assert not loaded & reporting, loaded & reporting"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    package = REPOSITORY / "src" / "pm_cls"
    readers = [p.name for p in package.rglob("*.py") if "thesis.yaml" in p.read_text()]
    assert readers == ["thesis.py"]
