"""Arrays on disk: made once, made whole, made again when damaged."""

import numpy as np
import pytest

from pm_cls.data.cache import cache_folder, cached_array
from pm_cls.errors import UsageError


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PM_CLS_CACHE", str(tmp_path / "cache"))


def ones(array):
    array[:] = 1


def test_made_once_and_mapped_read_only():
    first = cached_array("key", (2, 3), ones)
    again = cached_array("key", (2, 3), lambda _: pytest.fail("made again"))
    assert isinstance(again, np.memmap) and not again.flags.writeable
    assert first.tolist() == again.tolist() == [[1] * 3] * 2
    assert [path.name for path in cache_folder().iterdir()] == ["key.npy"]


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00cut"])
def test_a_damaged_file_is_made_again(content):
    cached_array("key", (2, 3), ones)
    (cache_folder() / "key.npy").write_bytes(content)
    assert cached_array("key", (2, 3), ones).sum() == 6


def test_a_failure_leaves_nothing():
    with pytest.raises(ZeroDivisionError):
        cached_array("key", (2, 3), lambda _: 1 / 0)
    assert list(cache_folder().iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="PM_CLS_CACHE can name another folder"):
        cached_array("key", (2, 3), ones)


def test_without_the_variable_it_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("PM_CLS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pm_cls"
