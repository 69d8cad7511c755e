"""The report as a reader meets it: in a browser, in both languages, without the photographs."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pm_cls.presentation.text import percent_interval
from pm_cls.records import baselines
from pm_cls.report import page, photographs, report
from pm_cls.report.__main__ import main
from pm_cls.runtime.errors import DataError
from pm_cls.scores import metrics
from tests.conftest import writer_of_runs

pytestmark = pytest.mark.once  # the same with every version of the libraries

LABELS = np.array([1] * 211 + [0] * 189)
LOGITS = np.where(LABELS == 1, 2.0, -2.0) + np.linspace(-3, 3, 400)


class Reader(HTMLParser):
    """Collects every address that a browser would fetch, and the scripts."""

    def __init__(self):
        super().__init__()
        self.addresses, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "xlink:href")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of three seeds of two networks, with a baseline, drawn in earnest."""
    place = tmp_path_factory.mktemp("made")
    fake_run = writer_of_runs(place / "runs")
    for seed in range(3):
        fake_run("lenet7_relu", LOGITS + 0.3 * seed, LABELS, seed=seed)
        runs_dir = fake_run("lenet7_sigmoid", np.full(400, 0.11), LABELS, seed=seed)
    scores = metrics.Scores(372, 400, 0.93, 0.24, 0.97)
    out = place / "out"
    line = baselines.Baseline("4x4 thumbnail", 48, "ichallenge_pm", "0", scores)
    baselines.write([line], out / baselines.FILE)
    report(runs_dir, out)
    return out


def test_both_languages_stand_alone(made):
    english = (made / "report.html").read_text(encoding="utf-8")
    chinese = (made / "report.zh.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in english and '<html lang="zh-Hans">' in chinese
    assert '<h2 id="claims">Verdicts on' in english and "条说法的判定" in chinese
    for text in (english, chinese):
        reader = Reader()
        reader.feed(text)
        assert "script" not in reader.tags and "svg" in reader.tags
        outside = [a for a in reader.addresses if not a.startswith(("#", "data:", "report."))]
        assert not outside
        assert "@import" not in text
        assert not re.search(r"\bnan\b", text, flags=re.IGNORECASE)
    prose = re.sub(r"<style>.*?</style>|<[^>]+>", " ", english, flags=re.DOTALL)
    assert re.findall("[\u4e00-\u9fff]+", prose) == ["中文"]


def test_verdicts_come_first_and_every_claim_is_there(made):
    text = (made / "report.html").read_text(encoding="utf-8")
    assert text.index('id="claims"') < text.index('id="table"') < text.index('id="provenance"')
    assert text.count('<li class="') == 28
    assert "no difference observed" not in text  # the two networks differ
    assert "5 of 5" not in text and "3 of 3 runs give all photographs one label" in text


def test_the_language_asked_for_is_report_html(fake_run, tmp_path):
    runs_dir = fake_run("alexnet", LOGITS, LABELS)
    for language, other in (("zh", "en"), ("en", "zh")):
        arguments = ["--runs-dir", str(runs_dir), "--out", str(tmp_path / "out")]
        main([*arguments, "--lang", language])
        found = sorted(path.name for path in (tmp_path / "out").glob("*.html"))
        assert found == sorted(["report.html", f"report.{other}.html"])
        first = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert f'<html lang="{language}' in first


@pytest.mark.parametrize("inner", ["", "train/ill/"])
def test_photographs_go_into_a_file_of_their_own(fake_run, tmp_path, inner):
    official, names = tmp_path / "photographs", [f"{inner}P{i:02d}.jpg" for i in range(16)]
    (official / inner).mkdir(parents=True)
    for name in names:
        Image.new("RGB", (64, 64)).save(official / name)
    labels = np.array([1] * 8 + [0] * 8)
    logits = np.where(labels == 1, 2.0, -2.0)
    logits[[2, 9]] *= -1
    runs_dir = fake_run("alexnet", logits, labels)
    fake_run("lenet7_sigmoid", np.full(16, 0.1), labels)
    for file in runs_dir.glob("*/seed0/predictions*.csv"):
        text = file.read_text()
        for i, name in enumerate(names):
            text = text.replace(f"V{i:04d}.jpg,", f"{name}@,")
        file.write_text(text.replace("@", ""))
    out = tmp_path / "out"
    arguments = ["--runs-dir", str(runs_dir), "--out", str(out)]
    main([*arguments, "--photographs", str(official)])
    text = (out / photographs.FILE).read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 2 and names[2] in text and names[9] in text
    assert "wrong in 1 of 1" in text  # the constant answer does not count
    assert "data:image/jpeg" not in (out / "report.html").read_text(encoding="utf-8")
    other = tmp_path / "other"
    (other / inner).mkdir(parents=True)
    with pytest.raises(DataError, match="holds no"):
        main([*arguments, "--photographs", str(other)])
    Image.new("RGB", (4, 4)).save(other / names[2])
    (other / names[9]).write_text("no image")
    with pytest.raises(DataError, match="cannot be decoded"):
        main([*arguments, "--photographs", str(other)])


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("file", ["report.html", "report.zh.html"])
def test_a_browser_shows_it_without_complaint(made, browser, width, file):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((made / file).as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(drawn) >= 5 and all(100 < one <= width for one in drawn)
    colours = set()
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        script = "return getComputedStyle(document.body).backgroundColor"
        colours.add(browser.execute_script(script))
    assert len(colours) == 2


def test_what_stands_between_backticks_is_code_and_nothing_else_is_markup(tmp_path):
    (tmp_path / "said.html.j2").write_text("{{ it | code }}")
    told = page.fill("said.html.j2", "en", [tmp_path], it="a<b `x<y` `")
    assert told == "a&lt;b <code>x&lt;y</code> `"


def test_intervals_of_a_share_end_where_shares_do():
    assert percent_interval((-0.9, 1.2)).en == "0.00 to 100.00"
    assert percent_interval((-0.9, 0.25), sign="+").en == "-90.00 to +25.00"
    assert percent_interval(None).en == "–"
