"""Names that clash, names that mean something else, and what is said where nothing is there."""

import shutil
import zipfile

import pytest
from PIL import Image

from pm_cls.config import DataConfig
from pm_cls.data import is_synthetic, load_dataset
from pm_cls.data.__main__ import main
from pm_cls.data.photographs import layout
from pm_cls.runtime.errors import DataError, UsageError


def digest(root):
    return load_dataset(DataConfig(root=str(root), image_size=32)).digest


def pack(path, folder):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    return path


def change(path):
    """Another photograph under the same name."""
    image = Image.open(path)
    image.load()
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)


# Row 37: clashes are judged by content.


def unpacked_beside_zip(downloads):
    pack(downloads / "training.zip", downloads / "PALM-Training400")


def downloaded_twice(downloads):
    pack(downloads / "training.zip", downloads / "PALM-Training400")
    shutil.copy(downloads / "training.zip", downloads / "training (1).zip")
    shutil.rmtree(downloads / "PALM-Training400")


def copied_folder(downloads):
    shutil.copytree(downloads / "PALM-Training400", downloads / "PALM-Training400 - Copy")


def other_ending(downloads):
    folder = downloads / "PALM-Training400"
    shutil.copy(folder / "P0001.jpg", folder / "p0001.JPEG")


TWICE = [unpacked_beside_zip, downloaded_twice, copied_folder, other_ending]


@pytest.mark.parametrize("make", TWICE)
def test_equal_photographs_are_taken_once_and_noted(official, tmp_path, make, capsys):
    expected = digest(official)
    make(official)
    main(["prepare", str(official), "--out", str(tmp_path / "out")])
    assert digest(tmp_path / "out") == expected
    out = capsys.readouterr().out
    note = next(line for line in out.splitlines() if line.startswith("note"))
    count = 1 if make is other_ending else 24
    assert f"{count} photographs lie there again with the same name and content" in note
    assert str(official) in note and ".out." not in note and len(out) < 1000


@pytest.mark.parametrize("make", TWICE)
def test_different_photographs_of_one_name_are_refused_shortly(official, tmp_path, make):
    make(official)
    if make is downloaded_twice:
        folder = official / "PALM-Training400"
        folder.mkdir()
        with zipfile.ZipFile(official / "training (1).zip") as archive:
            archive.extractall(official)
        for path in folder.iterdir():
            change(path)
        pack(official / "training (1).zip", folder)
        shutil.rmtree(folder)
    else:
        for path in sorted((official / "PALM-Training400").glob("*.jpg")):
            change(path)
    with pytest.raises(DataError, match="one name for two photographs") as caught:
        main(["prepare", str(official), "--out", str(tmp_path / "out")])
    message = str(caught.value)
    assert "remove or rename" in message and len(message) < 900 and "\n" not in message
    if make is not other_ending:
        assert "and so do 23 more pairs" in message
    assert ".out." not in message and not (tmp_path / "out").exists()


def test_one_folder_given_twice(official, tmp_path):
    main(["prepare", str(official), str(official / "PALM-Training400"), "--out",
          str(tmp_path / "out")])  # fmt: skip
    assert digest(tmp_path / "out") == digest(official)


def test_members_that_are_not_read_are_noted(official, tmp_path, capsys):
    for name in ("P0098.dcm", "P0099.heic"):
        (official / "PALM-Training400" / name).write_bytes(b"x")
    pack(tmp_path / "training.zip", official / "PALM-Training400")
    shutil.rmtree(official / "PALM-Training400")
    main(["prepare", str(official), str(tmp_path / "training.zip"), "--out", str(tmp_path / "o")])
    assert "2 members of the archives" in (out := capsys.readouterr().out)
    assert "P0098.dcm, P0099.heic" in out


def test_archives_beside_the_folders_are_noted(official):
    pack(official / "training.zip", official / "PALM-Training400")
    assert layout.find(official).notes == ("archives are not looked into: training.zip",)


# Row 50: names that may mean something else.


@pytest.mark.parametrize(
    ("name", "label"),
    [("Patient_01", 1), ("Normal 3", 0), ("healthy", 0), ("P0001_left", 1), ("PM-7", 1),
     ("P０００１", 1), ("n1b", 0), ("H", 0)],
)  # fmt: skip
def test_names_that_are_no_letter_and_digits_are_listed(official, name, label):
    training = official / "PALM-Training400"
    (training / "N0001.jpg").rename(training / f"{name}.jpg")
    listing = layout.find(official)
    (note,) = listing.notes
    assert f"{name}.jpg counts as {label}" in note and "1 names" in note
    assert dict(zip(listing.training.files.names, listing.training.labels, strict=True))[
        f"{name}.jpg"
    ] == label  # fmt: skip


@pytest.mark.parametrize("name", ["P1", "h0027", "N99999"])
def test_usual_names_are_not_listed(official, name):
    training = official / "PALM-Training400"
    (training / "N0001.jpg").rename(training / f"{name}.jpg")
    assert layout.find(official).notes == ()


# What is said where nothing is there.


@pytest.mark.parametrize("missing", ["", "PALM-Training400", "labels.csv", "all"])
def test_the_way_to_a_synthetic_set_is_told(official, missing):
    if missing == "all":
        shutil.rmtree(official)
        official.mkdir()
    else:
        target = official / missing
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(DataError) as caught:
        digest(official)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert "pm-cls data synthesize --out data/synthetic" in lines
    train = "pm-cls train --config configs/lenet7_relu.yaml "
    assert f"{train}--set data.root=data/synthetic" in lines


def test_paths_of_the_data_commands(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(photographs.parent))
    main(["verify", "~/synthetic"])
    assert "synthetic" in capsys.readouterr().out
    main(["prepare", "~/synthetic", f"--out={tmp_path / 'out'}"])
    monkeypatch.setenv("HOME", str(tmp_path))
    assert digest("~/out") == digest(photographs)
    with pytest.raises(UsageError, match="is no path"):
        main(["verify", ""])


def test_only_photographs_are_synthetic_ones(photographs):
    """Drawn figures read nothing: what lies in their `data.root` says nothing of them."""
    assert is_synthetic(DataConfig(root=str(photographs)))
    figures = DataConfig(name="drawn_colours", root=str(photographs), image_size=28)
    assert not is_synthetic(figures)
