"""Statements of the documents and effects of techniques follow from runs by the rules."""

import numpy as np
import pytest

from pm_cls.records.networks import Network
from pm_cls.report import report
from pm_cls.report.published import statements
from pm_cls.report.runs import grouped, read_runs
from pm_cls.report.section import gather
from pm_cls.report.sections.effects import draw, effects
from pm_cls.scores import stats

LABELS = np.array([1] * 211 + [0] * 189)


def logits(correct, sure=3.0):
    """Logits that give so many of 400 photographs their label."""
    found = np.where(LABELS == 1, sure, -sure)
    found[: 400 - correct] *= -1
    return found


@pytest.fixture
def runs(fake_run):
    """Writes runs of an experiment, a seed for each count; gives the folder."""

    def write(experiment, counts, sure=3.0, **changes):
        for seed, count in enumerate(counts):
            labels = changes.get("labels", LABELS)
            place = fake_run(
                experiment, logits(count, sure), labels, seed=seed,
                **{k: v for k, v in changes.items() if k != "labels"},
            )  # fmt: skip
        return place

    return write


def judged(runs_dir, networks=()):
    found, _ = read_runs(runs_dir)
    all_of_it = statements.judge(grouped(found, lambda run: run.experiment), networks)
    return {one.id: one for one in all_of_it}


def test_the_file_is_whole():
    stated = statements.stated()
    assert {one.document for one in stated.statements} == {*stated.documents}
    assert all(bool(one.rule) != bool(one.untested) for one in stated.statements)
    assert len({one.id for one in stated.statements}) == len(stated.statements) > 30


def test_every_experiment_that_is_named_is_in_the_configs():
    from tests.conftest import file_of

    named = set(statements.stated().techniques)
    for one in statements.stated().statements:
        for pair in one.parameters.get("pairs", []):
            named |= {point[0] for point in pair if one.rule != "arithmetic"}
        of = one.parameters.get("of", [])
        named |= {point[0] for point in of} if one.rule == "united" else {*of[:1]}
    assert all(file_of(name) for name in named)


def test_every_experiment_of_the_study_is_a_technique_or_named_beside_them():
    from pm_cls.config.studies import experiments_in
    from tests.conftest import REPOSITORY

    of_study = {name for _, name in experiments_in(REPOSITORY / "configs" / "techniques")}
    stated = statements.stated()
    assert of_study - {"lenet7_relu", "lenet7_sigmoid"} == {*stated.techniques, *stated.others}


def test_the_settings_of_each_technique_differ_in_its_keys_alone():
    from pm_cls.config import load_config
    from pm_cls.report.published import differing
    from pm_cls.report.published.studies import thesis
    from tests.conftest import REPOSITORY

    file = REPOSITORY / "configs" / "techniques" / "techniques.yaml"
    for name, technique in statements.stated().techniques.items():
        changed = differing(load_config(file, experiment=name), thesis().reference("lenet7_relu"))
        assert changed == sorted(technique.keys), name


def test_without_runs_only_arithmetic_is_judged(fake_run):
    place = fake_run("alexnet", logits(380), LABELS)
    found = judged(place)
    assert found["small_kernels"].verdict == "reproduced"
    assert "2 · 3 · 3 = 18 against 5 · 5 = 25" in found["small_kernels"].evidence.en
    others = {one.verdict for name, one in found.items() if name != "small_kernels"}
    assert others == {"not_yet_tested", "not_testable"}
    untestable = [one for one in found.values() if one.verdict == "not_testable"]
    assert len(untestable) == 8 and not any(one.rule for one in untestable)
    assert found["max_pooling"].evidence.en.endswith("0 of the 3 seeds that the rule needs.")


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((380, 381, 379, 380), (360, 362, 361, 360), "reproduced"),
        ((360, 362, 361, 360), (380, 381, 379, 380), "not_reproduced"),
        ((380, 360, 370, 371), (370, 368, 372, 371), "not_supported"),
        ((380, 381), (360, 362), "not_yet_tested"),
    ],
)
def test_better(runs, first, second, verdict):
    runs("lenet7_relu", first)
    found = judged(runs("average_pooling", second))
    assert found["max_pooling"].verdict == verdict


def test_p_values_of_a_document_are_corrected_together(runs):
    """Alone the difference is significant; beside others of the same document it is not."""
    base, other = (380, 371, 379, 380), (368, 369, 371, 374)
    runs("lenet7_relu", base)
    alone = judged(runs("average_pooling", other))["max_pooling"]
    p = stats.paired_t(np.array(base) / 400, np.array(other) / 400).p
    assert 0.01 < p < 0.05 and alone.verdict == "reproduced"
    place = runs("overlapping_pooling", (379, 372, 378, 381))
    together = judged(place)["max_pooling"]
    assert together.verdict == "not_supported"
    assert f"p = {2 * p:.3f}" in together.evidence.en


def test_calmer_is_about_the_loss(runs):
    runs("lenet7_relu", (380, 379, 381), sure=9.0)
    found = judged(runs("dropout", (380, 379, 381), sure=2.0))
    assert found["dropout_overfitting"].verdict == "reproduced"
    found["dropout_overfitting"].evidence.en.index("Loss ×100 of dropout")


def test_sparser_is_about_the_weights_that_inspect_has_seen(runs):
    from pm_cls.records import gradients

    for name in ("l1", "l2"):
        place = runs(name, (380, 379, 381))
    assert judged(place)["sparse_l1"].evidence.en == "Not looked into: l1 seed 0."
    for name, shares in (("l1", (0.30, 0.31, 0.32)), ("l2", (0.01, 0.02, 0.03))):
        for seed, share in enumerate(shares):
            at = [(5, "conv1", 0.9), (10, "conv1", share - 0.01), (10, "fc1", share + 0.01)]
            states = [gradients.LayerState(e, 0, layer, 1.0, None, n) for e, layer, n in at]
            gradients.write(place / name / f"seed{seed}", states)
    found = judged(place)["sparse_l1"]
    assert found.verdict == "reproduced"
    assert "31.00% of the weights of l1 are below a hundredth" in found.evidence.en


def test_what_cannot_learn(runs, fake_run):
    place = runs("zeros", (211, 211, 211))
    assert judged(place)["zeros"].verdict == "not_supported"  # several labels, as good as one
    for seed in range(3):
        fake_run("flattened", np.full(400, -0.1), LABELS, seed=seed)
    found = judged(place)
    assert found["flattened"].verdict == "reproduced"
    assert "All 3 runs of flattened give every image one label" in found["flattened"].evidence.en


def test_what_can_learn(runs):
    found = judged(runs("flattened", (330, 335, 332)))
    assert found["flattened"].verdict == "not_reproduced"
    assert "reaches 83.08%, the most frequent label alone 52.75%" in found["flattened"].evidence.en
    found = judged(runs("sigmoid_pretrained", (330, 335, 332)))
    assert found["pretraining_sigmoid"].verdict == "reproduced"


def test_fewer_right_than_by_the_most_frequent_label_says_nothing_against_learning(runs):
    found = judged(runs("sigmoid_pretrained", (150, 155, 152)))
    assert found["pretraining_sigmoid"].verdict == "not_supported"


def test_networks_together_against_one(fake_run):
    names = ["lenet7_relu", "lenet9_relu", "alexnet"]
    for extra, name in enumerate(names):
        for seed in range(3):
            one = logits(400)
            one[50 * seed : 50 * seed + 20 + extra] *= -1  # other images in each seed
            place = fake_run(name, one, LABELS, seed=seed)
    found = judged(place)
    assert found["ensembles_accuracy"].verdict == "reproduced"
    # 400 of 400 together, 379 on average alone; the snapshots of a fake run are all the same.
    assert found["ensembles_accuracy"].evidence.en.startswith(
        "Mean of the seeds: 100.00% against 94.75% of one, +5.25 points (p"
    )
    assert found["ensembles"].verdict == "not_supported"
    assert (
        "94.75% against 94.75% of one, +0.00 points (no difference observed, 3 networks, 0 of them"
        in (found["ensembles"].evidence.en)
    )


def test_too_few_networks_together_are_not_tested(runs):
    runs("lenet7_relu", (380, 381, 379))
    runs("lenet9_relu", (380, 381))
    found = judged(runs("alexnet", (380, 381, 379)))
    assert found["ensembles_accuracy"].verdict == "not_yet_tested"
    assert found["ensembles_accuracy"].evidence.en == (
        "Mean of the seeds: 2 of the 3 networks that the rule needs."
    )


def test_sizes_come_from_the_costs(runs):
    costs = [Network("googlenet", 6_000_000, 10), Network("vgg16", 134_000_000, 15)]
    runs("googlenet", (380,))
    found = judged(runs("vgg16", (380,)), costs)
    assert found["googlenet_smaller"].verdict == "reproduced"
    assert "6,000,000" in found["googlenet_smaller"].evidence.en
    assert found["googlenet_faster"].evidence.en == (
        "googlenet 10 multiplications an image, vgg16 15."
    )
    assert found["densenet_smaller"].verdict == "not_yet_tested"


def test_what_networks_with_other_settings_cost_does_not_count(runs):
    costs = [Network("googlenet", 6_000_000, 10), Network("vgg16", 134_000_000, 15)]
    runs("googlenet", (380,))
    found = judged(runs("vgg16", (380,), settings=["data.image_size=72"]), costs)
    assert found["googlenet_smaller"].verdict == "not_yet_tested"


@pytest.mark.parametrize(
    "changes",
    [{"official": False}, {"dataset": "synthetic"}, {"settings": ["optimizer.momentum=0.5"]}],
)
def test_other_data_and_other_settings_do_not_count(runs, changes):
    runs("lenet7_relu", (380, 381, 379))
    place = runs("average_pooling", (360, 362, 361), **changes)
    assert judged(place)["max_pooling"].verdict == "not_yet_tested"
    assert effects(gather(*read_runs(place), None, place)) == []


@pytest.mark.parametrize(("settings", "counts"), [((), True), (["optimizer.momentum=0.5"], False)])
def test_runs_of_a_study_count_with_its_settings_alone(fake_run, settings, counts):
    """`united` is of three networks or more: the third is as the thesis has it, or it is not."""
    for name in ("lenet7_relu", "lenet9_relu"):
        for seed in range(3):
            fake_run(name, logits(380), LABELS, seed=seed)
    for seed in range(3):
        place = fake_run("alexnet", logits(380), LABELS, seed=seed, settings=settings)
    assert (judged(place)["ensembles_accuracy"].verdict != "not_yet_tested") == counts


def test_a_folder_of_ones_own_is_not_held_against_photographs(fake_run):
    runs = {"frozen_random": 380, "lenet7_relu": 370, "lenet9_relu": 372, "alexnet": 374}
    for name, correct in runs.items():
        for seed in range(3):
            place = fake_run(name, logits(correct + seed), LABELS, seed=seed)
    own = ["data.name=folder", "data.classes=[cat, dog]"]
    for seed in range(3):
        fake_run("frozen", logits(390 + seed), LABELS, seed=seed, settings=own)
    assert judged(place)["imagenet_weights"].verdict == "not_yet_tested"


def test_a_schedule_counts_with_the_epochs_that_it_is_made_for(runs):
    runs("lenet7_relu", (370, 372, 374))
    longer = ["train.epochs=100", "train.report_epochs=[10]"]
    runs("shift", (371, 372, 373), settings=longer)
    place = runs("cosine", (378, 381, 383), settings=longer)
    found = effects(gather(*read_runs(place), None, place))
    assert [one.experiment for one in found] == ["shift"]


def test_what_is_no_technique_but_for_its_name_is_shown_with_all_others(runs):
    runs("lenet7_relu", (370, 372, 374))
    place = runs("flip", (378, 381, 383), settings=["optimizer.momentum=0.5"])
    material = gather(*read_runs(place), None, place)
    assert {run.experiment for run in material.shown} == {"lenet7_relu", "flip"}


def test_the_base_is_in_the_picture_where_all_effects_are_losses(runs):
    runs("lenet7_relu", (370, 372, 374))
    place = runs("zeros", (211, 212, 213))
    found = effects(gather(*read_runs(place), None, place))
    low, high = draw(found).axes[0].get_xlim()
    assert low < 0 < high


def test_effects_are_paired_sorted_and_corrected(runs):
    runs("lenet7_relu", (370, 372, 374, 371))
    runs("flip", (378, 381, 383, 379))
    runs("tanh", (350, 349, 355, 352))
    place = runs("hinge", (370, 372, 374))
    found = effects(gather(*read_runs(place), None, place))
    assert [one.experiment for one in found] == ["flip", "hinge", "tanh"]
    flip, hinge, tanh = found
    assert flip.test.difference == pytest.approx(8.5 / 400) and flip.test.n == 4
    assert hinge.p is None and hinge.test.n == 3
    assert tanh.p == pytest.approx(max(tanh.test.p, 2 * flip.test.p, tanh.test.p), rel=1e-6) or (
        tanh.p == pytest.approx(2 * tanh.test.p)
    )


def test_early_stopping_is_held_against_what_has_as_many_images(runs):
    runs("lenet7_relu", (380, 381, 383))
    runs("held_out", (360, 361, 362))
    place = runs("best_epoch", (370, 371, 373))
    held, best = sorted(
        effects(gather(*read_runs(place), None, place)), key=lambda one: one.test.difference
    )
    assert best.name.en == "early stopping (against a tenth held out)"
    assert held.test.difference < 0 < best.test.difference


def test_they_stand_on_the_page_and_in_files(runs, tmp_path, unrendered):
    runs("lenet7_relu", (370, 372, 374))
    runs("flip", (378, 381, 383))
    place = runs("average_pooling", (350, 349, 355))
    report(place, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert 'id="effects"' in page and 'id="statements"' in page and "mirror images" in page
    chinese = (tmp_path / "out" / "report.zh.html").read_text("utf-8")
    assert "左右翻转" in chinese and "最大池化远优于平均池化" in chinese
    lines = (tmp_path / "out" / "effects.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["experiment", "flip", "average_pooling"]
    assert (tmp_path / "out" / "figures" / "effects.svg").is_file()
    assert "Max pooling is much better" in (tmp_path / "out" / "statements.md").read_text("utf-8")


def test_techniques_alone_make_a_report(runs, tmp_path, unrendered):
    found = report(runs("flip", (378, 381, 383)), tmp_path / "out")
    assert "flip" in found.summary
    assert 'id="effects"' not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_holm():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.6, 0.7]) == [1.0, 1.0] and stats.holm([]) == []
