"""The page on which networks answer: over HTTP, and in a browser."""

import http.client
import io
import json
import shutil
import threading

import numpy as np
import pytest
import yaml
from PIL import Image

from pm_cls.demo import server as served
from pm_cls.demo.__main__ import main
from pm_cls.demo.answering import Answering, example
from pm_cls.demo.server import Server
from pm_cls.predict import predict
from pm_cls.records import calibration
from pm_cls.records.folder import read_config
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.calibration import Calibration

pytestmark = pytest.mark.once  # says nothing of versions: the network is tested elsewhere


@pytest.fixture(scope="module")
def runs_dir(trained, tmp_path_factory):
    """A run, one that knows what its answers are worth, one without weights, one elsewhere."""
    folder = tmp_path_factory.mktemp("demo") / "runs"
    for name in ("a", "b", "c", "d"):
        shutil.copytree(trained, folder / name / "seed0")
    for file in (folder / "c" / "seed0").glob("weights*"):
        file.unlink()
    calibration.write(folder / "b" / "seed0", Calibration(2.0, 0.1, 1.0, 40), None, "held out")
    config = folder / "d" / "seed0" / "config.yaml"
    lines = [
        "  root: /absent" if line.startswith("  root:") else line
        for line in config.read_text().splitlines()
    ]
    config.write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def running(runs_dir):
    with Server(0, Answering(runs_dir, device="cpu")) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
    thread.join()


@pytest.fixture
def post(running):
    def send(path, content, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=60)
        connection.request("POST", path, content, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())

    return send


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_the_answer_is_that_of_predict(post, runs_dir, tmp_path):
    (tmp_path / "a.jpg").write_bytes(example(0))
    for number, name in enumerate("ab"):
        status, found = post(f"/answer?run={number}", example(0))
        (one,) = predict(runs_dir / name / "seed0", tmp_path / "a.jpg", device="cpu")
        assert status == 200
        assert (found["label"], found["is_sure"]) == (one.label, one.is_sure)
        assert found["probability"] == pytest.approx(one.probability, abs=1e-6)
        assert found["image"].startswith("data:image/jpeg;base64,")
    assert found["threshold"] == 0.1 and found["is_sure"] is False


def test_simple_baselines_answer_or_say_why_not(post):
    status, found = post("/simple?run=0", example(0))
    assert status == 200 and found["numbers"] == 48 and 0 < found["probability"] < 1
    status, found = post("/simple?run=3", example(0))
    said = "not available: /absent: is no folder; `pm-cls demo --data DIR` names another folder"
    assert status == 409 and found["error"]["en"] == said


def test_simple_baselines_see_the_colours_that_they_were_fitted_on(trained, tmp_path):
    found = []
    for order in ("rgb", "bgr"):
        folder = tmp_path / order / "seed0"
        shutil.copytree(trained, folder)
        config = read_config(folder)
        of_order = config.data.model_copy(update={"channel_order": order})
        (folder / "config.yaml").write_text(
            yaml.safe_dump(config.model_copy(update={"data": of_order}).model_dump(mode="json"))
        )
        answering = Answering(tmp_path / order, device="cpu")
        found.append(answering.simple(0, example(0))["probability"])
        answering.close()
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_port_80_stands_in_no_address(runs_dir, monkeypatch):
    answering = Answering(runs_dir, device="cpu")
    with Server(0, answering) as server:
        assert "localhost" not in server.names
        monkeypatch.setattr(served, "HTTP_PORT", server.server_port)
        server.server_close()
        with Server(server.server_port, answering) as again:
            assert {"localhost", "127.0.0.1", f"127.0.0.1:{again.server_port}"} <= again.names


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<script>alert(1)</script>", "no picture"),
        (saved(NOISE, "JPEG")[:900], "damaged"),
        (saved(Image.new("1", (9000, 9000)), "PNG"), "50 million"),
        (saved(NOISE, "GIF", save_all=True, append_images=[NOISE.rotate(90)]), "several"),
    ],
)
def test_what_is_no_photograph_gets_words(post, content, words):
    status, found = post("/answer?run=0", content)
    assert status == 422 and words in found["error"]["en"]
    assert any("一" <= letter <= "鿿" for letter in found["error"]["zh"])


def test_too_large_too_many_and_others_are_refused(post, running, monkeypatch):
    monkeypatch.setattr(served, "MOST_BYTES", 1000)
    assert post("/answer?run=0", bytes(5000))[0] == 413
    for path in ("/answer?run=9", "/answer?run=-1", "/answer", "/../../etc/passwd"):
        assert post(path, b"x" * 900)[0] == 404
    here = f"127.0.0.1:{running.server_port}"
    assert post("http://[no-address/", b"x", Host=here)[0] == 404
    assert post("/answer?run=0", b"x", Origin="http://elsewhere.example")[0] == 403
    assert post("/answer?run=0", b"x", Host="elsewhere.example")[0] == 403
    status, found = post("/answer?run=2", b"x")
    assert status == 409 and "weights are not there" in found["error"]["en"]
    for _ in range(served.MOST_AT_ONCE):
        running.places.acquire()
    assert post("/answer?run=0", b"x")[0] == 503
    for _ in range(served.MOST_AT_ONCE):
        running.places.release()


def test_an_error_of_the_program_is_told_and_the_next_one_answered(
    post, running, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        patch.setattr(running.answering, "answer", lambda number, content: 1 / 0)
        assert post("/answer?run=0", b"x")[0] == 500
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert post("/answer?run=0", example(1))[0] == 200


def test_a_port_in_use_and_a_folder_without_runs_get_words(running, runs_dir, tmp_path):
    port = running.server_port
    with pytest.raises(UsageError, match=f"--port {port}: is in use"):
        main(["--runs-dir", str(runs_dir), "--port", str(port), "--device", "cpu"])
    with pytest.raises(UsageError, match="cannot be had"):
        main(["--runs-dir", str(runs_dir), "--port", "70000", "--device", "cpu"])
    with pytest.raises(UsageError, match="holds no finished run"):
        Answering(tmp_path)
    with pytest.raises(UsageError, match=r"no run can answer; c/seed0: its weights are not there"):
        Answering(runs_dir / "c")


def spoken(browser, language):
    agent = browser.execute_script("return navigator.userAgent")
    asked = {"userAgent": agent, "acceptLanguage": language}
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", asked)


def test_in_a_browser(running, browser, photographs, tmp_path):
    from selenium.webdriver.support.ui import Select, WebDriverWait

    def wait(found):
        return WebDriverWait(browser, 60, 0.1).until(lambda _: found())

    def text():
        return browser.find_element("tag name", "body").text

    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    spoken(browser, "en-GB")
    browser.get(running.address)
    assert "no medical device" in text() and "医疗" not in text()
    choice = Select(browser.find_element("id", "run"))
    assert [one.is_enabled() for one in choice.options] == [True, True, False, True]
    choice.select_by_value("1")
    bad = tmp_path / "a very long name of a file that is no photograph at all.jpg"
    bad.write_text("<b>none</b>")
    good = next((photographs / "PALM-Validation400").iterdir())
    browser.find_element("id", "files").send_keys(f"{good}\n{bad}")
    wait(lambda: len(browser.find_elements("css selector", ".card .scale, .card.bad")) == 2)
    wait(lambda: "48 numbers" in text())
    assert "threshold 10.0%" in text() and "not sure" in text()
    assert "no picture; JPEG" in text() and bad.name in text()
    assert len(browser.find_elements("css selector", ".card img")) >= 1
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    browser.find_element("css selector", "#examples button").click()
    wait(lambda: len(browser.find_elements("css selector", ".card .scale")) == 2)
    errors = [line for line in browser.get_log("browser") if "422" not in line["message"]]
    assert errors == []
    spoken(browser, "zh-CN")
    browser.get(running.address)
    assert "不是医疗器械" in text() and "medical" not in text()
    assert Select(browser.find_element("id", "run")).options[2].text.endswith("缺少权重文件")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
