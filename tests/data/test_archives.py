"""Archives as sources of `prepare`: the official ones are read, bad ones leave nothing behind."""

import errno
import io
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.__main__ import main
from pm_cls.data.photographs import archives, layout
from pm_cls.runtime.errors import DataError, RunError

pytestmark = pytest.mark.once  # the same with every version of the libraries


def pack(path, members, compression=zipfile.ZIP_DEFLATED):
    """Write a zip of {name or ZipInfo: bytes or path}; `path` may be an open file."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return path


def packed(members, **settings):
    return pack(io.BytesIO(), members, **settings).getvalue()


def files(folder, prefix=""):
    return {f"{prefix}{path.name}": path for path in sorted(folder.iterdir())}


def xlsx(table):
    """The label table as the official xlsx."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in table.read_text().splitlines():
        book.active.append(row.split(","))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.fixture
def downloads(official, tmp_path):
    """The three archives of AI Studio, with the clutter that archives have."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    inner = {**files(official / "PALM-Training400"), "__MACOSX/._P0001.jpg": b"clutter"}
    pack(folder / "training.zip", {
        "PALM-Training400/": b"", "PALM-Training400/PALM-Training400.zip": packed(inner),
    })  # fmt: skip
    validation = files(official / "PALM-Validation400", "PALM-Validation400/")
    pack(folder / "validation.zip", {**validation, "PALM-Validation400/Thumbs.db": b"clutter"})
    table = "PALM-Validation-GT/PM_Label_and_Fovea_Location.xlsx"
    pack(folder / "valid_gt.zip", {table: xlsx(official / "labels.csv")})
    return folder


def prepare(tmp_path, *sources):
    main(["prepare", *map(str, sources), "--out", str(tmp_path / "out")])
    return digest(tmp_path / "out")


def digest(root):
    return load_dataset(DataConfig(root=str(root), image_size=32)).digest


def refuse(tmp_path, *sources, error=DataError):
    """Prepare, which must fail and leave nothing; returns the message."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error) as caught:
        prepare(tmp_path, *sources)
    assert sorted(tmp_path.rglob("*")) == before
    message = str(caught.value)
    assert ".out." not in message and message.count("\n") <= 1
    return message


def test_archives_of_ai_studio(official, downloads, tmp_path):
    sources = [downloads / name for name in ("training.zip", "validation.zip", "valid_gt.zip")]
    assert prepare(tmp_path, *sources) == digest(official)
    names = ["PALM-Training400", "PALM-Validation400", "labels.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "out", "photographs"]


def test_archive_of_figshare(official, tmp_path):
    table, other = xlsx(official / "labels.csv"), b"imgName,Label\nX.jpg,1\n"
    archive = pack(tmp_path / "37786152.zip", {
        **files(official / "PALM-Training400", "PALM/Training/Images/"),
        **files(official / "PALM-Validation400", "PALM/Validation/Images/"),
        **files(official / "PALM-Validation400", "PALM/Testing/Images/"),
        **files(official / "PALM-Training400", "PALM/Training/Disc Masks/"),
        "PALM/Training/Lesion Masks/Atrophy/P0001.png": bytes(1_000_000),
        "PALM/Training/Classification Labels.xlsx": other,
        "PALM/Validation/Classification Labels.xlsx": table,
        "PALM/Testing/Classification Labels.xlsx": other,
        "PALM/Validation/Fovea Localization.xlsx": other,
    })  # fmt: skip
    assert prepare(tmp_path, archive) == digest(official)


def test_folders_with_any_mixture(official, downloads, tmp_path):
    expected = digest(official)
    (downloads / "training.zip").unlink()
    shutil.move(official / "PALM-Training400", downloads / "more" / "PALM-Training400")
    (downloads / "more" / "deep").mkdir()
    (downloads / "validation.zip").rename(downloads / "more" / "deep" / "VALIDATION.ZIP")
    assert prepare(tmp_path, downloads) == expected


def test_archive_names_tell_the_split_and_tables_are_sources(official, tmp_path):
    expected = digest(official)
    train = pack(tmp_path / "train.zip", files(official / "PALM-Training400"))
    folder = tmp_path / "validation"
    folder.mkdir()
    pack(folder / "photographs.zip", files(official / "PALM-Validation400"))
    table = tmp_path / "Classification Labels.xlsx"
    (official / "labels.csv").rename(table)
    assert prepare(tmp_path, train, folder, table) == expected


@pytest.mark.parametrize("source", [".", "../downloads", "../downloads/../downloads/"])
def test_folders_by_names_of_every_kind(official, downloads, tmp_path, monkeypatch, source):
    monkeypatch.chdir(downloads)
    main(["prepare", source, "--out", "ready/out"])  # within the source, in a folder to be made
    assert digest(downloads / "ready" / "out") == digest(official)


def test_the_folder_above_does_not_mix_with_other_sources(official, downloads, monkeypatch):
    (downloads / "deep").mkdir()
    (downloads.parent / "elsewhere").mkdir()
    elsewhere = shutil.move(downloads / "validation.zip", downloads.parent / "elsewhere")
    monkeypatch.chdir(downloads / "deep")
    main(["prepare", "..", str(elsewhere), "--out", "out"])
    assert digest("out") == digest(official)


def test_synthetic_stays_synthetic(photographs, tmp_path):
    parts = [
        pack(tmp_path / f"{part}.zip", files(photographs / part))
        for part in ("PALM-Training400", "PALM-Validation400")
    ]
    shutil.copy(photographs / "labels.csv", tmp_path)
    shutil.copy(photographs / "dataset.json", tmp_path)
    out = tmp_path / "new" / "a"  # with no dataset.json beside it
    main(["prepare", *map(str, parts), str(tmp_path / "labels.csv"), "--out", str(out)])
    assert layout.find(out).name == "synthetic"
    whole = {str(path.relative_to(photographs)): path
             for path in photographs.rglob("*") if path.is_file()}  # fmt: skip
    archive = pack(out.parent / "set.zip", whole)
    main(["prepare", str(archive), "--out", str(out.with_name("b"))])
    assert layout.find(out.with_name("b")).name == "synthetic"


def linked(name):
    link = zipfile.ZipInfo(name)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"../P0001.jpg": b"x"}, r"'../P0001.jpg' leads out"),
        ({"a/../../../../evil.txt": b"x"}, "leads out"),
        ({"..\\..\\P0001.jpg": b"x"}, "leads out"),
        ({"/tmp/P0001.jpg": b"x"}, "leads out"),
        ({"C:\\P0001.jpg": b"x"}, "leads out"),
        ({"C:P0001.jpg": b"x"}, "leads out"),
        ({linked("train/P0001.jpg"): b"/etc/passwd"}, "'train/P0001.jpg' is a link"),
        ({linked("train"): b"/tmp", "train/P0001.jpg": b"x"}, "'train' is a link"),
        ({"a/" * 30 + "P0001.jpg": b"x"}, "lies 30 folders deep"),
        ({"train/P0001.jpg": bytes(10_000_000)}, "10,000,000 unpacked; up to 100 times"),
        ({"train/" + "P" * 300 + ".jpg": b"x"}, "is no name for a file"),
        ({"train/P0001.jpg": b"x", "train/P0001.jpg/P0002.jpg": b"x"}, "is no name for a file"),
    ],
)
def test_members_not_to_be_trusted(downloads, tmp_path, members, words):
    plain = pack(tmp_path / "bad.zip", members)
    message = refuse(tmp_path, downloads, plain)
    assert message.startswith(str(plain)) and words in message
    plain.unlink()
    nested = pack(tmp_path / "nested.zip", {"inner.zip": packed(members)})
    message = refuse(tmp_path, downloads, nested)
    assert message.startswith(f"{nested}/inner.zip: ") and words in message


def test_a_member_without_a_name_is_refused(tmp_path):
    content = packed({"\1P0001.jpg": b"x"}).replace(b"\1P0001", b"\0P0001")  # a name ends at \0
    (tmp_path / "bad.zip").write_bytes(content)
    message = refuse(tmp_path, tmp_path / "bad.zip")
    assert "has no name; named members are accepted" in message


def test_one_name_twice_is_refused_and_not_overwritten(tmp_path):
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive,
    ):
        archive.writestr("train/P0001.jpg", b"first")
        archive.writestr("train/P0001.jpg", b"second")
    assert "'train/P0001.jpg' is no name" in refuse(tmp_path, tmp_path / "twice.zip")


def test_packing_that_zipfile_does_not_bound_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", {"train/P0001.jpg": b"x"}, compression=zipfile.ZIP_BZIP2)
    assert "packed by method 12; 0 (stored) and 8" in refuse(tmp_path, path)


def test_bounds_hold_over_all_archives(official, downloads, tmp_path, monkeypatch):
    sizes = [member.file_size for path in downloads.iterdir()
             for member in zipfile.ZipFile(path).infolist()]  # fmt: skip
    inner = zipfile.ZipFile(io.BytesIO(
        zipfile.ZipFile(downloads / "training.zip").read("PALM-Training400/PALM-Training400.zip")
    )).infolist()  # fmt: skip
    clutter = 2 * len(b"clutter")
    needed = sum(sizes) + sum(member.file_size for member in inner) - clutter
    monkeypatch.setattr(archives, "MAX_BYTES", needed - 1)
    assert f"makes it {needed:,} bytes unpacked" in refuse(tmp_path, downloads)
    monkeypatch.setattr(archives, "MAX_BYTES", needed)
    monkeypatch.setattr(archives, "MAX_MEMBERS", len(sizes) + len(inner) - 1)
    assert f"have {len(sizes) + len(inner):,} members" in refuse(tmp_path, downloads)
    monkeypatch.setattr(archives, "MAX_MEMBERS", len(sizes) + len(inner))
    assert prepare(tmp_path, downloads) == digest(official)


def test_real_sets_pass_the_bounds_easily():
    photographs, masks, largest = 1200, 3 * 1200, 1_000_000
    assert 2 * photographs * largest < archives.MAX_BYTES
    assert 2 * (photographs + masks) < archives.MAX_MEMBERS


def test_only_so_many_archives_within_archives(official, downloads, tmp_path):
    path = downloads / "training.zip"  # has two levels as it is
    path.write_bytes(packed({"a.zip": path}))
    assert prepare(tmp_path, downloads) == digest(official)
    shutil.rmtree(tmp_path / "out")
    path.write_bytes(packed({"b.zip": path}))
    message = refuse(tmp_path, downloads)
    assert f"{path}/b.zip/a.zip/" in message and "a zip in a zip, 4 deep; up to 3" in message


def test_sizes_in_the_headers_are_not_believed(tmp_path):
    content = bytearray(packed({"train/P0001.jpg": os.urandom(50_000)}))
    for place in (content.index(b"PK\3\4") + 22, content.index(b"PK\1\2") + 24):
        assert content[place : place + 4] == struct.pack("<I", 50_000)
        content[place : place + 4] = struct.pack("<I", 10)
    (tmp_path / "lie.zip").write_bytes(content)
    assert "'train/P0001.jpg' is damaged" in refuse(tmp_path, tmp_path / "lie.zip")


@pytest.mark.parametrize("nested", [False, True])
def test_flipped_bytes_are_noticed(downloads, tmp_path, nested):
    path = downloads / ("training.zip" if nested else "validation.zip")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    message = refuse(tmp_path, downloads)
    assert message.startswith(f"{path}: ") and "is damaged" in message


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99, 0.999])
def test_archives_cut_short(downloads, tmp_path, share):
    path = downloads / "training.zip"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert f"{path}: is cut short" in refuse(tmp_path, downloads)
    path.write_bytes(content[len(content) // 2 :])
    assert str(path) in refuse(tmp_path, downloads)


def test_flips_anywhere_are_data_errors_or_change_nothing(official, downloads, tmp_path):
    path, expected = downloads / "validation.zip", digest(official)
    content = path.read_bytes()
    directory = content.index(b"PK\1\2")
    places = [*range(0, directory, 997), *range(directory, len(content), 13)]
    refused = 0
    for at in places:
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            assert prepare(tmp_path, downloads) == expected
            shutil.rmtree(tmp_path / "out")
        except DataError:
            refused += 1
        assert sorted(each.name for each in tmp_path.iterdir()) == ["downloads", "photographs"]
    assert len(places) / 2 < refused < len(places)  # times and comments do not matter


def test_encrypted_archives(downloads, tmp_path):
    path = downloads / "validation.zip"
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\3\4") + 6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "'PALM-Validation400/V0001.jpg' is encrypted" in refuse(tmp_path, downloads)


def test_sources_that_are_missing_or_of_another_kind(downloads, tmp_path):
    absent = refuse(tmp_path, downloads, tmp_path / "absent.zip")
    assert "absent.zip: not there" in absent and "zip archives" in absent
    (tmp_path / "training.rar").write_bytes(b"Rar!")
    message = refuse(tmp_path, downloads, tmp_path / "training.rar")
    assert "training.rar: is cut short, damaged or no zip archive" in message
    assert "other kinds must be unpacked first" in message


def test_a_photograph_that_cannot_be_read_is_named(official, tmp_path, monkeypatch):
    find = layout.find

    def vanishing(*roots, **settings):
        listing = find(*roots, **settings)
        Path(listing.training.files[0]).unlink()
        return listing

    monkeypatch.setattr(layout, "find", vanishing)
    with pytest.raises(DataError, match=r"PALM-Training400/.*\.jpg: cannot be read \(No such file"):
        prepare(tmp_path, official)
    assert not (tmp_path / "out").exists()


def test_messages_name_what_the_user_has(official, downloads, tmp_path):
    shutil.move(official / "PALM-Training400", downloads)
    other = downloads / "PALM-Training400" / "H0001.jpg"
    shutil.copy(downloads / "PALM-Training400" / "N0001.jpg", other)
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, downloads)
    nested = downloads / "training.zip" / "PALM-Training400" / "PALM-Training400.zip"
    assert str(other.parent) in str(caught.value) and str(nested) in str(caught.value)
    assert "one name for two photographs" in str(caught.value) and "H0001" in str(caught.value)
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, downloads / "valid_gt.zip")
    assert str(caught.value).startswith(f"{downloads / 'valid_gt.zip'}: holds no photographs")
    (downloads / "training.zip").unlink()
    (downloads / "validation.zip").unlink()
    shutil.rmtree(downloads / "PALM-Training400")
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, downloads)
    assert str(caught.value).startswith(f"{downloads}: holds no photographs")
    assert "pm-cls data prepare" not in str(caught.value)  # which is what was done


@pytest.mark.parametrize("missing", [[], ["validation.zip"], ["training.zip"]])
def test_unpacked_folders_with_archives_name_the_command(official, downloads, missing):
    if missing:
        for name in ("PALM-Training400", "PALM-Validation400", "labels.csv"):
            shutil.move(official / name, downloads)
        for path in downloads.glob("*.zip"):
            if path.name not in missing:
                path.unlink()
        part = "Validation" if missing == ["validation.zip"] else "Training"
        shutil.rmtree(downloads / f"PALM-{part}400")
    with pytest.raises(DataError) as caught:
        digest(downloads)
    message = str(caught.value)
    assert f"`pm-cls data prepare {downloads} --out DIR` unpacks them" in message
    assert ", ".join(sorted(path.name for path in downloads.glob("*.zip"))) in message


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_trouble_on_the_way_leaves_nothing(downloads, tmp_path, monkeypatch, trouble):
    write, written = archives._write, []

    def fail(path, content, shown):
        write(path, content, shown)
        written.append(path)
        if len(written) == 30:
            raise trouble

    monkeypatch.setattr(archives, "_write", fail)
    if trouble is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path, downloads)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "photographs"]
    else:
        message = refuse(tmp_path, downloads, error=RunError)
        assert f"{tmp_path / 'out'}: cannot be written (No space left)" in message
    assert len(written) == 30


def test_ctrl_c_while_unpacking_leaves_nothing(tmp_path):
    names = [f"PALM-Training400/P{number:04}.jpg" for number in range(1, 5000)]
    archive = pack(tmp_path / "many.zip", dict.fromkeys(names, os.urandom(5000)))
    command = [sys.executable, "-m", "pm_cls.data", "prepare", archive, "--out", tmp_path / "out"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob(".out.*/unpacked/*/*/*/P0002.jpg")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1].endswith("pm_cls: stopped\n")
    assert process.returncode == 143
    assert [path.name for path in tmp_path.iterdir()] == ["many.zip"]
