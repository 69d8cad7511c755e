"""Records -> files: from predictions alone, with everything missing or odd named."""

import json
import re
import shutil
from pathlib import Path

import filelock
import numpy as np
import pytest
import yaml

from pm_cls.config import load_config
from pm_cls.config.studies import experiments_in
from pm_cls.data import DATASETS
from pm_cls.records import folder
from pm_cls.report import build, columns, report
from pm_cls.report.__main__ import main
from pm_cls.report.published import differing, studies
from pm_cls.report.published.studies import thesis
from pm_cls.report.runs import read_runs
from pm_cls.report.section import gather, marks
from pm_cls.report.sections import curves, table
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import read_csv

pytestmark = pytest.mark.once  # the same with every version of the libraries

REPOSITORY = Path(__file__).parents[2]
LABELS = [1] * 211 + [0] * 189
CONSTANT = np.full(400, 0.11)
PERFECT = np.where(np.array(LABELS) == 1, 5.0, -5.0)
THREE = np.array([0, 1, 2] * 4)


def material_of(runs_dir, seeds=None):
    return gather(*read_runs(runs_dir), seeds, runs_dir / "none")


def told(runs_dir, seeds=None):
    """The rows of the table, its notes in English, and its marks."""
    material = material_of(runs_dir, seeds)
    made = table.make(thesis(), material).told
    return made.rows, "\n".join(note.en for note in made.notes), marks(material.thesis).en


def test_thesis_rows_are_the_facts():
    rows = thesis().rows
    assert [row.row for row in rows] == list(range(1, 12))
    assert [round(100 * row.accuracy, 2) for row in rows] == [
        52.75, 52.75, 93.40, 93.25, 52.75, 52.75, 94.50, 91.50, 91.75, 93.25, 92.99,
    ]  # fmt: skip
    assert [round(100 * row.loss, 2) for row in rows] == [
        69.18, 69.16, 14.96, 17.74, 69.17, 69.16, 14.06, 22.64, 22.45, 17.58, 24.33,
    ]  # fmt: skip


def test_every_thesis_row_has_its_config(fake_run):
    for row in thesis().rows:
        text = (REPOSITORY / "configs" / f"{row.experiment}.yaml").read_text()
        assert f"{row.accuracy:.2%}".replace("%", " %") in text and f"{row.loss:.4f}" in text
    for name in thesis().names:
        runs_dir = fake_run(name, [0.1, 0.2], [0, 1], epochs=(5,))
    assert [thesis().deviations(run) for run in read_runs(runs_dir)[0]] == [[]] * 6


@pytest.mark.parametrize("study", studies.others(), ids=lambda study: study.name)
def test_rows_of_the_other_studies_have_their_configs(study):
    """The settings behind the published numbers are those of the configs, and none is left out."""
    made = {
        name: load_config(file, experiment=name)
        for file, name in experiments_in(REPOSITORY / "configs" / study.name)
    }
    assert set(made) == set(study.names) == set(study.experiments)
    for name, config in made.items():
        reference = study.reference(name)
        assert differing(config, reference) == []
        assert set(reference.train.report_epochs) <= set(config.train.report_epochs)
    assert [row.row for row in study.rows] == list(range(1, len(study.rows) + 1))


def test_published_numbers_of_the_other_studies():
    stated = {
        study.name: [round(100 * row.accuracy, 2) for row in study.rows if row.accuracy]
        for study in studies.others()
    }
    assert stated == {
        "tutorial": [92.50, 94.75, 94.00, 85.75, 93.00, 92.75],
        "digits": [99.12, 98.44, 98.65, 99.38, 86.50, 91.12, 91.12, 63.61, 73.72],
        "shapes": [81.60, 96.30, 89.80, 96.00, 93.50, 89.00, 97.00],
    }
    losses = [row.loss for study in studies.others() for row in study.rows if row.loss]
    assert losses == [0.0346, 1.0426, 0.7724]


def test_a_study_has_a_section_with_verdicts_of_its_own(fake_run, tmp_path):
    """Three runs of a network of the tutorial, and one that must not be held against it."""
    for seed in range(3):
        runs_dir = fake_run(
            "vgg16", PERFECT if seed else CONSTANT, LABELS, seed=seed, epochs=(5, 10)
        )
    made = report(runs_dir, tmp_path / "out")
    assert "# The tutorial's larger networks beside our runs" in made.summary
    line = next(one for one in made.summary.splitlines() if one.startswith("| 3 |"))
    assert "VGG16" in line and "| 3 of 3 |" in line and "| 94.75 |" in line
    assert "| not supported |" in line  # 52.75, 100 and 100%: any value would lie in the interval
    assert "vgg16" not in (tmp_path / "out/table1.csv").read_text().split("lenet")[0]
    page = (tmp_path / "out/report.html").read_text()
    assert 'id="tutorial"' in page and 'id="digits"' not in page
    chinese = (tmp_path / "out/report.zh.html").read_text()
    assert "教程中的较大网络：教程与我们的结果对照" in chinese and "证据不足" in chinese
    assert read_csv(tmp_path / "out/tutorial.csv")[2]["n_runs"] == "3"


def test_table_is_counted_from_the_predictions(fake_run, tmp_path):
    fake_run("lenet7_sigmoid", CONSTANT, LABELS)
    report(fake_run("lenet7_relu", PERFECT, LABELS), tmp_path / "out")
    rows = read_csv(tmp_path / "out" / "table1.csv")
    assert len(rows) == 11
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


def test_report_rebuilds_itself_from_its_records(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(tmp_path / "runs", out)
    names = ["table1.md", "table1.csv", "table1.tex", "records.csv", "figures/learning_curves.svg"]
    before = {name: (out / name).read_bytes() for name in names}
    shutil.rmtree(tmp_path / "runs")
    report(out / "records", out)
    assert before == {name: (out / name).read_bytes() for name in names}
    assert folder.is_finished(out / "records" / "alexnet" / "seed0")


def test_several_seeds_are_averaged_and_missing_ones_named(fake_run):
    fake_run("alexnet", CONSTANT, LABELS, seed=0)
    runs_dir = fake_run("alexnet", PERFECT, LABELS, seed=2)
    rows, notes, _ = told(runs_dir, seeds=3)
    assert rows[8].accuracy.mean == pytest.approx((0.5275 + 1) / 2)
    assert rows[8].n_runs == 2
    assert "alexnet (2 of 3 seeds; missing: seed 1)" in notes
    assert "| 2 of 3 |" in columns.markdown(table.paper(thesis()), rows)
    shutil.rmtree(runs_dir / "alexnet" / "seed0")
    with pytest.raises(UsageError, match="with a seed below 2"):
        report(runs_dir, runs_dir, 2)


def test_drawn_photographs_have_a_folder_of_their_own(fake_run, monkeypatch, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS, dataset="synthetic")
    monkeypatch.chdir(tmp_path)
    assert report(runs_dir).out == Path("results-synthetic")
    assert (tmp_path / "results-synthetic" / "report.html").is_file()


def test_a_seed_that_few_experiments_have_is_not_missed_elsewhere(fake_run):
    for name in ("lenet7_relu", "lenet9_relu", "alexnet"):
        for seed in (0, 1, 3) if name == "alexnet" else (0, 1):
            runs_dir = fake_run(name, PERFECT, LABELS, seed=seed)
    rows, notes, _ = told(runs_dir)
    assert "lenet7_sigmoid (0 of 2 seeds; missing: seed 0, 1)" in notes
    assert "lenet7_relu (" not in notes and "alexnet (" not in notes
    assert [rows[i].seeds for i in (2, 8)] == ["2 of 2", "3 of 3"]


def test_synthetic_says_so_and_gives_no_difference(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS, dataset="synthetic")
    fake_run("mnist_lenet", np.eye(10)[[1, 0]], [1, 0], epochs=(5,))
    rows, notes, titles = told(tmp_path / "runs")
    assert "SYNTHETIC" in titles and "SYNTHETIC" in notes
    drawn = curves.make(material_of(tmp_path / "runs")).figures["learning_curves"]("en")
    assert "SYNTHETIC" in drawn._suptitle.get_text()
    assert rows[8].dataset == "synthetic"
    assert rows[8].accuracy.mean == 1 and rows[8].accuracy_difference is None
    assert rows[10].accuracy_difference == pytest.approx(1 - 0.9299)
    report(tmp_path / "runs", tmp_path / "out")
    assert "SYNTHETIC" in (tmp_path / "out" / "table1.tex").read_text()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("data.image_size=80", "`data.image_size` is 80 instead of 224"),
        ("model.activation=tanh", "`model.activation` is tanh instead of relu"),
        ("model.fc_layers=3", "`model.fc_layers` is 3 instead of 2"),
        ("optimizer.learning_rate=0.1", "`optimizer.learning_rate` is 0.1 instead"),
        ("data.channel_order=bgr", "`data.channel_order` is bgr instead of rgb"),
        ("train.precision=bfloat16", "`train.precision` is bfloat16 instead of float32"),
        ("model.new_option=7", "`model.new_option` is 7 instead of None"),
    ],
)
def test_other_settings_than_the_thesis_are_named_and_not_compared(fake_run, setting, words):
    rows, notes, titles = told(fake_run("alexnet", PERFECT, LABELS, settings=[setting]))
    assert rows[8].accuracy.mean == 1 and rows[8].accuracy_difference is None
    assert words in notes and "other settings than the thesis'" in titles


def test_what_cannot_change_the_experiment_is_no_other_setting(fake_run):
    settings = ["model.fast=false", "train.epochs=20", "train.report_epochs=[5, 10, 20]"]
    rows, _, titles = told(fake_run("alexnet", PERFECT, LABELS, settings=settings))
    assert titles == "" and rows[8].accuracy_difference is not None


def test_differing_commits_and_unofficial_sets_are_named(fake_run):
    fake_run("alexnet", PERFECT, LABELS, commit="a" * 40, official=False)
    runs_dir = fake_run("lenet7_relu", PERFECT, LABELS, commit="b" * 40, dirty=True)
    rows, notes, titles = told(runs_dir)
    assert "differing commits" in notes and "bbbbbbbbbbbb with changes" in notes
    assert "Not the official set" in notes
    assert "not on the official photographs" in titles
    assert rows[8].accuracy.mean == 1 and rows[8].accuracy_difference is None
    assert rows[2].accuracy_difference is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "predictions_epoch5.csv").unlink(),
        lambda place: (place / "predictions_epoch5.csv").write_text("image,label,logit\n"),
        lambda place: (place / "result.json").write_text('{"schema": 1'),
        lambda place: (place / "result.json").write_text("{}"),
        lambda place: (place / "config.yaml").write_text("{"),
        lambda place: (place / "predictions_epoch5.csv").write_text(
            (place / "predictions_epoch5.csv").read_text().replace(",1,", ",0,", 1)
        ),
        lambda place: (place / "result.json").unlink(),
        lambda place: (place / "environment.json").write_text("{}"),
        lambda place: (place / "metrics.jsonl").write_text('{"epoch": 1}\n'),
        lambda place: (place / "metrics.jsonl").unlink(),
        lambda place: (place / "config.yaml").write_text(""),
        lambda place: (place / "result.json").write_text(
            (place / "result.json").read_text().replace('"epochs": {', '"epochs": [], "e": {')
        ),
        lambda place: place.rename(place.with_name("seed1")),
    ],
)
def test_damaged_and_unfinished_runs_are_named_and_left_out(fake_run, damage):
    fake_run("lenet7_relu", PERFECT, LABELS)
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    damage(runs_dir / "alexnet" / "seed0")
    rows, notes, _ = told(runs_dir)
    assert rows[8].n_runs == 0 and rows[8].accuracy is None
    assert rows[2].n_runs == 1
    assert re.search(r"alexnet/seed\d (is .* and )?was left out", notes)


def test_without_a_finished_run_nothing_is_touched(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(tmp_path / "runs", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "absent", tmp_path / "empty", out):
        with pytest.raises(UsageError, match="holds no finished run"):
            main(["--runs-dir", str(wrong), "--out", str(out)])
    with pytest.raises(
        UsageError, match=f"(?s)holds no finished run.*{tmp_path / 'runs'} has some"
    ):
        main(["--runs-dir", str(tmp_path), "--out", str(tmp_path / "other")])
    with pytest.raises(UsageError, match="--seeds 0"):
        main(["--runs-dir", str(tmp_path / "runs"), "--out", str(out), "--seeds", "0"])
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}


@pytest.mark.parametrize(
    ("root", "published"),
    [
        ("/home/li/fundus/palm", "palm"),
        ("C:\\data\\palm 2", "palm 2"),
        ("/", "data"),
        ("data/ichallenge_pm", "data/ichallenge_pm"),
        ("下载", "下载"),
        ("/home/li/" + "OneDrive - University of Somewhere/" * 4 + "palm: 2 # b", "palm: 2 # b"),
    ],
)
def test_published_configs_do_not_tell_where_the_data_lay(fake_run, tmp_path, root, published):
    runs_dir = fake_run("alexnet", PERFECT, LABELS, settings=[f"data.root={root}"])
    report(runs_dir, tmp_path / "out")
    ours, theirs = (
        folder.read_config(place / "alexnet" / "seed0")
        for place in (runs_dir, tmp_path / "out" / "records")
    )
    assert (ours.data.root, theirs.data.root) == (root, published)
    assert ours.digest() == theirs.digest()


def test_a_root_that_stands_on_two_lines_is_published_too(fake_run, tmp_path):
    root = "/home/li/" + "all of my pictures/" * 8 + "palm"
    file = fake_run("alexnet", PERFECT, LABELS) / "alexnet" / "seed0" / folder.CONFIG
    sections = yaml.safe_load(file.read_text())
    sections["data"]["root"] = root
    file.write_text(yaml.safe_dump(sections, sort_keys=False))
    assert "palm\n" in file.read_text() and root not in file.read_text()
    published = yaml.safe_load(folder.published_config(file))
    sections["data"]["root"] = "palm"
    assert published == sections


def test_records_mirror_the_finished_runs_and_nothing_else_is_removed(fake_run, tmp_path):
    fake_run("lenet7_relu", PERFECT, LABELS)
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    out = tmp_path / "out"
    report(runs_dir, out)
    (out / "records" / "notes.txt").write_text("mine")
    stale = [out / name for name in ("figures/causes.png", "digits.md", "responses.csv")]
    for file in stale:
        file.write_text("of other runs")
    shutil.rmtree(runs_dir / "alexnet")
    report(runs_dir, out)
    assert not (out / "records" / "alexnet").exists()
    assert folder.is_finished(out / "records" / "lenet7_relu" / "seed0")
    assert (out / "records" / "notes.txt").read_text() == "mine"
    assert not any(file.exists() for file in stale)


def test_a_report_has_its_folder_for_itself(fake_run, tmp_path, monkeypatch):
    """Machines that share a study all end with its report."""
    asked, draw, out = [], build._draw, tmp_path / "out"

    def drawn(contents, figures):
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(out / ".lock", timeout=0).acquire()
        asked.append(figures)
        draw([], figures)

    monkeypatch.setattr(build, "_draw", drawn)
    report(fake_run("alexnet", PERFECT, LABELS), out)
    assert asked == [out / "figures"] and not (out / ".lock").exists()


def test_a_damaged_record_is_not_erased_by_a_rebuild_in_place(fake_run, tmp_path):
    fake_run("lenet7_relu", PERFECT, LABELS)
    out = tmp_path / "out"
    report(fake_run("alexnet", PERFECT, LABELS), out)
    damaged = out / "records" / "alexnet" / "seed0" / "predictions_epoch5.csv.xz"
    damaged.write_bytes(b"")
    report(out / "records", out)
    assert damaged.exists()


def test_own_experiments_stay_outside_the_table_and_stand_in_the_rest(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    runs_dir = fake_run("alexnet", PERFECT, LABELS, rename="mine", seed=7)
    (runs_dir / "begun" / "seed3").mkdir(parents=True)
    rows, notes, _ = told(runs_dir)
    assert rows[8].seeds == "1 of 1" and "seed 7" not in notes and "begun" not in notes
    report(runs_dir, tmp_path / "out")
    for name in ("records.csv", "scores.csv"):
        found = {row["experiment"] for row in read_csv(tmp_path / "out" / name)}
        assert found == {"alexnet", "mine"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h3>mine</h3>" in page and "begun/seed3 is not finished" in page


def test_three_classes_alone_make_a_report(fake_run, tmp_path):
    logits = 4 * np.eye(3)[THREE] + np.linspace(0, 1, 36).reshape(12, 3)
    logits[2] = [5, 0, 0]
    out = tmp_path / "out"
    text = report(fake_run("alexnet", logits, THREE, rename="mine", epochs=(10,)), out).summary
    assert text.count("mine") == 1
    (row,) = read_csv(out / "scores.csv")
    assert row["correct"] == "11" and 0 < float(row["auc"]) < 1
    assert row["true_positive"] == row["sensitivity"] == row["auc_low"] == ""
    errors = [row for row in read_csv(out / "confusions.csv") if row["label"] != row["answer"]]
    assert [(row["label"], row["answer"], row["count"]) for row in errors] == [("2", "0", "1")]
    page = (out / "report.html").read_text()
    assert "2: 0, 1" in page and 'id="curves"' in page
    assert 'id="table"' not in page and 'href="#claims"' not in page
    assert {path.stem for path in (out / "figures").iterdir()} == {"learning_curves", "roc"}


def test_classes_have_their_names(fake_run, tmp_path):
    labels = np.arange(20) % 10
    runs_dir = fake_run("clothes_cnn32", 4 * np.eye(10)[np.roll(labels, 1)], labels, epochs=(10,))
    report(runs_dir, tmp_path / "out")
    assert "T-shirt: ankle boot, 2" in (tmp_path / "out/report.html").read_text("utf-8")
    assert "T恤：短靴，2" in (tmp_path / "out/report.zh.html").read_text("utf-8")


def test_a_network_of_several_answers_is_reported(fake_run, tmp_path):
    """Its records have a label for each question."""
    runs_dir = fake_run("alexnet", np.eye(2)[[0, 1, 1]], [0, 1, 1], rename="mine", epochs=(10,))
    file = runs_dir / "mine" / "seed0" / "predictions_epoch10.csv"
    file.write_text("image,label_0,label_1,logit_0,logit_1\na,1,0,1,-1\nb,0,1,-1,1\nc,0,1,-1,1\n")
    report(runs_dir, tmp_path / "out")
    (row,) = read_csv(tmp_path / "out" / "scores.csv")
    assert row["correct"] == "3" and row["true_positive"] == ""


@pytest.mark.parametrize("name", ["result", "environment"])
def test_damaged_runs_are_named_where_there_are_no_others(fake_run, tmp_path, name):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    (runs_dir / "alexnet" / "seed0" / f"{name}.json").write_text("{")
    told = rf"left out: alexnet.seed0 is damaged and .* \(ValidationError: .* for {name.title()}"
    with pytest.raises(UsageError, match=told):
        report(runs_dir, tmp_path / "out")


def test_output_that_cannot_be_written_is_told(fake_run, tmp_path):
    fake_run("alexnet", PERFECT, LABELS)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        report(tmp_path / "runs", tmp_path / "file")


def test_committed_results_are_rebuilt_from_the_committed_records(tmp_path):
    committed = REPOSITORY / "results"
    for name in ("baselines.csv", "networks.csv"):
        shutil.copy(committed / name, tmp_path)
    report(committed / "records", tmp_path)
    names = [path.name for path in committed.iterdir() if path.suffix in (".md", ".csv", ".json")]
    for name in [*names, "table1.tex"]:
        assert (tmp_path / name).read_text() == (committed / name).read_text(), name
    for name in ("report.html", "report.zh.html"):
        # Matplotlib's versions draw other lines; the words and numbers are the same.
        made, stored = (
            re.sub("<svg.*?</svg>", "", (place / name).read_text("utf-8"), flags=re.DOTALL)
            for place in (tmp_path, committed)
        )
        assert made == stored, name
    for path in committed.glob("records/*/seed*/result.json"):
        result = json.loads(path.read_text())
        assert result["commit"] and result["dirty"] is False
        assert result["dataset"] in DATASETS


def test_experiments_on_causes_alone_make_a_report(tmp_path):
    source = REPOSITORY / "results" / "records" / "sigmoid_28"
    shutil.copytree(source, tmp_path / "runs" / "sigmoid_28")
    report(tmp_path / "runs", tmp_path / "out")
    assert len(read_csv(tmp_path / "out" / "causes.csv")) == len(list(source.glob("seed*")))
    assert "sigmoid_28" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert (tmp_path / "out" / "figures" / "causes.png").is_file()


def test_the_page_of_results_shows_the_committed_table():
    rows = [
        line.split(" | ")
        for line in (REPOSITORY / "results" / "table1.md").read_text().splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    page = (REPOSITORY / "docs" / "results.md").read_text()
    assert len(rows) == 11
    for cells in rows:
        line = [*cells[1:8], *cells[9:11]]  # without row number and difference
        assert "| " + " | ".join(line) + " |" in page


def test_the_thesis_numbers_have_one_reader_and_no_code_names_its_experiments():
    package = REPOSITORY / "src" / "pm_cls"
    readers = [path for path in package.rglob("*.py") if 'thesis.yaml"' in path.read_text()]
    assert [path.relative_to(package).as_posix() for path in readers] == [
        "report/published/studies.py"
    ]
    names = "|".join([*thesis().names, "lenet", "mnist_lenet"])
    for path in (package / "report").rglob("*.py"):
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
        assert not re.search(rf"\b(?:{names})\b", code), path


def test_one_module_loads_matplotlib():
    package = REPOSITORY / "src" / "pm_cls"
    loading = [
        path.name for path in package.rglob("*.py") if "import matplotlib" in path.read_text()
    ]
    assert loading == ["drawing.py"]
