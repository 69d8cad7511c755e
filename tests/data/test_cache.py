"""What is kept of files: made once, made whole, gone on with, and made again when damaged."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pm_cls.config import DataConfig
from pm_cls.data import ichallenge_pm
from pm_cls.data.photographs import images
from pm_cls.data.photographs.cache import INDEX, cached_rows, content_digests
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.home import cache_folder


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "cache"))


def contents(*words):
    digests = [hashlib.sha256(word.encode()).digest() for word in words]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)


AB = contents("a", "b")


class Filling:
    """Fills each row with 1 and notes which rows it was asked for."""

    def __init__(self, fail_at=None):
        self.fail_at, self.asked = fail_at, []

    def __call__(self, array, missing, keep):
        self.asked.append(missing.tolist())
        for row in missing:
            if row == self.fail_at:
                raise ZeroDivisionError
            array[row] = 1
            keep([row])


def test_made_once_and_mapped_read_only():
    fill = Filling()
    first = cached_rows("kind", AB, (3,), fill)
    again = cached_rows("kind", AB, (3,), fill)
    assert fill.asked == [[0, 1]]
    assert isinstance(again, np.memmap) and not again.flags.writeable
    assert first.tolist() == again.tolist() == [[1] * 3] * 2
    assert sorted(path.suffix for path in (cache_folder() / "kind").iterdir()) == [".npy", ".rows"]


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00cut"])
@pytest.mark.parametrize("suffix", [".npy", ".rows", ".part", ".done"])
def test_a_damaged_file_is_made_again(suffix, content):
    whole = cached_rows("kind", AB, (3,), Filling())
    file = next((cache_folder() / "kind").glob("*.npy"))
    del whole
    if suffix != ".rows":
        file.unlink()
    file.with_suffix(suffix).write_bytes(content)
    assert cached_rows("kind", AB, (3,), Filling()).sum() == 6
    assert cached_rows("kind", contents("b", "c"), (3,), Filling()).sum() == 6


def test_it_goes_on_where_it_failed():
    with pytest.raises(ZeroDivisionError):
        cached_rows("kind", contents(*"abcd"), (3,), Filling(fail_at=2))
    fill = Filling()
    assert cached_rows("kind", contents(*"abcd"), (3,), fill).sum() == 12
    assert fill.asked == [[2, 3]]


def test_rows_of_the_same_content_are_taken_from_other_arrays():
    def numbers(array, missing, keep):
        array[missing] = np.array([[7], [8], [9]])[: len(missing)]
        keep(missing)

    cached_rows("kind", contents("a", "b", "c"), (3,), numbers)
    fill = Filling()
    mixed = cached_rows("kind", contents("c", "x", "a"), (3,), fill)
    assert mixed[:, 0].tolist() == [9, 1, 7] and fill.asked == [[1]]
    cached_rows("other kind", contents("c", "a"), (3,), fill)
    assert fill.asked[1:] == [[0, 1]]


def test_an_array_that_another_process_takes_over_meanwhile_is_passed_over():
    fill = Filling()
    cached_rows("kind", AB, (3,), fill)
    (cache_folder() / "kind" / "0.rows").symlink_to("gone")  # listed, and not there any more
    assert cached_rows("kind", contents("b", "c"), (3,), fill).sum() == 6


def test_the_same_content_twice_gives_two_rows():
    assert cached_rows("kind", contents("a", "a", "b"), (3,), Filling()).sum() == 9
    assert cached_rows("kind", contents("a", "b", "a"), (3,), Filling()).sum() == 9


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="PM_CLS_CACHE can name another folder"):
        cached_rows("kind", AB, (3,), Filling())


def test_without_the_variable_it_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("PM_CLS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pm_cls"


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """Files that were changed long enough ago, and a count of how often one is read."""
    monkeypatch.setattr("pm_cls.data.photographs.cache.SETTLED", -1e9)
    files = [str(tmp_path / name) for name in ("one", "two", "t\udce4n")]
    for file in files:
        Path(file).write_bytes(os.fsencode(Path(file).name))
    read = []

    def digest(path):
        read.append(path)
        return hashlib.sha256(Path(path).read_bytes()).digest()

    monkeypatch.setattr("pm_cls.data.photographs.cache._digest", digest)
    return files, read


def test_only_changed_files_are_read_again(settled):
    files, read = settled
    first = content_digests(files)
    expected = [hashlib.sha256(Path(file).read_bytes()).digest() for file in files]
    assert [bytes(digest) for digest in first] == expected
    assert (content_digests(files) == first).all() and len(read) == 3
    Path(files[1]).write_bytes(b"owt")  # as long as before
    second = content_digests(files)
    assert read[3:] == [files[1]]
    assert (second != first).any(axis=1).tolist() == [False, True, False]
    os.utime(files[1], (0, 0))  # an old time does not hide that something happened
    Path(files[1]).write_bytes(b"tow")
    os.utime(files[1], (0, 0))
    assert bytes(content_digests(files)[1]) == hashlib.sha256(b"tow").digest()
    content_digests(files, anew=True)
    assert len(read) == 3 + 1 + 1 + 3


def test_a_file_changed_just_now_is_not_remembered(settled, monkeypatch):
    files, read = settled
    monkeypatch.setattr("pm_cls.data.photographs.cache.SETTLED", 1e9)
    content_digests(files)
    content_digests(files)
    assert len(read) == 6


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "P0001.jpg")
    with pytest.raises(OSError, match="is no file"):
        content_digests([str(tmp_path / "P0001.jpg")])


def test_an_index_that_cannot_be_used_is_done_without(settled):
    files, read = settled
    content_digests(files)
    (cache_folder() / INDEX).write_bytes(b"no database " * 99)
    assert len(content_digests(files)) == 3 and len(read) == 6
    (cache_folder() / INDEX).unlink()
    with sqlite3.connect(cache_folder() / INDEX) as index:
        index.execute("CREATE TABLE files (else_)")
    assert len(content_digests(files)) == 3 and len(read) == 9


def test_a_changed_photograph_is_decoded_and_no_other(official, monkeypatch):
    config = DataConfig(root=str(official), image_size=16)
    before = ichallenge_pm.load(config)
    changed = sorted((official / "PALM-Training400").glob("*.jpg"))[3]
    changed.write_bytes(sorted((official / "PALM-Validation400").glob("*.jpg"))[0].read_bytes())
    seen = []
    real = images.read_photograph
    monkeypatch.setattr(
        images, "read_photograph", lambda path: seen.append(Path(path)) or real(path)
    )
    after = ichallenge_pm.load(config)
    # Its content is that of another photograph, of another array: no file is decoded at all.
    assert seen == [] and before.digest != after.digest
    row = before.train.names.index(changed.name)
    assert (after.train.images[row] == before.validation.images[0]).all()
    others = np.arange(len(before.train.names)) != row
    assert (after.train.images[others] == before.train.images[others]).all()
    changed.write_bytes(changed.read_bytes() + b"\x00")
    ichallenge_pm.load(config)
    assert seen == [changed]


def test_good_photographs_are_kept_where_others_are_bad(official, monkeypatch):
    monkeypatch.setattr(images, "BLOCK", 5)
    config = DataConfig(root=str(official), image_size=16)
    files = sorted((official / "PALM-Training400").glob("*.jpg"))
    whole = files[4].read_bytes()
    files[4].write_bytes(whole[:50])
    with pytest.raises(DataError, match="1 bad photograph"):
        ichallenge_pm.load(config)
    files[4].write_bytes(whole)
    seen = []
    real = images.read_photograph
    monkeypatch.setattr(
        images, "read_photograph", lambda path: seen.append(Path(path)) or real(path)
    )
    found = ichallenge_pm.load(config)
    validation = {path.name for path in seen} & set(found.validation.names)
    assert {path.name for path in seen} - validation == {files[4].name}
    left = [path.suffix for path in (cache_folder() / "photographs-2-16").iterdir()]
    assert sorted(left) == [".npy", ".npy", ".rows", ".rows"]


def test_a_kill_while_decoding_loses_little(photographs, tmp_path):
    code = (
        "import sys, time; from pm_cls.data import ichallenge_pm\n"
        "from pm_cls.data.photographs import images\n"
        "from pm_cls.config import DataConfig\n"
        "images.BLOCK = 2; real = images.read_photograph\n"
        "def slow(path):\n"
        "    sys.stdout.write(path + '\\n'); sys.stdout.flush()\n"
        "    time.sleep(float(sys.argv[1])); return real(path)\n"
        "images.read_photograph = slow\n"
        f"data = ichallenge_pm.load(DataConfig(root={str(photographs)!r}, image_size=16))\n"
        "import hashlib; print(hashlib.sha256(data.train.images.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen([*command, "0.2"], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(11):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    began = time.monotonic()
    *decoded, digest = subprocess.run(
        [*command, "0"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(decoded) <= 40 - 8 and time.monotonic() - began < 60
    other = {**os.environ, "PM_CLS_CACHE": str(tmp_path / "another")}
    *all_of_them, undisturbed = subprocess.run(
        [*command, "0"], capture_output=True, text=True, check=True, env=other
    ).stdout.split()
    assert len(all_of_them) == 40 and digest == undisturbed
