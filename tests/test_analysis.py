"""Statistics beside the table: repetitions left out, pairs, warnings, other data."""

import numpy as np
import pytest

from pm_cls import analysis, baselines, metrics, results, runs
from pm_cls.files import read_csv, read_json, write_json
from pm_cls.report import report

LABELS = np.array([1] * 211 + [0] * 189)
PERFECT = np.where(LABELS == 1, 5.0, -5.0)


def analysed(runs_dir, file):
    table = results.build_table(*results.read_runs(runs_dir))
    return analysis.analyse(table, file)


def with_errors(*wrong):
    logits = PERFECT.copy()
    logits[list(wrong)] *= -1
    return logits


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
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    file = runs_dir / "alexnet" / "seed0" / runs.ENVIRONMENT
    environment = read_json(file)
    environment["data"]["repeated"] = [group]
    write_json(file, environment)
    (run,), _ = results.read_runs(runs_dir)
    kept = analysis.distinct_images(run, 5)
    assert np.flatnonzero(~kept).tolist() == left_out
    scored = analysed(runs_dir, runs_dir / "none").scored[0]
    if left_out:
        assert scored.distinct.n == 400 - len(left_out)
    else:
        assert scored.distinct is None


def test_pairs_are_compared_within_and_over_seeds(fake_run):
    for seed, errors in enumerate([(0, 1, 2), (0, 1), (0, 1, 2, 3)]):
        fake_run("lenet7_relu", with_errors(*errors), LABELS, seed=seed)
        fake_run("lenet9_relu", with_errors(0), LABELS, seed=seed)
    runs_dir = fake_run("alexnet", with_errors(0), LABELS, seed=7)
    five, ten = analysed(runs_dir, runs_dir / "none").pairs
    assert (five.first, five.second, five.epoch) == ("lenet7_relu", "lenet9_relu", 5)
    assert (ten.epoch, five.seed) == (10, 0)
    assert five.paired_t.difference == pytest.approx(-2 / 400)
    assert (five.mcnemar.only_first, five.mcnemar.only_second) == (0, 2)
    assert five.mcnemar.p == 0.5


def baseline_of(accuracy, digest):
    correct = round(400 * accuracy)
    scores = metrics.Scores(correct, 400, correct / 400, 0.3, 0.9)
    return baselines.Baseline("4x4 thumbnail", 48, "ichallenge_pm", digest, scores)


@pytest.mark.parametrize(
    ("accuracy", "digest", "warned"),
    [(0.97, "0", True), (0.90, "0", False), (0.97, "other", False)],
)
def test_a_baseline_near_a_network_is_told(fake_run, tmp_path, accuracy, digest, warned):
    for seed, errors in enumerate([range(8), range(10), range(9)]):  # 97.5 to 98%
        runs_dir = fake_run("alexnet", with_errors(*errors), LABELS, seed=seed)
    baselines.write([baseline_of(accuracy, digest)], tmp_path / baselines.FILE)
    found = analysed(runs_dir, tmp_path / baselines.FILE)
    assert bool(found.warnings) == warned
    if warned:
        assert "AlexNet relu: 97.75%" in found.warnings[0].en
        assert "4×4 缩略图" in found.warnings[0].zh


def test_other_data_are_scored_beside_the_run(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    file = runs.evaluation_file(runs_dir / "alexnet" / "seed0", "clinic")
    file.parent.mkdir()
    labels = LABELS[200:300]
    logits = with_errors(210)[200:300, np.newaxis]
    names = tuple(map(str, range(100)))
    runs.write_predictions(file.with_suffix(".csv"), names, labels, logits)
    write_json(file, {"epoch": 10, "dataset": "clinic", "data_digest": "e"})
    (there,) = analysed(runs_dir, tmp_path / "none").elsewhere
    assert (there.data, there.scores.n, there.scores.correct) == ("clinic", 100, 99)
    assert there.auc_interval is not None

    report(runs_dir, tmp_path / "out")
    assert "clinic" in (tmp_path / "out" / "report.html").read_text()
    rows = read_csv(tmp_path / "out" / "scores.csv")
    assert [row["data"] for row in rows] == ["validation", "validation", "clinic"]
    copied = tmp_path / "out" / "records" / "alexnet" / "seed0" / "evaluations" / "clinic.csv"
    assert copied.read_bytes() == file.with_suffix(".csv").read_bytes()


def test_a_damaged_evaluation_is_named(fake_run):
    runs_dir = fake_run("alexnet", PERFECT, LABELS)
    file = runs.evaluation_file(runs_dir / "alexnet" / "seed0", "clinic")
    file.parent.mkdir()
    file.write_text("{}")
    found, problems = results.read_runs(runs_dir)
    assert not found and "damaged" in problems["alexnet/seed0"].en


def test_reliability_counts_every_answer(fake_run):
    fake_run("alexnet", PERFECT, LABELS, seed=0)
    runs_dir = fake_run("alexnet", PERFECT, LABELS, seed=1)
    found = analysed(runs_dir, runs_dir / "none")
    assert found.reliability["alexnet"].counts.tolist() == [378, *[0] * 8, 422]
    assert len(found.roc["alexnet"]) == 2
