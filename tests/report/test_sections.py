"""The sections: pairs, baselines, other data, ablations, and one that is new."""

import csv
import lzma
import re
from dataclasses import replace

import numpy as np
import pytest

from pm_cls.card.facts import Facts
from pm_cls.presentation import drawing, pictures
from pm_cls.records import baselines, calibration, evaluations, predictions
from pm_cls.records import stress as stress_records
from pm_cls.records.evaluations import Evaluation
from pm_cls.records.predictions import Predictions
from pm_cls.records.saliency import Saliency
from pm_cls.records.stress import Stressed
from pm_cls.report import build, columns, report
from pm_cls.report.runs import read_run, read_runs
from pm_cls.report.section import gather
from pm_cls.report.sections import baselines as of_baselines
from pm_cls.report.sections import pairs, reliability, scores, stress, worth
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.files import read_csv
from pm_cls.scores import metrics
from pm_cls.scores.calibration import Calibration
from pm_cls.scores.target import Binary

LABELS = np.array([1] * 211 + [0] * 189)
PERFECT = np.where(LABELS == 1, 5.0, -5.0)


def material_of(runs_dir, file=None):
    return gather(*read_runs(runs_dir), None, file or runs_dir / "none")


def with_errors(*wrong):
    logits = PERFECT.copy()
    logits[list(wrong)] *= -1
    return logits


TOY = """
from functools import partial
from pathlib import Path

from pm_cls.report import columns
from pm_cls.presentation.drawing import Figure
from pm_cls.report.section import Content, Section
from pm_cls.presentation.text import Text


def draw(language):
    figure = Figure()
    figure.subplots().set_title(Text("a toy", "玩具").of(language))
    return figure


def make(material):
    made = columns.plain("experiment seed")
    return Content(
        told=f"{len(material.shown)} & more",
        files={"toy.csv": columns.csv(made, material.shown)},
        figures={"toy": draw},
        tables={"toy": partial(columns.html, made, material.shown)},
    )


SECTION = Section("toy", Text("Toy", "玩具"), make, Path(__file__).parent)
"""


@pytest.mark.figures
def test_a_section_is_a_file_and_a_line(fake_run, tmp_path, monkeypatch):
    (tmp_path / "toy.html.j2").write_text(
        '<h2 id="toy">{{ say("How many", "多少") }}</h2>{{ it }}{{ svg("toy") }}{{ table("toy") }}'
    )
    module = {"__file__": str(tmp_path / "toy.py")}
    exec(TOY, module)
    monkeypatch.setattr(build, "SECTIONS", [*build.SECTIONS, module["SECTION"]])
    out = tmp_path / "out"
    report(fake_run("alexnet", PERFECT, LABELS), out)
    english, chinese = ((out / f"report{end}.html").read_text() for end in ("", ".zh"))
    assert '<a href="#toy">Toy</a>' in english and "1 &amp; more" in english
    assert '<a href="#toy">玩具</a>' in chinese and "玩具" in chinese.partition('id="toy"')[2]
    assert read_csv(out / "toy.csv") == [{"experiment": "alexnet", "seed": "0"}]
    assert (out / "figures" / "toy.svg").is_file() and (out / "figures" / "toy.png").is_file()


@pytest.mark.parametrize(
    ("group", "left_out"),
    [
        (["V0003.jpg", "V0007.jpg"], [7]),  # twice in the validation set: the first stays
        (["P0001.jpg", "V0003.jpg"], [3]),  # in the training set too
        (["P0001.jpg", "V0003.jpg", "V0007.jpg"], [3, 7]),
        (["V0003.jpg", "V0003.jpg"], [3]),  # one name in both splits
        (["P0001.jpg", "P0002.jpg"], []),
    ],
)
def test_repeated_photographs_are_left_out(fake_run, group, left_out):
    (run,), _ = read_runs(fake_run("alexnet", PERFECT, LABELS, repeated=[group]))
    assert np.flatnonzero(~run.distinct(5)).tolist() == left_out
    scored = scores.score(run, 5)
    assert scored.distinct.n == 400 - len(left_out) if left_out else scored.distinct is None


def test_where_all_photographs_are_in_training_too_no_scores_are_without_them(fake_run):
    repeated = [[f"P{i:04d}.jpg", f"V{i:04d}.jpg"] for i in range(400)]
    (run,), _ = read_runs(fake_run("alexnet", PERFECT, LABELS, repeated=repeated))
    assert not run.distinct(5).any() and scores.score(run, 5).distinct is None
    assert len(Facts(run).rows) == 1


def test_pairs_are_compared_within_and_over_seeds(fake_run):
    for seed, errors in enumerate([(0, 1, 2), (0, 1), (0, 1, 2, 3)]):
        fake_run("lenet7_relu", with_errors(*errors), LABELS, seed=seed)
        fake_run("lenet9_relu", with_errors(0), LABELS, seed=seed)
    runs_dir = fake_run("alexnet", with_errors(0), LABELS, seed=7)
    five, ten = pairs.pairs(material_of(runs_dir).experiments)
    assert (five.first, five.second, five.epoch) == ("lenet7_relu", "lenet9_relu", 5)
    assert (ten.epoch, five.seed) == (10, 0)
    assert five.paired_t.difference == pytest.approx(-2 / 400)
    assert (five.mcnemar.only_first, five.mcnemar.only_second) == (0, 2)
    assert five.mcnemar.p == 0.5


def baseline_of(accuracy, digest, name="4x4 thumbnail"):
    correct = round(400 * accuracy)
    found = metrics.Scores(correct, 400, correct / 400, 0.3, 0.9)
    return baselines.Baseline(name, 48, "ichallenge_pm", digest, found)


@pytest.mark.parametrize(
    ("accuracy", "digest", "warned"),
    [(0.97, "0", True), (0.90, "0", False), (0.97, "other", False)],
)
def test_a_baseline_near_a_network_is_told(fake_run, tmp_path, accuracy, digest, warned):
    for seed, errors in enumerate([range(8), range(10), range(9)]):  # 97.5 to 98%
        runs_dir = fake_run("alexnet", with_errors(*errors), LABELS, seed=seed)
    baselines.write([baseline_of(accuracy, digest)], tmp_path / baselines.FILE)
    warnings = of_baselines.make(material_of(runs_dir, tmp_path)).told
    assert bool(warnings) == warned
    if warned:
        assert "AlexNet relu: 97.75%" in warnings[0].en and "4×4 缩略图" in warnings[0].zh


def test_names_that_are_not_known_are_shown_as_they_are(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    baselines.write([baseline_of(0.9, "0", "a new answer")], tmp_path / "out" / baselines.FILE)
    report(runs_dir, tmp_path / "out")
    assert "a new answer" in (tmp_path / "out" / "report.html").read_text()
    score = metrics.Scores(9, 10, 0.9, 0.3, 0.9)
    kept = Saliency(5, {}, {}, [], {"a new one": score}, np.zeros((1, 3, 2, 2)), {}, {})
    other = Saliency(5, {}, {}, [], {"as it is": score}, np.zeros((1, 3, 2, 2)), {}, {})
    assert pictures.ablation_names([kept, other]) == ["as it is", "a new one"]
    assert "a new one" in [t.get_text() for t in pictures.ablations({"a": kept}).axes[0].texts]


def test_other_data_are_scored_beside_the_run(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    place = runs_dir / "alexnet" / "seed0"
    names, logits = tuple(map(str, range(100))), with_errors(210)[200:300, np.newaxis]
    found = Predictions(names, LABELS[200:300], logits, Binary())
    facts = Evaluation("clinic", "clinic", "e", repeated=[], epoch=10)
    evaluations.write(place, facts, found)
    (there,) = scores.elsewhere(material_of(runs_dir).shown)
    assert (there.data, there.scores.n, there.scores.correct) == ("clinic", 100, 99)
    assert there.auc_interval is not None

    report(runs_dir, tmp_path / "out")
    assert "clinic" in (tmp_path / "out" / "report.html").read_text()
    rows = read_csv(tmp_path / "out" / "scores.csv")
    assert [row["data"] for row in rows] == ["validation", "validation", "clinic"]
    file = evaluations.file(place, "clinic").with_suffix(".csv")
    copied = tmp_path / "out" / "records" / file.relative_to(runs_dir).with_suffix(".csv.xz")
    assert lzma.decompress(copied.read_bytes()) == file.read_bytes()
    (published,), _ = read_runs(tmp_path / "out" / "records")
    assert [*published.evaluations] == ["clinic"]


def test_scores_elsewhere_of_runs_of_other_studies_are_told(fake_run, tmp_path):
    fake_run("lenet7_relu", PERFECT, LABELS)
    runs_dir = fake_run("resnet18", PERFECT, LABELS)
    found = Predictions(tuple("ab"), LABELS[210:212], PERFECT[210:212, np.newaxis], Binary())
    facts = Evaluation("clinic", "clinic", "e", repeated=[], epoch=10)
    evaluations.write(runs_dir / "resnet18" / "seed0", facts, found)
    report(runs_dir, tmp_path / "out")
    lines = read_csv(tmp_path / "out" / "scores.csv")
    assert [one["experiment"] for one in lines if one["data"] == "clinic"] == ["resnet18"]
    assert "None of these runs has been scored" not in (tmp_path / "out/report.html").read_text()


def test_synthetic_photographs_of_another_study_are_in_the_titles(fake_run, tmp_path):
    report(fake_run("resnet18", PERFECT, LABELS, dataset="synthetic"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h1>Runs and their scores on SYNTHETIC photographs</h1>" in page
    assert re.search(r'<h2 id="tutorial">.* on SYNTHETIC photographs</h2>', page)


def test_synthetic_photographs_are_in_every_figure(fake_run, tmp_path, monkeypatch):
    titles, blank = [], drawing._bytes

    def noted(figure, kind, **options):
        titles.append(figure.get_suptitle())
        return blank(figure, kind, **options)

    monkeypatch.setattr(drawing, "_bytes", noted)
    report(fake_run("alexnet", PERFECT, LABELS, dataset="synthetic"), tmp_path / "out")
    assert len(titles) > 3 and all("on SYNTHETIC photographs" in title for title in titles)


def test_baselines_of_two_folders_stand_side_by_side(tmp_path):
    file = tmp_path / "baselines.csv"
    for digest in "ab":
        baselines.write([baseline_of(0.9, digest)], file)
    baselines.write([baseline_of(0.8, "b")], file)
    assert [(one.digest, one.scores.accuracy) for one in baselines.read(file)] == [
        ("a", 0.9), ("b", 0.8),
    ]  # fmt: skip


def test_markdown_takes_any_word():
    row = {"name": "my|set\nof_$"}
    column = columns.Column("a|b", "", lambda row: row["name"])
    assert columns.markdown([column], [row]).splitlines()[2] == r"| my\|set of_$ |"


@pytest.mark.parametrize("damage", [lambda logits: -logits, lambda logits: logits * np.nan])
def test_scores_on_other_data_that_do_not_fit_are_left_out(fake_run, damage):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    place = runs_dir / "alexnet" / "seed0"
    names = tuple(map(str, range(100)))
    found = Predictions(names, LABELS[:100], with_errors(0)[:100, np.newaxis], Binary())
    evaluations.write(place, Evaluation("clinic", "clinic", "e", repeated=[], epoch=10), found)
    predictions.write(
        evaluations.answers(place, "clinic"), replace(found, logits=damage(found.logits))
    )
    (run,), left_out = read_runs(runs_dir)
    assert not run.evaluations and "`pm-cls evaluate`" in left_out["alexnet/seed0/evaluations/"].en
    with pytest.raises(UsageError, match="writes it anew"):
        read_run(place)


@pytest.mark.parametrize("file", ["stress.csv", "inspection/gradients.csv"])
def test_a_damaged_file_beside_a_run_is_named_and_the_run_kept(fake_run, tmp_path, file):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    damaged = runs_dir / "alexnet" / "seed0" / file
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_text("epoch\nx\n")
    report(runs_dir, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"alexnet/seed0/{file} was left out (" in page and "100.00" in page


def test_runs_of_other_settings_or_data_are_left_out(fake_run):
    for seed in range(3):
        fake_run("alexnet", PERFECT, LABELS, seed=seed)
    fake_run("alexnet", PERFECT, LABELS, seed=3, settings=["optimizer.learning_rate=0.5"])
    runs, left_out = read_runs(fake_run("lenet7_relu", PERFECT, LABELS))
    alike = [f"alexnet seed {seed}" for seed in range(3)]
    assert [run.name for run in runs] == [*alike, "lenet7_relu seed 0"]
    (told,) = left_out.values()
    assert told.en == (
        "alexnet/seed3 was left out: alexnet/seed0 and others have other settings or data."
    )


def test_reliability_counts_every_answer_and_roc_leaves_constant_ones_out(fake_run):
    fake_run("alexnet", PERFECT, LABELS, seed=0)
    runs_dir = fake_run("alexnet", np.linspace(0, 1, 400), LABELS, seed=1)
    material = material_of(runs_dir)
    ours = material.experiments["alexnet"]
    assert reliability.reliability(ours).counts.sum() == 800
    drawn = scores.make(material).figures["roc"]("en").axes[0]
    assert [line.get_label() for line in drawn.lines][1:] == ["alexnet"]


def stressed_run(fake_run, name, lost, **changes):
    """A run with a stress test in which shift costs, and a calibration; its folder."""
    runs_dir = fake_run(name, with_errors(0, 1, 399), LABELS, **changes)
    place = runs_dir / name / f"seed{changes.get('seed', 0)}"
    cells = [("none", 0, 0)] + [(c, s, s * lost) for c in ("blur", "shift") for s in (3, 5)]
    stress_records.write(
        place,
        [
            Stressed(c, s, 10, 400, 397 - (n if c == "shift" else 0), None, 0.99 - n / 400)
            for c, s, n in [*cells, ("mirrored", 3, 0)]
        ],
    )
    return runs_dir, place


def test_stress_is_told_by_network_with_the_worst_change(fake_run):
    stressed_run(fake_run, "lenet7_relu", 10)
    runs_dir, place = stressed_run(fake_run, "lenet7_relu", 20, seed=1)
    stress_records.write(place, [one for one in stress_records.read(place) if one.strength != 5])
    fake_run("alexnet", PERFECT, LABELS)  # was not put to the test
    content = stress.make(material_of(runs_dir))
    rows = list(csv.DictReader(content.files["stress.csv"].splitlines()))
    assert [row["strength"] for row in rows] == ["0", "3", "5"]
    assert [row["n_runs"] for row in rows] == ["2", "2", "1"]
    assert {row["experiment"] for row in rows} == {"lenet7_relu"}
    third = rows[1]
    assert float(third["accuracy"]) == pytest.approx((2 * 397 + 397 - 45) / 1200)
    assert third["worst_accuracy_change"] == "shift"
    assert float(third["worst_accuracy"]) == pytest.approx((397 - 45) / 400)
    assert float(third["worst_auc"]) == pytest.approx(0.99 - 45 / 400)
    assert {*content.figures} == {f"stress_{s}_{of}" for s in (3, 5) for of in ("auc", "accuracy")}
    axes = content.figures["stress_3_accuracy"]("zh").axes[0]
    shown = [float(cell.get_text()) for cell in axes.texts]
    assert shown == pytest.approx(
        [100 * (397 / 400), 100 * (397 - 45) / 400, 100 * 397 / 400], abs=0.06
    )
    assert [label.get_text() for label in axes.get_yticklabels()] == ["模糊", "平移", "左右镜像"]
    assert stress.make(material_of(runs_dir / "none")).told is None


def test_worth_is_told_at_one_half_and_as_stored(fake_run, tmp_path):
    runs_dir, place = stressed_run(fake_run, "lenet7_relu", 10)
    assert worth.make(material_of(runs_dir)).told is None
    found = Calibration(temperature=2.5, threshold=0.9, certain=0.85, n=80)  # 5 / 2.5: 0.88
    calibration.write(place, found, None, "held out")
    half, stored = csv.DictReader(worth.make(material_of(runs_dir)).files["worth.csv"].splitlines())
    assert (half["correct"], half["ill_found"], half["sure"]) == ("397", "209", "")
    assert (stored["correct"], stored["ill_found"], stored["healthy_found"]) == ("189", "0", "189")
    # Those of 0.88 are called 0, which is ruled out; the others are called 0 and surely so.
    assert (stored["sure"], stored["sure_correct"]) == ("190", "188")
    # Nothing but 0.881 is stated: of 397 answers it is less than what is right.
    assert float(stored["calibration_error"]) == pytest.approx(397 / 400 - 0.880797, abs=1e-3)
    assert float(half["brier"]) == pytest.approx(3 / 400, abs=1e-3)

    report(runs_dir, tmp_path / "out")
    copied = tmp_path / "out/records/lenet7_relu/seed0"
    for name in (calibration.FILE, stress_records.FILE):
        assert (copied / name).read_bytes() == (place / name).read_bytes()
    report(tmp_path / "out/records", tmp_path / "again")
    pages = [(tmp_path / out / "report.zh.html").read_bytes() for out in ("out", "again")]
    assert pages[0] == pages[1] and b'id="worth"' in pages[0] and b'id="stress"' in pages[0]
