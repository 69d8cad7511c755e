"""The images of other data sets that runs get wrong, on the page for whoever holds the files."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.records import environment, predictions
from pm_cls.report import photographs
from pm_cls.report.__main__ import main
from pm_cls.runtime.errors import DataError, UsageError

pytestmark = pytest.mark.once  # the same with every version of the libraries


@pytest.fixture
def runs(digits, fake_run):
    """Two runs on the digits: both get number 3 wrong, one of them number 7 too."""
    dataset = load_dataset(DataConfig(name="mnist", root=str(digits), image_size=28))
    labels = dataset.validation.labels
    for seed, wrong in enumerate([[3], [3, 7]]):
        logits = 9.0 * np.eye(10)[labels]
        logits[wrong] = np.roll(logits[wrong], 1, axis=1)
        runs_dir = fake_run("mnist_lenet", logits, labels, seed=seed, epochs=(5,))
        place = runs_dir / "mnist_lenet" / f"seed{seed}"
        file = predictions.file(place, 5)
        found = predictions.read(file)
        predictions.write(file, replace(found, names=dataset.validation.names))
        data = environment.Data(name="mnist", digest=dataset.digest, counts={})
        environment.write(place, environment.Environment(data=data))
    return runs_dir, dataset.validation


def test_they_are_shown_with_what_was_answered(runs, digits, tmp_path):
    runs_dir, split = runs
    out = tmp_path / "out"
    main(["--runs-dir", str(runs_dir), "--out", str(out), "--root", f"mnist={digits}"])
    text = (out / photographs.FILE).read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    label = {n: int(split.labels[n]) for n in (3, 7)}
    assert captions == [
        f"3: {label[3]}, answered {(label[3] + 1) % 10} (2/2)",
        f"7: {label[7]}, answered {(label[7] + 1) % 10} (1/2)",
    ]
    assert "at least one of 2 runs gets wrong at its last epoch: 2." in text
    shown = [base64.b64decode(one) for one in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    for number, content in zip((3, 7), shown, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(content)))
        np.testing.assert_array_equal(pixels, split.images[number, 0])
    assert "data:image/png" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("mnist={other}", DataError, "not the images that mnist_lenet seed 0 was scored on"),
        ("mnist={tmp}/nowhere", DataError, "the files of mnist are not all there"),
        ("cifar10={digits}", DataError, "no run tells several classes of cifar10 apart"),
        ("ichallenge_pm={digits}", DataError, "no run tells several classes of ichallenge_pm"),
        ("digits={digits}", UsageError, "NAME=DIR is needed, NAME of ichallenge_pm, mnist"),
        ("mnist", UsageError, "NAME=DIR is needed"),
    ],
)
def test_others_are_refused(runs, digits, tmp_path, given, error, words):
    other = tmp_path / "other"
    other.mkdir()
    for file in digits.glob("*ubyte*"):
        content = bytearray(file.read_bytes())
        if "labels" in file.name:
            content[-1] = (content[-1] + 1) % 10
        (other / file.name).write_bytes(content)
    given = given.format(digits=digits, other=other, tmp=tmp_path)
    out = tmp_path / "out"
    with pytest.raises(error, match=words):
        main(["--runs-dir", str(runs[0]), "--out", str(out), "--root", given])
    assert not out.exists()
