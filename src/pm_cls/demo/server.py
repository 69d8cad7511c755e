"""The page over HTTP, for browsers of this machine alone.

What comes in is bounded in size and number, held in memory while it is answered, and in no file.
Other pages that the browser has open cannot ask here: the names Host and Origin must be ours.
"""

import errno
import json
import os
import sys
import threading
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pm_cls.answers import page
from pm_cls.data.photographs.images import MAX_PIXELS
from pm_cls.demo.answering import EXAMPLES, Answering, BadPhotograph, example
from pm_cls.presentation.text import Language, Text
from pm_cls.runtime.errors import DataError, PmClsError, UsageError

HOST, HTTP_PORT = "127.0.0.1", 80
MOST_BYTES = 32 * 2**20  # of a file
MOST_FILES = 20  # in one go
MOST_AT_ONCE = 4  # requests that hold a file; others are told to come again
SECONDS = 30  # for what a browser sends
TEMPLATES = Path(__file__).parent
# Even where a name in a file were read as HTML, the browser would fetch and send nothing.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'"
)
# By the kind of a BadPhotograph.
REFUSALS = {
    "empty": Text("the file is empty", "文件是空的"),
    "too large": Text(
        f"the picture has more than {MAX_PIXELS // 10**6} million pixels",
        f"图片超过 {MAX_PIXELS // 10**4} 万像素，过大，无法读取",
    ),
    "several": Text(
        "the file holds several pictures; save the one that counts",
        "文件中包含多张图片，请只保存需要的那一张",
    ),
    "damaged": Text(
        "the file is damaged, or no picture; JPEG, PNG, TIFF, BMP and WebP are read",
        "文件已损坏或不是图片；可读取 JPEG、PNG、TIFF、BMP 和 WebP",
    ),
}
TOO_LARGE = Text(
    f"the file is larger than {MOST_BYTES // 2**20} MB", f"文件超过 {MOST_BYTES // 2**20} MB"
)
BUSY = Text("busy with other photographs; try again", "正在处理其他照片，请稍后重试")
NOTHING_HERE = Text("there is nothing here", "这里没有内容")
NO_RUN = Text("there is no such run any more; load the page again", "该运行已不存在，请刷新页面")
FAULT = Text("an error of the program; the terminal shows it", "程序出错，详情见终端")


class Refused(Exception):
    """What is asked for is not given; in words, with a status of HTTP."""

    def __init__(self, status: int, words: Text) -> None:
        super().__init__(words.en)
        self.status, self.words = status, words


class Server(ThreadingHTTPServer):
    """The server; `address` is where a browser finds it.

    Raises:
        UsageError: the port is in use, or cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there, two programs would share a port

    def __init__(self, port: int, answering: Answering, language: Language | None = None) -> None:
        self.answering, self.language = answering, language
        self.places = threading.BoundedSemaphore(MOST_AT_ONCE)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            in_use = getattr(error, "errno", None) == errno.EADDRINUSE
            found = "is in use" if in_use else f"cannot be had ({error})"
            raise UsageError(f"--port {port}: {found}; --port 0 takes any that is free")
        hosts = {HOST, "localhost"}
        self.names = {f"{name}:{self.server_port}" for name in hosts}
        if self.server_port == HTTP_PORT:  # which addresses leave out
            self.names |= hosts

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def server_close(self) -> None:
        super().server_close()
        self.answering.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a browser that went away is none
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = SECONDS
    _left = 0  # bytes that were sent and are not read
    server_version, sys_version = "pm_cls", ""

    def do_GET(self) -> None:
        self._reply(self._get)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        self._left = min(int(length[:18]), 8 * MOST_BYTES) if length.isdecimal() else 0
        self._reply(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody need know who looked at what."""

    def _reply(self, act: Any) -> None:
        try:
            if self.headers.get("Host") not in self.server.names:
                raise Refused(HTTPStatus.FORBIDDEN, Text("unknown host", "未知主机"))
            status, (kind, content) = HTTPStatus.OK, act()
        except Refused as refused:
            self._discard()
            status = HTTPStatus(refused.status)
            kind, content = _json({"error": vars(refused.words)})
        except (ConnectionError, TimeoutError):  # the browser's
            raise
        except Exception:  # one request; the others go on
            traceback.print_exc()
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            kind, content = _json({"error": vars(FAULT)})
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind), ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"), ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _get(self) -> tuple[str, bytes]:
        path = self._asked().path
        if path == "/":
            runs = [
                {
                    "name": one.name,
                    "is_synthetic": one.is_synthetic,
                    "problem": one.problem and vars(one.problem),
                }
                for one in self.server.answering.runs
            ]
            limits = {"bytes": MOST_BYTES, "files": MOST_FILES, "too_large": vars(TOO_LARGE)}
            text = page.fill(
                "demo.html.j2", self.server.language, [TEMPLATES],
                runs=runs, limits=limits, n_examples=len(EXAMPLES),
            )  # fmt: skip
            return "text/html; charset=utf-8", text.encode()
        if path.startswith("/examples/") and path[10:] in map(str, range(len(EXAMPLES))):
            return "image/jpeg", example(int(path[10:]))
        raise Refused(HTTPStatus.NOT_FOUND, NOTHING_HERE)

    def _post(self) -> tuple[str, bytes]:
        if not self._is_asked_from_here():
            raise Refused(HTTPStatus.FORBIDDEN, Text("asked by another page", "请求来自其他网页"))
        asked = self._asked()
        answering = self.server.answering
        acts = {"/answer": answering.answer, "/simple": answering.simple}
        number = parse_qs(asked.query).get("run", [""])[0]
        if asked.path not in acts or not number.isdecimal():
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING_HERE)
        chosen = int(number[:9])
        if chosen >= len(answering.runs):
            raise Refused(HTTPStatus.NOT_FOUND, NO_RUN)
        if problem := answering.runs[chosen].problem:
            raise Refused(HTTPStatus.CONFLICT, problem)
        if not self.server.places.acquire(blocking=False):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
        try:
            return _json(acts[asked.path](chosen, self._content()))
        except BadPhotograph as error:
            other = Text(str(error), f"无法读取这张照片（{error}）")
            raise Refused(422, REFUSALS.get(error.kind, other))
        except DataError as error:
            said = str(error).splitlines()[0]
            raise Refused(409, Text(f"not available: {said}", f"不可用：{said}"))
        except PmClsError as error:
            raise Refused(409, Text(str(error), f"无法给出结果：{error}"))
        finally:
            self.server.places.release()

    def _asked(self) -> SplitResult:
        try:
            return urlsplit(self.path)
        except ValueError:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING_HERE)

    def _is_asked_from_here(self) -> bool:
        """Whether the page that asks, where the browser names it, is ours."""
        try:
            return urlsplit(self.headers.get("Origin", self.server.address)).netloc in (
                self.server.names
            )
        except ValueError:  # of what is no address
            return False

    def _content(self) -> bytes:
        """The file that was posted, whole."""
        length = self._length()
        if length > MOST_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        self._left = 0
        content = self.rfile.read(length)
        if len(content) < length:
            raise Refused(HTTPStatus.BAD_REQUEST, Text("the file was cut off", "文件传输不完整"))
        return content

    def _discard(self) -> None:
        """Read what will not be answered, as far as is sensible: a browser listens afterwards."""
        while self._left > 0 and (part := self.rfile.read(min(self._left, 2**16))):
            self._left -= len(part)

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, Text("no length is given", "缺少文件长度"))
        return int(length[:18])


def _json(value: object) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()
