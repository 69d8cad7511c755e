"""Finding splits and labels in folders, and loading them as arrays."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from pm_cls.config import DataConfig
from pm_cls.data import ichallenge_pm, load_dataset
from pm_cls.data.photographs import layout
from pm_cls.data.photographs.splits import content_digests
from pm_cls.runtime.errors import DataError, UsageError


def load(root, **settings):
    return load_dataset(DataConfig(root=str(root), image_size=32, **settings))


def test_labels_come_from_names_and_from_the_table(official):
    dataset = load(official)
    expected = [1 if name.startswith("P") else 0 for name in dataset.train.names]
    assert dataset.train.labels.tolist() == expected
    assert {name[0] for name in dataset.train.names} == {"P", "H", "N"}
    table = (official / "labels.csv").read_text().splitlines()[1:]
    assert dataset.validation.labels.tolist() == [int(row.split(",")[2]) for row in table]
    assert dataset.train.images.shape == (24, 3, 32, 32)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.name == "ichallenge_pm" and dataset.official is False


def test_marker_names_a_synthetic_set(photographs):
    assert load(photographs).name == "synthetic"


def test_damaged_marker_is_refused(official):
    (official / "dataset.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset\.json"):
        load(official)


def test_figshare_layout_gives_the_same_data(official, tmp_path):
    figshare = tmp_path / "figshare" / "PALM"
    shutil.copytree(official / "PALM-Training400", figshare / "Training" / "Images")
    shutil.copytree(official / "PALM-Validation400", figshare / "Validation" / "Images")
    masks = figshare / "Training" / "Disc_Masks"
    masks.mkdir()
    shutil.copy(official / "PALM-Training400" / "P0001.jpg", masks / "P0001.jpg")
    testing = figshare / "Testing" / "Images"
    testing.mkdir(parents=True)
    shutil.copy(official / "PALM-Training400" / "P0001.jpg", testing / "T0001.jpg")
    shutil.copy(official / "labels.csv", figshare)
    assert load(figshare.parent).digest == load(official).digest


def test_clutter_is_ignored_and_case_and_endings_are_accepted(official):
    plain = load(official)
    training = official / "PALM-Training400"
    (official / "__MACOSX").mkdir()
    (official / "__MACOSX" / "._P0001.jpg").write_bytes(b"clutter")
    for name in (".DS_Store", "Thumbs.db", "._P0002.jpg"):
        (training / name).write_bytes(b"clutter")
    (training / "P0001.jpg").rename(training / "p0001.JPEG")
    cluttered = load(official)
    assert cluttered.train.names[-len(plain.train.names) :].count("p0001.JPEG") == 1
    assert cluttered.digest == plain.digest


def test_png_is_read(official):
    path = official / "PALM-Training400" / "P0001.jpg"
    Image.open(path).save(path.with_suffix(".PNG"))
    path.unlink()
    assert "P0001.PNG" in load(official).train.names


@pytest.mark.parametrize("missing", ["PALM-Training400", "PALM-Validation400", "labels.csv", ""])
def test_missing_parts_end_with_the_expected_layout(official, missing):
    target = official / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(DataError) as caught:
        load(official)
    assert "data/README.md" in str(caught.value) and "PALM-Training400/" in str(caught.value)


def test_names_without_a_class_are_listed(official):
    training = official / "PALM-Training400"
    (training / "P0001.jpg").rename(training / "X0001.jpg")
    (training / "P0002.jpg").rename(training / "a.jpg")
    with pytest.raises(DataError, match=r"neither P, H nor N: a\.jpg, X0001\.jpg"):
        load(official)


def test_rows_and_photographs_must_fit(official):
    table = official / "labels.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows[:-1]]))
    with pytest.raises(DataError, match=r"no row for V0016\.jpg"):
        load(official)
    table.write_text("\n".join([*rows, "99,V0099.jpg,1,0,0"]))
    with pytest.raises(DataError, match="rows without a photograph: V0099"):
        load(official)


def test_one_name_for_two_photographs_is_refused(official):
    training = official / "PALM-Training400"
    shutil.copy(training / "P0002.jpg", training / "p0001.png")
    with pytest.raises(DataError, match="one name for two photographs"):
        load(official)


def test_bad_photographs_stop_before_training_and_store_nothing(official, tmp_path, monkeypatch):
    monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "cache"))
    (official / "PALM-Training400" / "P0001.jpg").write_bytes(b"")
    (official / "PALM-Training400" / "P0002.jpg").write_text("text")
    with pytest.raises(DataError, match="2 bad photographs"):
        load(official)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_repeated_photographs_are_found_within_and_across_splits(official):
    first = official / "PALM-Training400" / "P0001.jpg"
    shutil.copy(first, official / "PALM-Training400" / "P0003.jpg")
    shutil.copy(first, official / "PALM-Validation400" / "V0005.jpg")
    assert load(official).repeated == [["P0001.jpg", "P0003.jpg", "V0005.jpg"]]


def test_bgr_is_rgb_turned_round(official):
    rgb, bgr = load(official), load(official, channel_order="bgr")
    assert np.array_equal(bgr.train.images, rgb.train.images[:, ::-1])


def test_photographs_are_decoded_once(official, tmp_path, monkeypatch):
    monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "cache"))
    first = load(official)
    monkeypatch.setattr(
        "pm_cls.data.photographs.splits.decode", lambda *_: pytest.fail("decoded again")
    )
    again = load(official)
    assert isinstance(again.train.images, np.memmap)
    assert np.array_equal(first.train.images, again.train.images)


def test_a_changed_photograph_is_decoded_again(official):
    before = load(official)
    Image.new("RGB", (40, 40), "red").save(official / "PALM-Training400" / "P0001.jpg")
    after = load(official)
    at = before.train.names.index("P0001.jpg")
    assert after.digest != before.digest
    assert not np.array_equal(after.train.images[at], before.train.images[at])


def test_repeated_photographs_of_a_cut_set_are_those_in_it(official):
    first, *_, last = sorted((official / "PALM-Training400").iterdir())
    last.write_bytes(first.read_bytes())
    assert load(official).repeated == [[first.name, last.name]]
    cut = load(official, limit=2)
    assert not {first.name, last.name} <= {*cut.train.names}
    assert cut.repeated == []


def test_unknown_data_set_is_refused():
    with pytest.raises(UsageError, match="known: ichallenge_pm, mnist"):
        load_dataset(DataConfig(name="imagenet"))


def test_real_set_is_the_official_one(real_data):
    listing = layout.find(real_data / "palm-224")
    assert listing.is_official() and layout.missing_names(listing) == []
    digests = content_digests(listing.files())
    assert ["P0056.jpg", "V0163.jpg"] in ichallenge_pm.repeated(listing.files().names, digests)
    assert len(ichallenge_pm.repeated(listing.files().names, digests)) == 5


def test_official_means_name_and_counts(photographs, monkeypatch):
    listing = layout.find(photographs)
    assert not listing.is_official()
    counts = listing.counts()
    validation = {int(label): n for label, n in counts["validation"].items()}
    monkeypatch.setattr(layout, "OFFICIAL_TRAINING", counts["training"])
    monkeypatch.setattr(layout, "OFFICIAL_VALIDATION", validation)
    assert not listing.is_official()  # by its name
    assert dataclasses.replace(listing, name="ichallenge_pm").is_official()


@pytest.mark.parametrize("place", [".", "PALM-Training400/..", ".."])
def test_synthetic_is_known_wherever_its_marker_lies(photographs, place):
    assert layout.find(photographs / place).name == "synthetic"
    parts = [photographs / "PALM-Training400", photographs / "PALM-Validation400"]
    assert layout.marked_name(parts[0]) == "synthetic"


def test_linked_folders_are_entered_and_circles_end(official, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in official.iterdir():
        (linked / path.name).symlink_to(path)
    (linked / "circle").symlink_to(linked)
    assert load(linked).digest == load(official).digest


def test_words_in_folder_names_are_whole_words(official):
    plain = load(official).digest
    inner = official / "PALM-Training400" / "latest_export"
    inner.mkdir()
    for path in sorted((official / "PALM-Training400").glob("P*.jpg")):
        path.rename(inner / path.name)
    assert load(official).digest == plain


def test_differing_label_tables_are_refused(official):
    table = official / "labels.csv"
    more = official / "GT" / "labels.csv"
    more.parent.mkdir()
    more.write_text(table.read_text())
    load(official)
    more.write_text(table.read_text().replace(",1,", ",0,", 1))
    with pytest.raises(DataError, match="different labels"):
        load(official)


@pytest.mark.parametrize("name", ["test", "masks", "train"])
def test_the_name_of_the_folder_itself_hides_nothing(official, name):
    digest = load(official).digest
    named = official.rename(official.with_name(name))
    assert load(named).digest == digest


def test_other_markers_are_not_synthetic(official):
    (official / "dataset.json").write_text('{"name": "clinic"}')
    assert load(official).name == "clinic"
    (official / "dataset.json").rename(official.parent / "dataset.json")
    assert load(official).name == "ichallenge_pm"
    (official.parent / "dataset.json").write_text("{}")
    assert load(official).name == "ichallenge_pm"
