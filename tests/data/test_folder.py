"""Photographs and classes of one's own: layouts, tables, drawn splits, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pm_cls.config import DataConfig
from pm_cls.data import __main__ as data_verb
from pm_cls.data import load_dataset, spec_of
from pm_cls.data.photographs.check import check
from pm_cls.data.photographs.classes import Found, find
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.scores.target import Binary, Classes
from tests.data.test_own_classifier import CLASSES, draw


@pytest.fixture
def pictures(tmp_path):
    draw(tmp_path / "pictures")
    return tmp_path / "pictures"


def config(root, **keys):
    return DataConfig(name="folder", root=str(root), image_size=8, **keys)


def test_a_share_of_each_class_is_drawn_by_the_seed(pictures):
    data = load_dataset(config(pictures))
    assert data.spec.target == Classes(3) and data.spec.classes == CLASSES
    assert data.counts["training"] == dict.fromkeys(CLASSES, 4)
    assert data.counts["validation"] == dict.fromkeys(CLASSES, 1)
    again, other = (load_dataset(config(pictures, split_seed=seed)) for seed in (0, 1))
    assert again.validation.names == data.validation.names != other.validation.names
    brightest = data.validation.images.mean(axis=(2, 3)).argmax(axis=1)
    assert (brightest == data.validation.labels).all()


def test_equal_files_are_drawn_to_one_side(pictures):
    for number in range(3):
        shutil.copy(pictures / "zebra" / "0.png", pictures / "zebra" / f"again{number}.png")
    for seed in range(4):
        names = load_dataset(config(pictures, split_seed=seed)).validation.names
        same = [name in names for name in ("zebra/0.png", *(f"zebra/again{i}.png" for i in "012"))]
        assert len(set(same)) == 1


def test_two_classes_are_one_question(tmp_path):
    draw(tmp_path, ("10", "9"))
    spec = spec_of(config(tmp_path))
    assert spec.target == Binary() and spec.classes == ("9", "10")
    assert spec_of(config("absent", classes=["a", "b"])).classes == ("a", "b")
    with pytest.raises(UsageError, match=r"data\.classes"):
        spec_of(DataConfig(classes=["a", "b"]))


def test_no_patient_stands_on_both_sides(pictures):
    rows = [f"pictures/{c}/{i}.png,{c},{c}{i // 2}" for c in CLASSES for i in range(5)]
    table = pictures.parent / "table.csv"
    table.write_text("\n".join(["file,label,patient", *rows]), encoding="utf-8")
    data = load_dataset(config(table))
    patients = dict(zip(find(table).files.names, find(table).patients, strict=True))
    sides = [{patients[n] for n in split.names} for split in (data.train, data.validation)]
    assert not sides[0] & sides[1] and sum(map(len, sides)) == 9
    assert set(data.validation.labels) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,sort\nzebra/0.png,a", "columns file and label are needed; found"),
        ("file,label\nzebra/0.png,a\nzebra/9.png,b", "row 3: zebra/9.png is not in"),
        ("file,label\nzebra/0.png,a\nzebra/1.png,", "row 3: label of zebra/1.png is empty"),
        ("file,label\nzebra/0.png,a\nzebra/0.png,b", "row 3: zebra/0.png stands twice"),
        ("file,label\nzebra/0.png,a", "one class, a; two or more"),
        ("file,label,split\nzebra/0.png,a,test", "is 'test'; train or validation is needed"),
        ("file,label,patient\nzebra/0.png,a,", "patient of zebra/0.png is empty"),
        ("file,label,class\nzebra/0.png,a,b", "columns label and class both tell the label"),
        (
            "file,label,split\nzebra/0.png,a,train\nzebra/1.png,b,train\nzebra/2.png,c,val",
            "a, b in training but not in validation",
        ),
        (
            "file,label,split,patient\n"
            "zebra/0.png,a,train,1\nzebra/1.png,b,train,2\nzebra/2.png,a,val,1\nzebra/3.png,b,val,3",
            "patients in training and in validation: 1",
        ),
        (
            "file,label,patient\nzebra/0.png,a,1\nzebra/1.png,b,1\nzebra/2.png,b,2",
            "table.csv: a: two different patients or more",
        ),
        ("file,label", "names no photographs"),
        (f"file,label\n{'a' * 300}.png,a", "row 2: aaa"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(pictures, text, words):
    table = pictures / "table.csv"
    table.write_text(text)
    with pytest.raises(DataError) as caught:
        load_dataset(config(table if text.startswith("name") else pictures))
    assert words in str(caught.value)


def test_what_is_wrong_with_folders_is_named(pictures, tmp_path):
    def told(root=pictures, **keys):
        with pytest.raises(DataError) as caught:
            load_dataset(config(root, **keys))
        return str(caught.value)

    assert "is no folder and no file" in told(tmp_path / "absent")
    picture = tmp_path / "eye.JPG"
    picture.write_bytes(b"")
    assert "eye.JPG: is one photograph; " in told(picture)
    (tmp_path / "none").mkdir()
    assert "no folder of a class" in told(tmp_path / "none")
    assert "one class, zebra" in told(_with(tmp_path / "one", pictures / "zebra"))
    (tmp_path / "one" / "table.csv").write_text("a,b")
    assert "no table with the columns file and label: table.csv" in told(tmp_path / "one")
    assert "are none of `data.classes`" in told(classes=["a", "b"])
    shutil.copytree(pictures / "zebra", tmp_path / "roads" / "valid")
    assert "valid is the name of a part: where" in told(_with(tmp_path / "roads", pictures))
    (pictures / "empty").mkdir()
    assert "no photographs in empty" in told()
    (pictures / "empty").rmdir()
    (pictures / "zebra" / "bad.jpg").write_bytes(b"no picture")
    assert "bad.jpg cannot be decoded" in told()
    both = tmp_path / "both"
    shutil.copytree(pictures, both / "train")
    shutil.copytree(pictures / "zebra", both / "validation" / "quagga")
    assert "in training but not in validation" in told(both)
    shutil.copytree(pictures, both / "validation", dirs_exist_ok=True)
    assert "quagga in validation but not in training" in told(both)


def test_numbers_are_sorted_by_their_size():
    found = Found(Path(), names=["10", "b", "-1", "9", "2.5", "+3", "01", "1e3"])
    assert found.classes() == ("-1", "01", "2.5", "+3", "9", "10", "1e3", "b")


def test_a_patient_of_many_photographs_leaves_the_others_for_validation(pictures):
    names = sorted(p.relative_to(pictures).as_posix() for p in pictures.glob("*/*.png"))
    rows = [f"{n},{'ab'[i % 2]},{'many' if i < 10 else i}" for i, n in enumerate(names)]
    (pictures / "table.csv").write_text("\n".join(["file,label,patient", *rows]))
    data = load_dataset(config(pictures, validation_share=0.25))
    assert len(data.validation.labels) >= 2


def test_check_tells_of_classes_that_may_be_one(pictures, capsys):
    rows = ["zebra/0.png,Cat", "zebra/1.png,cat", "zebra/2.png,cat", "zebra/3.png,cat"]
    (pictures / "table.csv").write_bytes("\n".join(["file,label", *rows, ""]).encode())
    data_verb.main(["check", str(pictures)])
    said = capsys.readouterr().out
    assert "Cat, cat are 2 classes; are they meant as one?" in said
    assert "no validation part can be drawn: Cat: two different photographs" in said
    with pytest.raises(UsageError, match=r"0.png: does not end in .html"):
        data_verb.main(["check", str(pictures), "--page", str(pictures / "zebra" / "0.png")])


def _with(root, folder):
    shutil.copytree(folder, root / folder.name)
    return root


def test_check_names_repeats_across_splits_first(pictures, tmp_path, capsys):
    from PIL import Image, ImageFilter

    from pm_cls.data.__main__ import main

    root = tmp_path / "both"
    for part in ("train", "validation"):
        draw(root / part, count=2 if part == "train" else 1)
        for number, file in enumerate(sorted((root / part).rglob("*.png"))):
            noise = np.random.default_rng([len(part), number]).integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC).save(file)
    train, validation = root / "train" / "zebra", root / "validation" / "zebra"
    shutil.copy(train / "0.png", train / "a.png")
    shutil.copy(train / "1.png", validation / "b.png")
    blurred = Image.open(root / "train" / "été" / "0.png").filter(ImageFilter.BoxBlur(1))
    blurred.resize((50, 50)).save(validation / "c.jpg")
    Image.new("RGB", (9, 9)).save(train / "dark.png")
    (train / "bad.jpg").write_bytes(b"no picture")
    found = check(root)
    named = [[found.files.names[i] for i in group] for group in found.exact]
    assert named == [
        ["train/zebra/1.png", "validation/zebra/b.png"],
        ["train/zebra/0.png", "train/zebra/a.png"],
    ]
    assert [[found.files.names[i] for i in group] for group in found.near] == [
        ["train/été/0.png", "validation/zebra/c.jpg"]
    ]
    assert [found.files.names[i] for i in found.dark] == ["train/zebra/dark.png"]
    main(["check", str(root), "--page", str(tmp_path / "page.html")])
    out = capsys.readouterr().out
    assert "unreadable  train/zebra/bad.jpg cannot be decoded" in out
    assert "ACROSS SPLITS, IN TWO CLASSES" in out
    assert "data:image/png" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_check_reads_the_official_layout(photographs):
    found = check(photographs)
    assert [split for split, _ in found.counts()] == ["training", "validation"]
    assert len(found.files) == 40 and not found.bad


def test_what_is_not_read_is_named(pictures):
    (pictures / "zebra" / "holiday.heic").write_bytes(b"x")
    told = "\n".join(check(pictures).lines())
    assert "not read in the folders of the classes: zebra/holiday.heic; photographs are" in told
