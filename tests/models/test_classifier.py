"""A finished run that answers: photographs in every form that people have them."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pm_cls
from pm_cls.models import classifier
from pm_cls.models.classifier import Run
from pm_cls.records import predictions
from pm_cls.runtime.errors import DataError, UsageError


@pytest.fixture(scope="module")
def run(trained):
    return Run.read(trained)


@pytest.fixture(scope="module")
def files(photographs):
    return sorted((photographs / "PALM-Validation400").iterdir())


@pytest.fixture(scope="module")
def arrays(files):
    """The same photographs as RGB arrays, of which each has another size."""
    found = []
    for file in files:
        with Image.open(file) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found


@pytest.fixture(scope="module")
def logits(run):
    return predictions.read(predictions.file(run.folder, run.epoch)).logits[:, 0]


def logits_of(found):
    return [one.logit for one in found]


def test_paths_in_every_form_give_the_predictions_of_training(run, files, logits):
    close = pytest.approx(logits.tolist(), abs=1e-6)
    assert logits_of(run.predict(files)) == close
    assert logits_of(run.predict(list(map(str, files)))) == close
    assert logits_of(run.predict(files[0].parent)) == close
    assert logits_of(run.predict(str(files[0].parent))) == close
    assert logits_of(run.predict([files[0].parent, files[3]])) == [
        *logits_of(run.predict(files)), pytest.approx(float(logits[3]), abs=1e-6),
    ]  # fmt: skip
    (one,) = run.predict(files[2])
    assert one.name == str(files[2]) and one.logit == pytest.approx(float(logits[2]), abs=1e-6)
    assert one.probability == pytest.approx(1 / (1 + np.exp(-one.logit)))
    assert one.label == int(one.probability >= 0.5)


def test_a_photograph_is_the_same_by_its_path_and_as_an_array(run, files, arrays):
    expected = logits_of(run.predict(files))
    assert logits_of(run.predict(arrays)) == expected
    assert logits_of(run.predict(np.stack(arrays))) == expected
    assert logits_of(run.predict([np.stack(arrays[:3]), *arrays[3:]])) == expected
    (one,) = run.predict(arrays[5])
    assert one.name == "0" and one.logit == pytest.approx(expected[5], abs=1e-6)
    assert [one.name for one in run.predict(arrays[:3])] == ["0", "1", "2"]
    # Neither a view on other memory nor one that cannot be written to is another photograph.
    flipped = [np.ascontiguousarray(one[:, ::-1])[:, ::-1] for one in arrays]
    assert logits_of(run.predict(flipped)) == expected


def test_photographs_of_other_sizes_are_brought_to_that_of_the_run(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    by_path, by_array = run.predict(tmp_path / "photo.png"), run.predict(pixels)
    assert logits_of(by_path) == logits_of(by_array)
    small = np.zeros((5, 9, 3), np.uint8)
    assert len(run.predict([pixels, small])) == 2


def test_channels_are_in_the_order_of_the_run(tiny_config, tmp_path, files, arrays):
    from pm_cls.train import train

    bgr = train(tiny_config("data.channel_order=bgr"), tmp_path, "cpu")
    stored = predictions.read(predictions.file(bgr.folder, 2)).logits[:, 0].tolist()
    assert logits_of(bgr.predict(files)) == pytest.approx(stored, abs=1e-6)
    assert logits_of(bgr.predict(arrays)) == logits_of(bgr.predict(files))


GOOD = np.zeros((40, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (GOOD.astype(np.float32) + 200, "uint8, 0 to 255; float32 was given"),
        (GOOD.astype(np.float64) + 0.5, "uint8, 0 to 255; float64 was given"),
        (GOOD.astype(np.uint16), "uint8, 0 to 255; uint16 was given"),
        (GOOD.astype(bool), "uint8, 0 to 255; bool was given"),
        (GOOD.astype(np.int64), "uint8, 0 to 255; int64 was given"),
        (GOOD.transpose(2, 0, 1), r"\[height, width, 3\].*\[3, 40, 40\] was given"),
        (GOOD[..., 0], r"\[40, 40\] was given"),
        (np.zeros((40, 40, 4), np.uint8), r"\[40, 40, 4\] was given"),
        (np.zeros((40, 40, 1), np.uint8), r"\[40, 40, 1\] was given"),
        (np.zeros((0, 40, 3), np.uint8), r"\[0, 40, 3\] was given"),
        (np.zeros((0, 40, 40, 3), np.uint8), r"\[0, 40, 40, 3\] was given"),
        (np.zeros((1, 2, 40, 40, 3), np.uint8), r"\[1, 2, 40, 40, 3\] was given"),
        (np.zeros((), np.uint8), r"\[\] was given"),
    ],
    ids=lambda value: f"{value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else "",
)
def test_arrays_that_are_no_photographs_are_refused(run, array, words):
    for given in (array, [array], [GOOD, array]):
        with pytest.raises(UsageError, match=words):
            run.predict(given)


def test_what_is_neither_path_nor_array_is_refused(run, files):
    with pytest.raises(UsageError, match="paths or arrays, not both at once"):
        run.predict([GOOD, str(files[0])])
    with pytest.raises(DataError, match="an empty list: no photographs found"):
        run.predict([])


@pytest.mark.parametrize("block", [1, 7, 10, 25])
def test_photographs_go_through_in_blocks(run, files, arrays, monkeypatch, block):
    whole = logits_of(run.predict(files))
    monkeypatch.setattr(classifier, "BLOCK", block)
    held = []
    real = Run._empty
    monkeypatch.setattr(Run, "_empty", lambda self, n: held.append(n) or real(self, n))
    by_path, by_array = run.predict(files), run.predict(arrays)
    assert logits_of(by_path) == logits_of(by_array) == whole  # whole batches: to the bit
    assert [one.name for one in by_path] == list(map(str, files))
    assert [one.name for one in by_array] == [str(i) for i in range(len(arrays))]
    assert max(held) <= max(block, run.config.train.batch_size)


def test_answers_come_before_the_last_photograph_is_read(run, files, monkeypatch):
    monkeypatch.setattr(classifier, "BLOCK", 1)
    answers = run.stream([*files, "absent.jpg"])
    assert next(answers).name == str(files[0])
    with pytest.raises(DataError, match=r"1 bad photograph:\n.*absent\.jpg"):
        list(answers)


def test_all_bad_photographs_are_listed_whatever_block_they_are_in(run, files, monkeypatch):
    monkeypatch.setattr(classifier, "BLOCK", 1)
    with pytest.raises(DataError) as caught:
        run.predict(["first.jpg", *files, "last.jpg"])
    first, *each = str(caught.value).splitlines()
    assert first == "2 bad photographs:"
    assert "first.jpg" in each[0] and "last.jpg" in each[1] and len(each) == 2


def test_the_package_answers_in_three_lines(trained, files, logits):
    run = pm_cls.load_run(trained, epoch=1, device="cpu")
    assert (run.epoch, run.folder) == (1, trained)
    earlier = predictions.read(predictions.file(trained, 1)).logits[0, 0]
    assert run.predict(files)[0].logit == pytest.approx(float(earlier), abs=1e-6)
    found = pm_cls.predict(trained, files[0], device="cpu")
    assert found[0].logit == pytest.approx(float(logits[0]), abs=1e-6)
    with pytest.raises(UsageError, match=r"epoch 7: .* keeps 1, 2"):
        pm_cls.load_run(trained, epoch=7, device="cpu")


def test_verbs_are_called_however_they_were_imported():
    code = (
        "import pm_cls, pm_cls.train.__main__, pm_cls.predict, pm_cls.evaluate\n"
        "from pm_cls import train, predict, evaluate\n"
        "assert callable(train) and callable(pm_cls.predict) and callable(evaluate)\n"
        "from pm_cls.train import train as function; assert train.__wrapped__ is function\n"
        "from pm_cls.predict import main"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_logits_of_a_run_are_those_of_its_images(run, tiny_config, logits):
    from pm_cls.data import load_dataset

    found = run.logits(load_dataset(tiny_config().data).validation.images)
    assert found.dtype == np.float32 and found[:, 0].tobytes() == logits.tobytes()


def test_a_config_builds_the_network_that_training_begins_with(tiny_config):
    first, second = (pm_cls.build_model(tiny_config(), "cpu") for _ in range(2))
    other = pm_cls.build_model(tiny_config("seed=1"), "cpu")
    weights = [model.state_dict()["features.0.weight"].numpy() for model in (first, second, other)]
    assert (weights[0] == weights[1]).all() and (weights[0] != weights[2]).any()
