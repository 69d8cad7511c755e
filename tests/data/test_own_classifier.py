"""The page "Five minutes to your own classifier" holds, command by command."""

import csv
import importlib
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from pm_cls.card import card
from pm_cls.demo.answering import Answering
from pm_cls.evaluate import evaluate
from pm_cls.records import folder as places
from pm_cls.records import stress
from pm_cls.report.runs import read_runs
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.train import train
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "docs" / f"your-own-classifier{ending}.md" for ending in ("", ".zh")]
CLASSES = ("zebra", "été", "猫 一")
TINY = ["data.image_size=32", "train.epochs=1", "train.report_epochs=[1]"]


def commands(page):
    return re.search(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)[1].splitlines()


def draw(root, classes=CLASSES, count=5):
    """Pictures that are mostly red, green or blue."""
    rng = np.random.default_rng(0)
    for channel, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 100, (40, 48, 3), np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(root / name / f"{number}.png")


def run(command):
    program, verb, *arguments = shlex.split(command)
    assert program == "pm-cls"
    if verb == "train":
        arguments += [word for setting in TINY for word in ("--set", setting)]
    package = verb in ("data", "train", "evaluate")
    importlib.import_module(f"pm_cls.{verb}" + ".__main__" * package).main(arguments)


@pytest.mark.once
def test_both_languages_have_the_same_commands():
    assert commands(PAGES[0]) == commands(PAGES[1])
    inline = [set(re.findall(r"`(?:pm-cls |--)[^`]*`", p.read_text("utf-8"))) for p in PAGES]
    assert inline[0] == inline[1]


def test_the_commands_train_and_predict(tmp_path, monkeypatch, capsys):
    draw(tmp_path / "pictures")
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    monkeypatch.chdir(tmp_path)
    lines = commands(PAGES[0])
    for command in lines[:3]:
        run(command)
    assert "bit for bit the stored predictions" in capsys.readouterr().out
    assert places.read_config(tmp_path / "runs/own/seed0").data.classes == CLASSES
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nzebra/0.png,zebra\nété/0.png,été\n", encoding="utf-8")
    run("pm-cls evaluate --run runs/own/seed0 --data pictures --labels labels.csv")
    labels.write_text("file,label\nzebra/0.png,1\n", encoding="utf-8")  # of another question
    with pytest.raises(DataError, match=r"label of zebra/0.png is '1' \(a label is one of zebra"):
        run("pm-cls evaluate --run runs/own/seed0 --data pictures --labels labels.csv")
    # Finished, a run needs its training pictures no more.
    (tmp_path / "pictures").rename(tmp_path / "others")
    run(lines[3].replace(" pictures ", " others "))
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15 and list(rows[0])[-2:] == ["prediction", "class"]
    assert all(row["class"] == CLASSES[int(row["prediction"])] for row in rows)
    page = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "猫 一" in page and "http" not in page


@pytest.mark.once
def test_three_classes_have_a_page_a_demo_and_a_stress_test(tmp_path, monkeypatch, browser):
    draw(tmp_path / "pictures", ("猫", "<b>dog", "bird"))
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    monkeypatch.chdir(tmp_path)
    run(commands(PAGES[0])[1])
    run("pm-cls predict --run runs/own/seed0 pictures --page answers.html --explain")
    browser.get((tmp_path / "answers.html").as_uri())
    said = [one.text for one in browser.find_elements("css selector", ".card .said")]
    assert len(said) == 15 and {*said} <= {"猫", "<b>dog", "bird"}
    cards = browser.find_elements("css selector", ".card")
    for card_of_it, name in zip(cards, said, strict=True):
        first = card_of_it.find_element("css selector", "p.soft").text.split("%")[0]
        assert first.startswith(f"{name} ") and float(first.removeprefix(f"{name} ")) > 33
        assert not card_of_it.find_elements("css selector", ".scale b")  # there is no threshold
    browser.find_element("css selector", "[data-kind=label1]").click()
    shown = browser.find_elements("css selector", ".card .said")
    assert len(shown) == said.count("bird")  # by their names the classes are <b>dog, bird, 猫
    assert not browser.find_elements("css selector", "[data-sort=open]")

    picture = (tmp_path / "pictures" / "bird" / "0.png").read_bytes()
    answering = Answering(tmp_path / "runs")
    found = answering.answer(0, picture)
    assert found["class_name"] in {"猫", "<b>dog", "bird"} and found["threshold"] is None
    assert found["heat"] is None or found["heat"].startswith("data:image/jpeg")
    with pytest.raises(DataError, match="for two classes, and this network tells more apart"):
        answering.simple(0, picture)
    answering.close()
    run("pm-cls evaluate --run runs/own/seed0 --stress 3")
    changes = stress.read(tmp_path / "runs/own/seed0")
    assert len(changes) > 20 and all(one.n == 3 and one.auc is not None for one in changes)
    assert "Under changes of camera and operator" in card("runs/own/seed0")


@pytest.mark.once
def test_two_classes_of_ones_own_are_never_called_myopia(tmp_path, monkeypatch, browser):
    draw(tmp_path / "pictures", ("猫", "<b>dog"))
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    monkeypatch.chdir(tmp_path)
    run(commands(PAGES[0])[1])
    run("pm-cls predict --run runs/own/seed0 pictures --page answers.html")
    browser.get((tmp_path / "answers.html").as_uri())
    cards = browser.find_elements("css selector", ".card")
    said = {one.text for one in browser.find_elements("css selector", ".card .said")}
    shown = "".join(one.get_attribute("textContent") for one in cards)  # in both languages
    assert said and said <= {"猫", "<b>dog"}
    assert "probability of 猫" in shown and "“猫”的概率" in shown
    assert "myopi" not in shown and "近视" not in shown
    words = card("runs/own/seed0")
    assert "one logit, of label 1 (猫)" in words and "myopi" not in words


def test_pictures_that_were_learned_are_no_test(tmp_path, tiny_config):
    """Of a folder that has grown, another validation part would be drawn."""
    pictures = tmp_path / "pictures"
    draw(pictures, ("cat", "dog"), 8)
    config = tiny_config("data.name=folder", f"data.root={pictures}")
    place = train(config, tmp_path / "runs", "cpu").folder
    other = tmp_path / "other" / "own" / "seed0"
    shutil.copytree(place, other)
    assert len(evaluate(place, device="cpu")) == len(config.train.report_epochs)
    shutil.copy(pictures / "cat" / "0.png", pictures / "dog" / "new.png")
    words = "was trained on other images than those now in .*; --data FOLDER --labels"
    with pytest.raises(UsageError, match=words):
        evaluate(place, device="cpu")
    with pytest.raises(UsageError, match=words):
        evaluate([place, other], ensemble="average", device="cpu")
    with pytest.raises(UsageError, match="is named twice"):
        evaluate([place, place], ensemble="average", device="cpu")


def test_names_that_are_no_utf8_all_the_way(tmp_path, tiny_config):
    pictures = tmp_path / "pictures"
    draw(pictures, ("cat", "dog"))
    for file in pictures.glob("*/*.png"):
        file.rename(file.with_name(os.fsdecode(b"\xff" + file.name.encode())))
    twice = pictures / "dog" / os.fsdecode(b"\xfe9.png")
    shutil.copy(pictures / "dog" / os.fsdecode(b"\xff0.png"), twice)
    config = tiny_config("data.name=folder", f"data.root={pictures}", "data.validation_share=0.5")
    place = train(config, tmp_path / "runs", "cpu").folder
    for found in evaluate(place, device="cpu"):
        assert found.notes[0] == "note: bit for bit the stored predictions"
        assert {name[:5] for name in found.predictions.names} == {"cat/\udcff", "dog/\udcff"}
    (run,), left_out = read_runs(tmp_path / "runs")
    assert not left_out and run.environment.data.repeated == [
        ["dog/\udcfe9.png", "dog/\udcff0.png"]
    ]
    assert b"cat/\xff" in (place / "predictions_epoch2.csv").read_bytes()
