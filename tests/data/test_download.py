"""`download`, from a server in this process that fails in every way a server can."""

import hashlib
import http.server
import socket
import threading
import time
from pathlib import Path

import pytest

from pm_cls.data import __main__ as commands
from pm_cls.data import download as module
from pm_cls.data.download import ARCHIVES, ATTEMPTS, Archive, download
from pm_cls.runtime.errors import DataError, RunError, UsageError
from pm_cls.runtime.locks import alone

pytestmark = pytest.mark.once  # the same with every version of the libraries

CONTENT = bytes(range(256)) * 1200
FILE_NAME = ARCHIVES["figshare"].name
PART = f"{FILE_NAME}.part"


class Server:
    """Answers each request as the next of `plan` says, the last of them for ever.

    A plan's entry: "whole", "range", "no length", a number (an error's status), or a tuple
    (bytes after which the connection breaks, "whole" or "range").
    """

    def __init__(self):
        self.plan, self.asked, self.content = ["range"], [], CONTENT
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.headers.get("Range"))
                outer.answer(self, outer.plan.pop(0) if len(outer.plan) > 1 else outer.plan[0])

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/files/1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request, plan):
        stop, how = plan if isinstance(plan, tuple) else (None, plan)
        if isinstance(how, int):
            request.send_response(how)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        start, asked = 0, request.headers.get("Range")
        if how != "whole" and asked:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            first = start + (how == "another range")
            last, total = len(self.content) - 1, "*" if how == "no length" else len(self.content)
            request.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        else:
            request.send_response(200)
        if how != "no length":
            request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        request.wfile.write(self.content[start:][:stop])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def fetch(server, out, content=CONTENT, **settings):
    settings = {"timeout": 5, "pause": 0, **settings}
    what = Archive(server.url, hashlib.sha256(content).hexdigest(), FILE_NAME)
    return download(out, what, **settings)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_whole_archive_and_again(server, tmp_path):
    out = tmp_path / "new" / "folder"
    assert fetch(server, out) == out / FILE_NAME
    assert (out / FILE_NAME).read_bytes() == CONTENT and names(out) == [FILE_NAME]
    fetch(server, out)
    assert server.asked == [None]  # the second call asked for nothing


def test_breaks_are_gone_on_from(server, tmp_path, capsys):
    server.plan = [(100_000, "range"), (100_000, "range"), "range"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]
    assert "broke off after 100,000 of 307,200 bytes; trying again" in capsys.readouterr().err
    assert names(tmp_path) == [FILE_NAME]


def test_an_earlier_part_is_gone_on_from(server, tmp_path):
    (tmp_path / PART).write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=5000-"]


def test_server_without_ranges_starts_again(server, tmp_path):
    server.plan = [(100_000, "whole"), "whole"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_server_that_tells_no_length(server, tmp_path):
    server.plan = ["no length"]
    (tmp_path / PART).write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_part_that_is_whole_already(server, tmp_path):
    (tmp_path / PART).write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_another_part_than_asked_for_is_not_appended(server, tmp_path):
    server.plan = ["another range"]
    (tmp_path / PART).write_bytes(CONTENT[:5000])
    with pytest.raises(DataError, match="another part"):
        fetch(server, tmp_path)
    assert (tmp_path / PART).read_bytes() == CONTENT[:5000]


def test_wrong_bytes_are_removed(server, tmp_path):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DataError) as caught:
        fetch(server, tmp_path)
    found, wanted = (hashlib.sha256(each).hexdigest() for each in (server.content, CONTENT))
    assert f"{len(CONTENT):,} bytes with SHA-256 {found}, not {wanted}" in str(caught.value)
    assert names(tmp_path) == [] and server.asked == [None]


def test_part_of_something_else_is_removed(server, tmp_path):
    (tmp_path / PART).write_bytes(b"x" * (len(CONTENT) + 1))
    with pytest.raises(DataError, match="they were removed"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 403, 202])
def test_refusals_end_at_once_and_touch_nothing(server, tmp_path, status):
    server.plan = [status]
    (tmp_path / PART).write_bytes(CONTENT[:5000])
    with pytest.raises(DataError, match=rf"answered {status}.*data/README\.md"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1 and (tmp_path / PART).read_bytes() == CONTENT[:5000]


def test_trouble_of_the_server_is_tried_again(server, tmp_path):
    server.plan = [503, 500, "range"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    server.plan = [503]
    with pytest.raises(DataError, match=f"503 Service Unavailable, after {ATTEMPTS} attempts"):
        fetch(server, tmp_path / "other")


def test_breaks_without_end_keep_the_part(server, tmp_path):
    server.plan = [(1000, "range")]
    with pytest.raises(DataError) as caught:
        fetch(server, tmp_path)
    message = str(caught.value)
    assert "broke off" in message and "goes on from what has arrived" in message
    assert "data/README.md" in message and message.count("\n") == 1
    assert (tmp_path / PART).read_bytes() == CONTENT[: ATTEMPTS * 1000]
    assert len(server.asked) == ATTEMPTS


def test_no_way_to_the_server(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(DataError, match=r"cannot be reached \(.*refused"):
            fetch(server, tmp_path)
    server.url = "http://no-such-server.invalid/"
    with pytest.raises(DataError, match="cannot be reached"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []


def test_silent_servers_do_not_hang_it(server, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        start = time.monotonic()
        with pytest.raises(DataError, match=r"cannot be reached \(.*timed out"):
            fetch(server, tmp_path, timeout=0.1)
        assert time.monotonic() - start < 5


def test_servers_that_fall_silent_do_not_hang_it(server, tmp_path):
    answer, silence = server.answer, threading.Event()

    def fall_silent(request, plan):
        answer(request, (1000, "range"))
        request.wfile.flush()
        silence.wait(30)

    server.answer = fall_silent
    with pytest.raises(DataError, match=r"broke off \(.*timed out"):
        fetch(server, tmp_path, timeout=0.2)
    silence.set()


def test_one_process_at_a_time(server, tmp_path):
    with (
        alone(tmp_path / f"{PART}.lock"),
        pytest.raises(UsageError, match="another process is fetching it; let it finish"),
    ):
        fetch(server, tmp_path)
    assert server.asked == []
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_another_file_of_its_name_is_kept(server, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"mine")
    with pytest.raises(UsageError, match="move it away"):
        fetch(server, tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"mine" and server.asked == []


def test_places_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: cannot be written"):
        fetch(server, tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(server, tmp_path):
    (tmp_path / PART).symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); the same"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1 and names(tmp_path) == [PART]


def test_ctrl_c_keeps_the_part(server, tmp_path, monkeypatch):
    chunks = module._chunks

    def interrupted(response):
        yield next(chunks(response))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_chunks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path)
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "*")
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={module.CHUNK}-"]


def test_the_verb_asks_the_publisher_by_name_only(tmp_path, monkeypatch, capsys):
    known = {name: (one.url, one.sha256[:8]) for name, one in ARCHIVES.items()}
    assert known == {
        "figshare": ("https://ndownloader.figshare.com/files/37786152", "21cd568a"),
        "cifar10": ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c4a38c50"),
    }
    called = []
    monkeypatch.setattr(
        commands, "download", lambda out, what: called.append((out, what)) or out / what.name
    )
    commands.main(["download", "figshare", "--out", str(tmp_path)])
    assert f"pm-cls data prepare {tmp_path / FILE_NAME} --out" in capsys.readouterr().out
    commands.main(["download", "cifar10", "--out", str(tmp_path)])
    assert called == [(tmp_path, ARCHIVES[name]) for name in ("figshare", "cifar10")]
    assert "prepare" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        commands.main(["download", "elsewhere", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        commands.main(["download"])
    assert len(called) == 2
