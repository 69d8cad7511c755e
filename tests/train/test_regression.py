"""The last layer by regression, what the answers are worth, and where both are kept."""

import json
import shutil

import numpy as np
import paddle
import pytest

import pm_cls
from pm_cls.config import load_config
from pm_cls.data import load_dataset
from pm_cls.evaluate.__main__ import main as evaluate_main
from pm_cls.models import build_model
from pm_cls.models.forward import logits_of, with_features
from pm_cls.models.taps import last_linear
from pm_cls.predict import main as predict_main
from pm_cls.records import calibration, stress
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.familiarity import Familiar
from pm_cls.scores.metrics import scores
from pm_cls.scores.target import Binary, Classes, Several
from pm_cls.train import train
from pm_cls.train.regression import fit_last_layer
from tests.conftest import REPOSITORY

ONCE = (
    "train.fit=regression",
    "train.epochs=1",
    "train.report_epochs=[1]",
    "model.activation=tanh",
)


def coloured(n, classes=2, seed=0):
    """Images whose class shows in their brightness."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.integers(0, 40, (n, 3, 32, 32)) + 70 * labels.reshape(-1, 1, 1, 1)
    return images.astype(np.uint8), labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_layer_becomes_the_regression_on_its_features(classes, mirrored):
    target = Binary() if classes == 2 else Classes(classes)
    model = build_model(
        "lenet7", image_size=32, outputs=target.outputs, activation="tanh", mirrored=mirrored
    )
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    images, labels = coloured(60, classes)
    found = fit_last_layer(model, [images], labels, target, batch_size=7, seed=0)
    changed = {k for k, v in model.state_dict().items() if not np.array_equal(v.numpy(), before[k])}
    assert {name.removeprefix("network.") for name in changed} == {
        "classifier.3.weight", "classifier.3.bias",
    }  # fmt: skip
    logits, features = with_features(model, last_linear(model, target.outputs, ""), images, 9)
    np.testing.assert_allclose(found.features, features, atol=1e-5)
    layer = last_linear(model, target.outputs, "")
    expected = features @ layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-3)
    assert target.right(logits, labels).mean() > 0.95
    assert (
        found.unseen.shape == (60, target.outputs)
        and target.right(found.unseen, labels).mean() > 0.9
    )
    assert not np.allclose(found.unseen, logits, atol=1e-3)


def test_views_of_an_image_are_of_one_fold():
    """Noise alone tells these labels: with views in other folds each image would know its own."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(40) % 2
    paddle.seed(0)
    model = build_model("lenet7", image_size=32, activation="tanh")
    found = fit_last_layer(model, [images, images], labels, Binary(), batch_size=8, seed=0)
    assert found.unseen.shape == (80, 1) and found.features.shape[0] == 40
    np.testing.assert_array_equal(found.labels, np.tile(labels, 2))
    np.testing.assert_array_equal(found.unseen[:40], found.unseen[40:])
    assert Binary().right(found.unseen, found.labels).mean() < 0.8


def test_photographs_of_a_patient_are_of_one_fold():
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (20, 3, 32, 32)).astype(np.uint8), 2, axis=0)
    labels, patients = np.repeat(np.arange(20) % 2, 2), np.repeat(np.arange(20), 2)
    paddle.seed(0)
    model = build_model("lenet7", image_size=32, activation="tanh")
    right = {}
    for known in (None, patients):
        found = fit_last_layer(
            model, [images], labels, Binary(), batch_size=8, seed=0, patients=known
        )
        right[known is None] = Binary().right(found.unseen, labels).mean()
    assert right[True] == 1 and right[False] < 0.8


def test_patients_with_eyes_of_both_kinds_count_for_both():
    """Each has a healthy eye and an ill one; with three ill ones no fold can be made of them."""
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32)).astype(np.uint8)
    labels, patients = np.tile([0, 1], 20), np.repeat(np.arange(20), 2)
    given = {"batch_size": 8, "seed": 0, "patients": patients}
    model = build_model("lenet7", image_size=32)
    found = fit_last_layer(model, [images], labels, Binary(), **given)
    assert np.isfinite(found.unseen).all()
    # Three patients with healthy eyes, three with ill ones, three with both: six of each class.
    few = {"batch_size": 8, "seed": 1, "patients": np.repeat(np.arange(9), 2)}
    kinds = np.array([0, 0] * 3 + [1, 1] * 3 + [0, 1] * 3)
    with pytest.raises(DataError, match="too few to have one in each of 5 folds"):
        fit_last_layer(model, [images[:18]], kinds, Binary(), **few)
    labels[7:] = 0
    with pytest.raises(DataError, match="3 patients of a class; a regression needs 5 or more"):
        fit_last_layer(model, [images], labels, Binary(), **given)


def test_two_classes_with_a_logit_each_are_the_one_logit_in_halves():
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(40) % 2
    found = {}
    for target in (Binary(), Classes(2)):
        paddle.seed(0)
        model = build_model("lenet7", image_size=32, outputs=target.outputs)
        fit = fit_last_layer(model, [images], labels, target, batch_size=8, seed=0)
        found[target.outputs] = fit.unseen, logits_of(model, images, 8)
    for one, two in zip(found[1], found[2], strict=True):
        np.testing.assert_allclose(two[:, 1] - two[:, 0], one[:, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.views=2"], "views: 2 of each image are for fit: regression with an augmentation"),
        (
            [*ONCE, "train.augmentation={flip: 0.5}"],
            "augmentation changes nothing in fit: regression without views",
        ),
        (
            [*ONCE, "train.views=1", "train.augmentation={mixup: 0.5}"],
            r"mixup has two labels an image; a regression takes one",
        ),
    ],
)
def test_views_that_do_not_go_are_told(settings, words, tiny_config):
    with pytest.raises(UsageError, match=words):
        tiny_config(*settings)


def test_views_change_the_fit_and_give_the_same_bits_again(photographs, tmp_path):
    found = {}
    for views, place in ((0, "plain"), (2, "views"), (2, "again")):
        changes = [f"train.views={views}", "train.augmentation={brightness: 0.5, noise: 20}"]
        config = load_config(
            REPOSITORY / "configs" / "lenet7_relu.yaml",
            [f"data.root={photographs}", "data.image_size=32", *ONCE, *(changes if views else [])],
        )
        run = train(config, tmp_path / place, "cpu")
        found[place] = (run.folder / "weights_epoch1.safetensors").read_bytes()
        assert run.calibration.n == 24 * (1 + views)
    assert found["views"] == found["again"] != found["plain"]


def test_what_does_not_go_is_told():
    model = build_model("lenet7", image_size=32)
    images, labels = coloured(8)
    with pytest.raises(DataError, match="4 training images of a class; a regression needs 5"):
        fit_last_layer(model, [images], labels, Binary(), batch_size=4, seed=0)
    with pytest.raises(UsageError, match=r"`train\.fit` regression goes by the class"):
        fit_last_layer(model, [images], labels, Several(2), batch_size=4, seed=0)
    with pytest.raises(UsageError, match=r"regression needs a network with one linear layer"):
        fit_last_layer(
            model, [coloured(30, 3)[0]], coloured(30, 3)[1], Classes(3), batch_size=4, seed=0
        )


def test_it_is_made_once(tiny_config):
    with pytest.raises(UsageError, match="fit: regression is made once; epochs is 2, 1 is needed"):
        tiny_config("train.fit=regression")


@pytest.fixture(scope="module")
def fitted(photographs, tmp_path_factory):
    config = load_config(
        REPOSITORY / "configs" / "lenet7_relu.yaml",
        [f"data.root={photographs}", "data.image_size=32", *ONCE, "model.mirrored=true"],
    )
    return train(config, tmp_path_factory.mktemp("fitted"), "cpu")


def test_a_run_by_regression_is_a_run(fitted, tmp_path):
    again = pm_cls.evaluate(fitted.folder, device="cpu")
    assert again[0].notes == ("note: bit for bit the stored predictions",)
    assert (fitted.folder / calibration.FILE).is_file()
    twin = train(fitted.config, tmp_path, "cpu")
    for name in ("weights_epoch1.safetensors", calibration.FILE, calibration.FAMILIAR):
        assert (twin.folder / name).read_bytes() == (fitted.folder / name).read_bytes()


def test_predictions_are_calibrated_and_say_what_they_are_worth(fitted, photographs, capsys):
    worth = fitted.calibration
    assert worth.n == 24 and 0 < worth.threshold < 1 and worth.certain >= 0.5
    predict_main(["--run", str(fitted.folder), str(photographs), "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "image,logit,probability,prediction,sure,unlike" and len(lines) == 41
    for line in lines[1:]:
        _, logit, one, label, sure, unlike = line.rsplit(",", 5)
        p = 1 / (1 + np.exp(-float(logit) / worth.temperature))
        assert float(one) == pytest.approx(p, abs=1e-6)
        assert int(label) == (p >= worth.threshold)
        assert int(sure) == (max(p, 1 - p) >= worth.certain) and unlike in "01"
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    assert all(one.is_unlike for one in fitted.predict(noise))


def test_the_training_images_of_another_run_are_told(fitted, photographs, tmp_path):
    folder = shutil.copytree(fitted.folder, tmp_path / "seed0")
    few = np.zeros((9, 3), np.float32)
    known = pm_cls.load_run(folder).calibration
    calibration.write(folder, known, Familiar(few[0], few[0] + 1, few, 1.0), "held out")
    with pytest.raises(UsageError, match=r"familiar.safetensors: is of 3 features, .* another run"):
        pm_cls.load_run(folder).predict(photographs)


def test_a_run_that_held_images_out_knows_it_too(tiny_config, tmp_path):
    run = train(tiny_config("train.hold_out=0.5"), tmp_path, "cpu")
    assert run.calibration.n == 12
    assert json.loads((run.folder / calibration.FILE).read_text())["how"] == "held out"
    assert run.predict(np.zeros((40, 40, 3), np.uint8))[0].is_sure is not None
    assert pm_cls.load_run(run.folder, epoch=1).calibration is None  # fitted on the last epoch


def test_a_run_that_held_nothing_out_does_not(trained):
    run = pm_cls.load_run(trained)
    assert run.calibration is None and run.familiar is None
    assert run.predict(np.zeros((40, 40, 3), np.uint8))[0].is_sure is None


def test_photographs_from_elsewhere_with_all_that_is_known(fitted, official, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    names = sorted(path.name for path in (official / "PALM-Validation400").glob("*.jpg"))
    table.write_text("file,label\n" + "".join(f"{n},{i % 2}\n" for i, n in enumerate(names)))
    evaluate_main(
        ["--run", str(fitted.folder), "--data", str(official / "PALM-Validation400"), "--labels",
         str(table), "--name", "there", "--device", "cpu"]
    )  # fmt: skip
    out = capsys.readouterr().out
    said = ["(95%, bootstrap)", "at one half: accuracy", "at the stored threshold"]
    said += ["calibration error", "not sure of", "unlike all training photographs"]
    for words in said:
        assert words in out, out


def test_the_stress_test_is_kept_beside_the_run(fitted, capsys, monkeypatch):
    from pm_cls.data.photographs import stress as changes
    from pm_cls.evaluate import stress as of_stress

    few = [changes.Cell("darker", s) for s in (1, 2, 3, 4, 5)] + [changes.Cell("mirrored", 3)]
    wanted = []
    monkeypatch.setattr(
        of_stress, "cells", lambda strengths: wanted.append(tuple(strengths)) or few
    )
    command = ["--run", str(fitted.folder), "--stress", "--device", "cpu"]
    asked, change = [], of_stress.changed

    def stopped_at_the_third(images, cell):
        asked.append(cell)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return change(images, cell)

    monkeypatch.setattr(of_stress, "changed", stopped_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        evaluate_main(command)
    assert "3 of 7 are answered; the same command goes on" in capsys.readouterr().err
    assert stress.read(fitted.folder) == []
    evaluate_main(command)
    assert asked == [*few[:3], *few[2:]]
    out = capsys.readouterr().out
    found = stress.read(fitted.folder)
    assert [(one.change, one.strength) for one in found] == [
        ("none", 0), *((cell.change, cell.strength) for cell in few),
    ]  # fmt: skip
    none, mirrored = found[0], found[-1]
    assert (none.correct, none.auc) == (mirrored.correct, mirrored.auc)  # the network is mirrored
    assert "AUC, accuracy in percent at the threshold stored with the run." in out
    assert out.splitlines()[1].split() == ["as", "they", "are", *of_stress._cell(none).split()]
    assert "strength 3: AUC" in out and "darker" in out
    assert (fitted.folder / "stress.png").read_bytes().startswith(b"\x89PNG")
    evaluate_main([*command[:3], "5", "3", *command[3:]])
    assert wanted == [changes.STRENGTHS] * 2 + [(3, 5)]
    monkeypatch.undo()
    monkeypatch.setattr(of_stress, "cells", lambda strengths: [changes.Cell("haze", 2)])
    evaluate_main([*command[:3], "2", *command[3:]])
    known = [(one.change, one.strength) for one in stress.read(fitted.folder)]
    darker = [("darker", strength) for strength in changes.STRENGTHS]
    assert known == [("none", 0), *darker, ("haze", 2), ("mirrored", 3)]
    monkeypatch.setattr(of_stress, "stress", lambda *_: pytest.fail("before the other was read"))
    with pytest.raises(UsageError, match="nowhere: is not there"):
        evaluate_main(["--run", str(fitted.folder), "nowhere", "--stress", "3", "--device", "cpu"])
    with pytest.raises(UsageError, match="--stress is of single runs"):
        evaluate_main(["--run", str(fitted.folder), "--stress", "--ensemble", "vote"])


def test_what_is_stressed_is_the_photograph_before_it_is_cropped(tiny_config, tmp_path):
    from pm_cls.data.photographs.stress import Cell, changed
    from pm_cls.evaluate.stress import stress as stressed

    alike = ["data.field_of_view=crop", "data.colour=even", "data.channel_order=bgr"]
    run = train(tiny_config(*ONCE, *alike), tmp_path, "cpu")
    plain = load_dataset(tiny_config().data).validation
    found = next(one for one in stressed(run, None, [3]) if one.change == "zoom out")
    images = changed(plain.images, Cell("zoom out", 3)).transpose(0, 2, 3, 1)
    logits = [[one.logit] for one in run.predict(images)]
    expected = scores(np.array(logits, np.float32), plain.labels, Binary())
    assert (found.correct, found.auc) == (expected.correct, expected.auc)


def test_lost_worth_is_noted(fitted, tmp_path, capsys):
    copy = shutil.copytree(fitted.folder, tmp_path / "copy")
    pm_cls.load_run(copy)
    assert capsys.readouterr().err == ""
    (copy / calibration.FILE).unlink()
    answer = pm_cls.load_run(copy).predict(np.zeros((40, 40, 3), np.uint8))[0]
    assert "answers by one half; calibration.json is not there" in capsys.readouterr().err
    assert answer.is_sure is None


def test_worth_of_another_epoch_is_not_told_as_lost(tiny_config, tmp_path, capsys):
    kept = ["train.hold_out=0.4", "train.epochs=2", "train.report_epochs=[1,2]"]
    run = train(tiny_config(*kept), tmp_path, "cpu")
    capsys.readouterr()
    assert pm_cls.load_run(run.folder, 1).calibration is None
    assert pm_cls.load_run(run.folder, 2).calibration is not None
    assert capsys.readouterr().err == ""


def test_damaged_worth_is_told(fitted, tmp_path):
    for name in (calibration.FILE, calibration.FAMILIAR):
        copy = shutil.copytree(fitted.folder, tmp_path / name)
        (copy / name).write_bytes(b"{")
        with pytest.raises(UsageError, match=r"is damaged .*train the run anew"):
            pm_cls.load_run(copy).predict(np.zeros((40, 40, 3), np.uint8))
