"""A run as a file for other programs: checked before it is kept, and used without the package."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from pm_cls import load_config, train
from pm_cls.export import main
from pm_cls.models import exporting, onnx_file
from pm_cls.models.classifier import Run
from pm_cls.runtime.errors import RunError, UsageError
from tests.conftest import REPOSITORY
from tests.data.test_own_classifier import draw

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    for name in ("onnx", "onnxruntime", "paddle2onnx"):
        pytest.importorskip(name)
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    found = exporting.export(Run.read(trained), file)
    assert found.difference <= exporting.ALLOWED and "validation images" in found.compared
    assert list(file.parent.iterdir()) == [file]
    return file


def test_the_file_says_what_it_is(model):
    import onnxruntime

    session = onnxruntime.InferenceSession(model)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["experiment"] == "lenet7_relu" and facts["image_size"] == "32"
    assert facts["label_1"] == "pathological myopia" and "no medical device" in facts["note"]
    assert [one.name for one in session.get_outputs()] == list(onnx_file.OUTPUTS)


def test_the_example_answers_as_predict_does(model, trained, photographs):
    files = sorted((photographs / "PALM-Validation400").rglob("*.jpg"))[:5]
    example = REPOSITORY / "examples" / "onnx" / "classify.py"
    done = subprocess.run(
        [sys.executable, example, model, *files], capture_output=True, text=True, check=True
    )
    rows = [line.rsplit(",", 3) for line in done.stdout.splitlines()[1:]]
    own = Run.read(trained).predict(files)
    assert [int(row[3]) for row in rows] == [one.label for one in own]
    np.testing.assert_allclose([float(row[1]) for row in rows], [o.logit for o in own], atol=1e-4)


def test_the_example_names_the_class_and_gives_what_is_of_it(model, tmp_path):
    draw(tmp_path / "all")
    config = load_config(
        REPOSITORY / "configs" / "own" / "folder.yaml",
        [
            f"data.root={tmp_path / 'all'}", "data.image_size=32", "model={name: dense}",
            "train.epochs=1", "train.report_epochs=[1]",
        ],
    )  # fmt: skip
    run = train(config, runs_dir=tmp_path / "runs", device="cpu")
    file = tmp_path / "own.onnx"
    exporting.export(run, file)
    files = sorted((tmp_path / "all").rglob("*.*"))[::4]
    example = REPOSITORY / "examples" / "onnx" / "classify.py"
    done = subprocess.run(
        [sys.executable, example, file, *files], capture_output=True, text=True, check=True
    )
    rows = [line.rsplit(",", 3)[1:] for line in done.stdout.splitlines()[1:]]
    own = run.predict(files)
    assert [row[2] for row in rows] == [one.class_name for one in own]
    found = np.array([[float(value) for value in row[:2]] for row in rows])
    expected = np.array([[one.logit[one.label], one.probability] for one in own])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("place", "word"),
    [(0, "logits differ by 1"), (1, "probabilities differ by 1"), (2, "16 of 16 labels differ")],
)
def test_one_that_answers_otherwise_is_refused(place, word, trained, tmp_path, monkeypatch):
    honest = exporting._paddle_answers

    def changed(folder):
        def answers(images):
            found = honest(folder)(images)
            found[place] = 1 - found[place] if place == 2 else found[place] + 1
            return found

        return answers

    monkeypatch.setattr(exporting, "_paddle_answers", changed)
    with pytest.raises(RunError, match=rf"does not answer as .*: {word}; 0.0001 is allowed"):
        exporting.export(Run.read(trained), tmp_path / "model", "paddle")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_paddle_inference(trained, tmp_path, capsys):
    out = tmp_path / "model"
    main(["--run", str(trained), "--out", str(out), "--format", "paddle"])
    assert "largest difference of logits on 16 validation images" in capsys.readouterr().out
    assert json.loads((out / "about.json").read_text())["epoch"] == "2"
    with pytest.raises(UsageError, match="is there already"):
        exporting.export(Run.read(trained), out, "paddle")


def test_in_8_bits_it_tells_what_that_costs(model, trained, tmp_path, capsys):
    out = tmp_path / "small.onnx"
    main(["--run", str(trained), "--out", str(out), "--int8"])
    assert "in 8 bits" in capsys.readouterr().out
    assert out.stat().st_size < model.stat().st_size


def test_other_names_are_refused(trained, tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        exporting.export(Run.read(trained), tmp_path / "model.bin")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file cannot be written \(it is a file; a folder is"):
        exporting.export(Run.read(trained), tmp_path / "file" / "model.onnx")


def test_the_page_answers_as_predict_does(model, trained, photographs):
    webdriver = pytest.importorskip("selenium.webdriver")
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    folder = REPOSITORY / "examples" / "onnx"
    if not all(programs):
        pytest.skip("chromium and chromedriver are not installed")
    if not (folder / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip(f"onnxruntime-web is not there: run npm install in {folder}")
    files = sorted((photographs / "PALM-Validation400").rglob("*.jpg"))[:3]
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for word in ("headless=new", "no-sandbox", "disable-gpu"):
        options.add_argument(f"--{word}")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=programs[1])
    )
    try:
        driver.get(f"http://127.0.0.1:{server.server_port}/index.html")
        driver.find_element("id", "model").send_keys(str(model))
        driver.find_element("id", "photographs").send_keys("\n".join(map(str, files)))
        said = driver.find_element("id", "said")
        wait(driver, 60).until(lambda _: said.text.startswith(("done", "failed")))
        assert said.text == "done"
        rows = [line.split() for line in driver.find_element("id", "found").text.splitlines()]
    finally:
        driver.quit()
        server.shutdown()
        server.server_close()
    own = Run.read(trained).predict(files)
    assert [int(row[-1]) for row in rows] == [one.label for one in own]
