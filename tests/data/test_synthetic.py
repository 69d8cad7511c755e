"""The synthetic set: the thesis' pattern comes out of it by training, not by colour."""

import csv
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pm_cls.config import DataConfig, load_config
from pm_cls.data import load_dataset
from pm_cls.data.photographs import synthetic
from pm_cls.data.photographs.synthetic import TRAINING_MIX, _class_counts, synthesize
from pm_cls.records import predictions
from pm_cls.runtime.errors import UsageError
from pm_cls.train import train
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # the same with every version of the libraries

SIZE = 80  # the quick look's
EPOCHS = 5  # after which the thesis has both already


@pytest.fixture(scope="module")
def full_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full") / "synthetic"
    synthesize(folder, seed=0, train=200, validation=100, size=SIZE)
    return folder


@pytest.fixture(scope="module")
def colour_baseline(full_set):
    """Validation accuracy of logistic regression on the mean colour of the photographs."""
    dataset = load_dataset(DataConfig(root=str(full_set), image_size=SIZE))
    colours = [split.images.mean(axis=(2, 3)) for split in (dataset.train, dataset.validation)]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(colours[0], dataset.train.labels)
    return model.score(colours[1], dataset.validation.labels)


def trained_logits(config, full_set, tmp_path):
    settings = [f"data.root={full_set}", f"data.image_size={SIZE}", f"train.epochs={EPOCHS}"]
    settings.append(f"train.report_epochs=[{EPOCHS}]")
    file = REPOSITORY / "configs" / f"{config}.yaml"
    folder = train(load_config(file, settings), tmp_path, "cpu").folder
    found = predictions.read(predictions.file(folder, EPOCHS))
    return found.labels, found.logits[:, 0]


def test_mean_colour_tells_little(colour_baseline):
    assert colour_baseline < 0.65


def test_relu_learns_well_beyond_the_colour(full_set, colour_baseline, tmp_path):
    labels, logits = trained_logits("lenet7_relu", full_set, tmp_path)
    assert ((logits >= 0) == labels).mean() >= colour_baseline + 0.10


def test_sigmoid_gives_one_answer(full_set, tmp_path):
    _, logits = trained_logits("lenet7_sigmoid", full_set, tmp_path)
    assert len(set(logits >= 0)) == 1


def test_classes_are_mixed_as_in_the_official_set(full_set):
    assert _class_counts(400, TRAINING_MIX) == {"P": 213, "N": 161, "H": 26}
    counts = {letter: len(list(full_set.glob(f"*/{letter}*.jpg"))) for letter in "PNHV"}
    assert counts == _class_counts(200, TRAINING_MIX) | {"V": 100}
    with (full_set / "labels.csv").open() as file:
        labels = np.array([int(row["Label"]) for row in csv.DictReader(file)])
    assert labels.sum() == 53  # of 400 there, 211
    assert 0 < labels[:53].sum() < 53  # shuffled


def test_photographs_do_not_depend_on_their_number(tmp_path):
    synthesize(tmp_path / "few", seed=3, train=8, validation=4, size=48)
    synthesize(tmp_path / "more", seed=3, train=16, validation=8, size=48)
    synthesize(tmp_path / "other", seed=4, train=8, validation=4, size=48)
    name = "PALM-Training400/P0001.jpg"
    few, more, other = ((tmp_path / d / name).read_bytes() for d in ("few", "more", "other"))
    assert few == more != other


@pytest.mark.parametrize("settings", [{"train": 2}, {"validation": 1}, {"size": 31}])
def test_too_little_is_refused(tmp_path, settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        synthesize(tmp_path / "set", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_complete_set_is_kept_and_anything_else_is_not_touched(tmp_path):
    settings = {"seed": 0, "train": 4, "validation": 3, "size": 48}
    synthesize(tmp_path / "set", **settings)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    synthesize(tmp_path / "set", **settings)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    with pytest.raises(UsageError, match="is not the synthetic set"):
        synthesize(tmp_path / "set", **{**settings, "seed": 1})


def test_two_commands_that_want_one_set_draw_it_once(tmp_path, monkeypatch):
    """The second one comes while the first is at it, and finds it there."""
    drawn, real = [], synthetic._write

    def write(out, *rest):
        drawn.append(out)
        real(out, *rest)

    monkeypatch.setattr(synthetic, "_write", write)
    make = partial(synthesize, tmp_path / "set", train=4, validation=2, size=32)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: make(), range(2)))
    assert drawn == [tmp_path / "set"] and [one.name for one in tmp_path.iterdir()] == ["set"]
