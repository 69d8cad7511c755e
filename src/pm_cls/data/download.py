"""Fetches public archives of data; nothing else comes over the network but by Paddle's downloader.

An archive counts as fetched only where its SHA-256 is the one that is known.
"""

import hashlib
import http.client
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
from tqdm import tqdm

import pm_cls
from pm_cls.data import cifar10
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.files import cannot_write
from pm_cls.runtime.locks import alone

ATTEMPTS = 4
BY_HAND = "data/README.md says how to get the archive by hand"
CHUNK = 1 << 16
BYTES: dict[str, Any] = {"unit": "B", "unit_scale": True, "disable": None}  # a bar's


@dataclass(frozen=True)
class Archive:
    """Where an archive is published, its SHA-256 (hex), and the name that it gets."""

    url: str
    sha256: str
    name: str


ARCHIVES = {
    "figshare": Archive(  # 1,200 photographs
        "https://ndownloader.figshare.com/files/37786152",
        "21cd568a00a50287370572ea81b50847085819bd2f732331ee9cdc6367e6cd1f",
        "PALM.zip",
    ),
    "cifar10": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        cifar10.ARCHIVE,
    ),
}


class _Broken(Exception):
    """The server failed or the connection broke; the next attempt may do better."""


def download(out: Path, what: Archive, *, timeout: float = 30, pause: float = 1) -> Path:
    """Fetch an archive into the folder `out`, from where the last call broke off.

    What has arrived stands in a file with the ending .part until its checksum is right.

    Args:
        timeout: seconds without a byte after which a connection counts as broken.
        pause: seconds before the second attempt; twice as many before each one after it.

    Returns:
        The path of the archive.

    Raises:
        UsageError: `out` cannot be written, or holds another file of the archive's name, or another
            process is fetching it.
        DataError: the server cannot be reached or refuses, or the checksum is wrong.
        RunError: the disk is full.
    """
    url, sha256 = what.url, what.sha256
    archive, part = out / what.name, out / f"{what.name}.part"
    try:
        if archive.exists():
            if _digest(archive) != sha256:
                raise UsageError(f"{archive}: is not the archive of {url}; move it away")
            return archive
        out.mkdir(parents=True, exist_ok=True)
        with alone(part.with_name(f"{part.name}.lock"), timeout=0):
            _fetch(url, part, timeout, pause)
            found, size = _digest(part), part.stat().st_size
            if found == sha256:
                part.replace(archive)
                return archive
            part.unlink()
    except filelock.Timeout:
        raise UsageError(f"{archive}: another process is fetching it; let it finish")
    except OSError as error:  # that of the network is dealt with below
        raise cannot_write(out, error, "; the same command goes on from what has arrived")
    raise DataError(
        f"{url}: gave {size:,} bytes with SHA-256 {found}, not {sha256}; they were removed\n"
        f"try again; {BY_HAND}"
    )


def _fetch(url: str, part: Path, timeout: float, pause: float) -> None:
    """Append to `part` what it lacks, in several attempts; DataError where none succeeds."""
    for attempt in range(ATTEMPTS):
        try:
            return _fetch_rest(url, part, timeout)
        except _Broken as error:
            if attempt == ATTEMPTS - 1:
                raise DataError(
                    f"{url}: {error}, after {ATTEMPTS} attempts\n"
                    f"the same command goes on from what has arrived, if anything; {BY_HAND}"
                )
            print(f"{error}; trying again", file=sys.stderr)
        time.sleep(pause * 2**attempt)


def _fetch_rest(url: str, part: Path, timeout: float) -> None:
    """Append to `part` what it lacks, or write it anew where the server gives only the whole."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": f"pm_cls/{pm_cls.__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing is left to give: the checksum tells the rest
            return
        answer = f"the server answered {error.code} {error.reason}"
        if error.code >= 500:
            raise _Broken(answer)
        raise DataError(f"{url}: {answer}; {BY_HAND}")
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"the server cannot be reached ({getattr(error, 'reason', error)})")
    with response:
        total = response.headers.get("Content-Length")
        if response.status == 206:
            given = re.match(r"bytes (\d+)-\d+/(.+)", response.headers.get("Content-Range", ""))
            if not given or int(given[1]) != start:
                raise _Broken("the server gave another part than was asked for")
            total = given[2]
        elif response.status == 200:
            start = 0
        else:  # as 202 with an empty page, which some servers give to what is no browser
            raise DataError(f"{url}: the server answered {response.status}, no file; {BY_HAND}")
        total = int(total) if total and total.isdigit() else None
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(None, part.stem, total, initial=start, leave=False, **BYTES) as progress,
        ):
            for chunk in _chunks(response):
                file.write(chunk)
                progress.update(len(chunk))
            size = file.tell()
    if total is not None and size < total:
        raise _Broken(f"the connection broke off after {size:,} of {total:,} bytes")


def _chunks(response: Any) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"the connection broke off ({error})")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
