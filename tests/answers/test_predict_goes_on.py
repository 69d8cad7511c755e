"""`predict` goes on where it was killed, shows its answers on a page, and holds few at a time."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pm_cls.answers import page
from pm_cls.models import classifier
from pm_cls.predict import main
from pm_cls.runtime import journal
from pm_cls.runtime.errors import DataError, RunError, UsageError

BLOCK = 10


class Killed(BaseException):
    """As SIGKILL is to the command: nothing of it is gone through in words."""


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A folder of 35 photographs, in blocks of 10."""
    monkeypatch.setattr(classifier, "BLOCK", BLOCK)
    folder = tmp_path / "many"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(35):
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((40, 40)).save(folder / f"{i:02d}.jpg")
    return folder


@pytest.fixture
def command(trained, many, tmp_path):
    def call(*words, run=trained):
        main(["--run", str(run), "--device", "cpu", str(many), *map(str, words)])

    return call


def stopped_after(monkeypatch, count, error):
    """Have the command end as its journal is given more than so many answers."""
    add = journal.Journal.add

    def add_or_end(self, block):
        if self.done + len(block) > count:
            self._file.write(b'[{"name": "half a li')
            raise error
        add(self, block)

    monkeypatch.setattr(journal.Journal, "add", add_or_end)


def answered(monkeypatch):
    """How many photographs are answered from now on."""
    counts, shown = [], classifier.Run.shown

    def count(self, names, images):
        counts.append(len(names))
        return shown(self, names, images)

    monkeypatch.setattr(classifier.Run, "shown", count)
    return counts


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt(), RunError("full")])
def test_it_goes_on_to_the_same_bytes(command, tmp_path, monkeypatch, error, capsys):
    words = ["--page", "--explain"] if isinstance(error, Killed) else []
    made = {}
    for name in ("whole", "killed"):
        out, shown = tmp_path / f"{name}.csv", tmp_path / f"{name}.html"
        options = ["--out", out, *([words[0], shown, words[1]] if words else [])]
        if name == "killed":
            with monkeypatch.context() as patch:
                stopped_after(patch, 2 * BLOCK, error)
                with pytest.raises(type(error)):
                    command(*options)
            assert not out.exists() and (tmp_path / "killed.csv.answers").is_file()
            counts = answered(monkeypatch)
        command(*options)
        made[name] = [path.read_bytes() for path in (out, shown) if path.exists()]
    assert counts == [10, 5] and made["whole"] == made["killed"]
    assert "goes on after 20 of 35" in capsys.readouterr().err
    left = {path.name for path in tmp_path.iterdir()}
    assert not any("answers" in name or "part" in name for name in left), left


@pytest.mark.parametrize("change", ["epoch", "file", "weights", "way"])
def test_answers_of_others_are_not_taken(
    command, trained, many, tmp_path, monkeypatch, capsys, change
):
    run = shutil.copytree(trained, tmp_path / "run")
    with monkeypatch.context() as patch:
        stopped_after(patch, BLOCK, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            command("--out", tmp_path / "a.csv", run=run)
    words = ["--epoch", 1] if change == "epoch" else []
    if change == "file":
        Image.new("RGB", (20, 20)).save(many / "34.jpg")
    if change == "weights":
        shutil.copy(run / "weights_epoch1.safetensors", run / "weights_epoch2.safetensors")
    if change == "way":
        words = ["--page", tmp_path / "a.html"]
    counts = answered(monkeypatch)
    command("--out", tmp_path / "a.csv", *words, run=run)
    assert sum(counts) == 35 and "begun anew" in capsys.readouterr().err


def test_two_at_once_are_told(command, tmp_path):
    with (
        journal.opened(tmp_path / "a.csv", "digest", []),
        pytest.raises(UsageError, match="another process is at work"),
    ):
        command("--out", tmp_path / "a.csv")


def test_bad_photographs_leave_nothing(command, many, tmp_path):
    (many / "20.jpg").write_text("text")
    (many / "03.jpg").write_text("text")
    with pytest.raises(DataError, match=r"(?s)2 bad photographs:.*03\.jpg.*20\.jpg"):
        command("--out", tmp_path / "a.csv", "--page", tmp_path / "a.html")
    assert [path.name for path in tmp_path.iterdir()] == ["many"]


def test_folders_of_what_is_written_are_made(command, tmp_path):
    csv, html = tmp_path / "new" / "a.csv", tmp_path / "other" / "b" / "a.html"
    command("--out", csv, "--page", html)
    assert csv.is_file() and html.is_file()


def test_options_that_do_not_go_are_told(command, many, tmp_path):
    for words, said in (
        (["--explain"], "go with --page"),
        (["--page", tmp_path], "is a folder"),
        (["--page", tmp_path / "a.jpg"], "does not end in .html or .htm; name another"),
        (["--page", many / "00.jpg" / "a.html"], "cannot be written"),
    ):
        with pytest.raises(UsageError, match=said):
            command(*words)


def test_one_way_of_heat_maps_is_asked_for(command, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command("--explain", "--occlusion", "--page", tmp_path / "a.html")
    assert "--occlusion: not allowed with argument --explain" in capsys.readouterr().err


def rows_of(text):
    return json.loads(text.split('id="answers">')[1].split("</script>")[0])


@pytest.mark.parametrize("way", ["--explain", "--occlusion"])
def test_a_page_has_pictures_of_the_first(command, many, tmp_path, monkeypatch, way, capsys):
    monkeypatch.setattr(page, "MOST_PICTURES", 3)
    name = "</script><img src=x onerror=alert(1)>.jpg".replace("/", "")
    (many / "00.jpg").rename(many / name)
    command("--page", tmp_path / "a.html", way)
    assert capsys.readouterr().out == f"written: {tmp_path / 'a.html'}\n"
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    rows = rows_of(text)
    assert [("image" in one) for one in rows] == [True] * 3 + [False] * 32
    assert any(one["name"].endswith(name) for one in rows) and "<img src=x" not in text
    assert all(one["image"].startswith("data:image/jpeg;base64,") for one in rows[:3])
    assert any(one["heat"] for one in rows[:3])
    assert "no medical device" in text and "不是医疗器械" in text and "SYNTHETIC" in text
    assert "http://" not in text and "https://" not in text


def test_a_page_in_a_browser(command, many, tmp_path, browser):
    (many / "00.jpg").rename(many / "b眼底.jpg")
    command("--page", tmp_path / "a.html", "--lang", "zh")
    browser.get((tmp_path / "a.html").as_uri())
    rows = rows_of((tmp_path / "a.html").read_text(encoding="utf-8"))

    def names():
        found = browser.find_elements("css selector", ".card .name")
        return [one.text.rsplit("/")[-1] for one in found]

    assert "照片分类结果" in browser.find_element("tag name", "body").text
    browser.find_element("id", "language").click()
    assert browser.find_element("tag name", "h1").text == (
        "Answers to photographs, by a network trained on SYNTHETIC ones"
    )
    browser.find_element("css selector", "[data-sort=highest]").click()
    best = sorted(rows, key=lambda one: -one["probability"])
    assert names() == [one["name"].rsplit("/")[-1] for one in best] and len(best) == 35
    browser.find_element("css selector", "[data-kind=label1]").click()
    assert names() == [one["name"].rsplit("/")[-1] for one in best if one["label"] == 1]
    browser.find_element("css selector", "[data-kind=all]").click()
    browser.find_element("id", "name").send_keys("眼底")
    assert names() == ["b眼底.jpg"]
    assert browser.get_log("browser") == []
