"""Verdicts follow from the rules, in each direction."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from pm_cls.config import SYNTHETIC
from pm_cls.records.environment import Data, Environment
from pm_cls.records.predictions import Predictions
from pm_cls.report.published import causes, claims
from pm_cls.report.published.studies import thesis
from pm_cls.report.runs import Record
from pm_cls.scores.metrics import Scores
from pm_cls.scores.target import Binary


def run_of(experiment, seed, correct, loss=0.2, n=400, predictions=None):
    config = thesis().reference(experiment)
    scores = {e: Scores(c, n, c / n, loss, None) for e, c in zip((5, 10), correct, strict=True)}
    return Record(
        Path(), experiment, seed, config.data.name, "c", False, config, Environment(data=Data()),
        [], predictions or {}, scores, {}, [], None, None,
    )  # fmt: skip


def judged(found):
    return claims.judge(found, causes.Found([], {}))


def verdicts(found):
    return {claim.id: claim.verdict for claim in judged(found)}


def test_without_runs_only_arithmetic_is_judged():
    found = verdicts([])
    impossible = {name for name, verdict in found.items() if verdict == "impossible"}
    assert impossible == {
        "row3", "text_and_table_lenet7_loss_epoch5", "text_and_table_lenet7_epoch10",
        "text_and_table_lenet9_epoch5",
    }  # fmt: skip
    assert {found[name] for name in found.keys() - impossible} == {"not_yet_tested"}


@pytest.mark.parametrize(
    ("lenet9", "lenet7", "verdict"),
    [
        ((380, 381, 379), (360, 362, 361), "reproduced"),
        ((360, 362, 361), (380, 381, 379), "not_reproduced"),
        ((380, 360, 370), (370, 368, 372), "not_supported"),
        ((380, 370, 360), (380, 370, 360), "not_supported"),
        ((380, 381), (360, 362), "not_yet_tested"),
    ],
)
def test_better(lenet9, lenet7, verdict):
    found = [run_of("lenet9_relu", s, (c, 370)) for s, c in enumerate(lenet9)]
    found += [run_of("lenet7_relu", s, (c, 370)) for s, c in enumerate(lenet7)]
    assert verdicts(found)["lenet9_beats_lenet7_epoch5"] == verdict


def test_a_value_is_held_against_the_prediction_interval():
    near = [run_of("alexnet", s, (367 + s, 370), loss=0.22 + 0.01 * s) for s in range(3)]
    assert verdicts(near)["row9"] == "reproduced"  # 91.75% and .2245
    far = [run_of("alexnet", s, (380 + s, 370), loss=0.22 + 0.01 * s) for s in range(3)]
    assert verdicts(far)["row9"] == "not_reproduced"


@pytest.mark.parametrize(("correct", "verdict"), [(9299, "reproduced"), (9300, "not_reproduced")])
def test_where_all_runs_agree_a_value_must_be_equal(correct, verdict):
    found = [
        run_of("mnist_lenet", s, (correct, correct), loss=0.2432 + s * 1e-4, n=10_000)
        for s in range(3)
    ]
    assert verdicts(found)["row11"] == verdict


@pytest.mark.parametrize(("away", "verdict"), [(0, "reproduced"), (1, "not_reproduced")])
def test_the_constant_answer_is_read_from_the_predictions(away, verdict):
    labels = np.array([1] * 211 + [0] * 189)
    logits = np.full((400, 1), 0.11, np.float32)
    logits[:away] = -1
    predictions = {10: Predictions(tuple(map(str, range(400))), labels, logits, Binary())}
    found = [
        run_of("lenet7_sigmoid", seed, (211, 211), loss=0.6917, predictions=predictions)
        for seed in range(3)
    ]
    assert verdicts(found)["sigmoid_constant_lenet7"] == verdict


def test_runs_that_are_not_the_thesis_are_not_judged():
    found = [run_of("alexnet", seed, (367 + seed, 370)) for seed in range(3)]
    synthetic = [dataclasses.replace(run, dataset=SYNTHETIC) for run in found]
    assert verdicts(synthetic)["row9"] == "not_yet_tested"


def test_every_rule_and_every_statement_in_both_languages():
    entries = judged([])
    assert len({claim.id for claim in entries}) == len(entries)
    for claim in entries:
        for text in (claim.statement, claim.section, claim.evidence):
            assert text.en and text.zh
            assert not re.search("[\u4e00-\u9fff]", text.en)
        assert re.search("[\u4e00-\u9fff]", claim.statement.zh + claim.evidence.zh)


@pytest.mark.parametrize(
    ("relu", "verdict"),
    [
        ((370, 371, 372), "reproduced"),  # about 40 points
        ((300, 301, 302), "not_reproduced"),  # a gain, of another size
        ((212, 210, 211), "not_supported"),  # none
    ],
)
def test_a_gain_must_be_one_and_have_its_size(relu, verdict):
    found = [run_of("lenet7_relu", s, (c, 370)) for s, c in enumerate(relu)]
    for seed in range(3):
        run = run_of("lenet7_sigmoid", seed, (211, 211))
        found.append(dataclasses.replace(run, scores={5: run.scores[5]}))
    assert verdicts(found)["gain_of_40_points"] == verdict
