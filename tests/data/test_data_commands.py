"""python -m pm_cls.data prepare, verify, synthesize."""

import os
import shutil

import pytest

from pm_cls.data.__main__ import main
from pm_cls.data.photographs import layout
from pm_cls.runtime.errors import DataError, UsageError


def test_verify_names_counts_missing_and_repeated(official, capsys):
    training = official / "PALM-Training400"
    shutil.copy(training / "P0001.jpg", training / "P0021.jpg")
    shutil.copy(training / "P0001.jpg", training / "P0022.jpg")
    main(["verify", str(official)])
    out = capsys.readouterr().out
    assert "NOT the official iChallenge-PM set" in out
    assert "training    26 photographs:" in out and "validation  16 photographs" in out
    assert "missing     H00" in out
    assert "P0001.jpg = P0021.jpg = P0022.jpg" in out


def test_verify_knows_the_official_and_the_synthetic_set(photographs, real_data, capsys):
    main(["verify", str(real_data / "palm-224")])
    out = capsys.readouterr().out
    assert "the official iChallenge-PM set, by its counts" in out
    assert "213 P, 161 N, 26 H" in out and "211 pathological, 189 not" in out
    main(["verify", str(photographs)])
    assert "a set named 'synthetic'" in capsys.readouterr().out


def test_verify_decodes_every_photograph(official):
    path = official / "PALM-Validation400" / "V0003.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"V0003\.jpg cannot be decoded"):
        main(["verify", str(official)])


def test_prepare_gathers_folders_into_the_official_layout(official, tmp_path, capsys):
    parts = tmp_path / "parts"
    for name in ("PALM-Training400", "PALM-Validation400"):
        shutil.move(official / name, parts / name / name)
    shutil.move(official / "labels.csv", parts / "labels.csv")
    out = tmp_path / "out"
    sources = [parts / "PALM-Training400", parts / "PALM-Validation400", parts]
    main(["prepare", *map(str, sources), "--out", str(tmp_path / "each twice")])
    assert "the same" in capsys.readouterr().out
    main(["prepare", str(parts), "--out", str(out)])
    assert sorted(path.name for path in out.iterdir()) == [
        "PALM-Training400", "PALM-Validation400", "labels.csv",
    ]  # fmt: skip
    before, after = layout.find(parts), layout.find(out)
    assert before.training.files.names == after.training.files.names
    assert (before.validation.labels == after.validation.labels).all()
    assert "written" in capsys.readouterr().out
    with pytest.raises(UsageError, match="is there already"):
        main(["prepare", str(parts), "--out", str(out)])


def test_prepared_synthetic_stays_synthetic(photographs, tmp_path):
    main(["prepare", str(photographs), "--out", str(tmp_path / "out")])
    assert layout.find(tmp_path / "out").name == "synthetic"


def test_prepare_without_labels_leaves_nothing(official, tmp_path):
    (official / "labels.csv").unlink()
    with pytest.raises(DataError, match="labels"):
        main(["prepare", str(official), "--out", str(tmp_path / "new" / "out")])
    assert [path.name for path in tmp_path.iterdir()] == ["photographs"]


def test_places_that_cannot_be_written_are_told(photographs, tmp_path):
    (tmp_path / "file").write_text("")
    for out in ("file", "file/inside"):
        with pytest.raises(UsageError, match="file"):
            main(["prepare", str(photographs), "--out", str(tmp_path / out)])
        with pytest.raises(UsageError, match="file"):
            main(["synthesize", "--train", "3", "--validation", "2", "--size", "32",
                  "--out", str(tmp_path / out)])  # fmt: skip
    assert (tmp_path / "file").read_text() == ""


def test_prepare_refuses_what_it_cannot_decode_and_leaves_nothing(official, tmp_path):
    path = official / "PALM-Validation400" / "V0003.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError) as caught:
        main(["prepare", str(official), "--out", str(tmp_path / "out")])
    assert f"{path} cannot be decoded" in str(caught.value) and ".out." not in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["PALM-Training400/P0900.jpg", "more.zip"])
def test_prepare_does_not_wait_for_a_pipe(official, tmp_path, name):
    os.mkfifo(official / name)
    with pytest.raises(DataError, match=f"{official / name}: is no file"):
        main(["prepare", str(official), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_check_of_a_folder_with_both_splits_says_what_is_wrong_with_them(official, tmp_path):
    figshare = tmp_path / "public" / "PALM"
    for split, part in (("PALM-Training400", "Training"), ("PALM-Validation400", "Validation")):
        shutil.copytree(official / split, figshare / part / "Images")
    lines = (official / "labels.csv").read_text().splitlines(keepends=True)
    (figshare / "labels.csv").write_text("".join([*lines[:2], *lines[3:]]))
    with pytest.raises(DataError, match=r"\nread as ichallenge_pm: .*no row for V0002\.jpg"):
        main(["check", str(tmp_path / "public")])


def test_verify_counts_what_it_ignores(official, capsys):
    masks = official / "Disc_Masks"
    masks.mkdir()
    shutil.copy(official / "PALM-Training400" / "P0001.jpg", masks)
    main(["verify", str(official)])
    assert "ignored     1 images" in capsys.readouterr().out


def test_synthesize_from_the_command_line(tmp_path, capsys):
    counts = ["--train", "4", "--validation", "3", "--size", "48", "--seed", "7"]
    main(["synthesize", "--out", str(tmp_path / "made"), *counts])
    listing = layout.find(tmp_path / "made")
    assert (len(listing.training.files), len(listing.validation.files)) == (4, 3)
    assert listing.name == "synthetic" and set(listing.counts()["training"]) == set("PNH")
    main(["synthesize", "--out", str(tmp_path / "made"), *counts])
    with pytest.raises(UsageError, match="made"):
        main(["synthesize", "--out", str(tmp_path / "made"), *counts[:-1], "8"])
    with pytest.raises(UsageError, match="size"):
        main(["synthesize", "--out", str(tmp_path / "other"), "--size", "3"])
