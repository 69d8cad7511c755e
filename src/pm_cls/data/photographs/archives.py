"""ZIP archives as they are downloaded -> folders with what the data set needs of them.

What an archive says of itself is not trusted: names, links, sizes and checksums are looked at, and
nothing is written outside the given folder. Archives within archives are unpacked as well.
"""

import errno
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import IO

from tqdm import tqdm

from pm_cls.data.photographs.folders import is_clutter, walk
from pm_cls.data.photographs.formats import EXAMPLES, is_photograph
from pm_cls.data.photographs.labels import is_header
from pm_cls.data.photographs.layout import MARKER, part_of
from pm_cls.data.photographs.tables import ENDINGS, UNREAD_ENDINGS, BadTable, read_table
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import SHOWN, enumerate_names

ENDING = ".zip"
MAX_LEVELS = 3  # a zip, one within it, one within that; training.zip has two
MAX_FOLDERS = 20  # one within the other
MAX_MEMBERS = 20_000  # of all sources; the official set has some thousands, masks included
MAX_BYTES = 4_000_000_000  # of all sources; the official set has about 1,000,000,000
MAX_RATIO = 100  # photographs hardly shrink, tables about tenfold; bombs a thousandfold
CHUNK = 1 << 20
# What the system says to names that clash or cannot be; anything else is trouble with the disk.
NAME_ERRORS = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)


@dataclass(frozen=True)
class Unpacked:
    """What to look into.

    Attributes:
        roots: folders, each with the path that stands for it in messages.
        tables: the label tables among the sources.
        notes: sentences about what was left in the archives.
    """

    roots: dict[Path, Path]
    tables: list[Path]
    notes: list[str]


def unpack(sources: Sequence[Path], folder: Path) -> Unpacked:
    """Unpack the archives among the sources, and in folders among them, into `folder`.

    Args:
        sources: folders, archives, label tables of any name.
        folder: an empty one.

    Raises:
        DataError: a source is missing, or an archive is damaged or not to be trusted.
        OSError: `folder` cannot be written.
    """
    if missing := [str(source) for source in sources if not source.exists()]:
        raise DataError(
            f"{', '.join(missing)}: not there; folders, zip archives and label tables are accepted"
        )
    unpacker, roots, tables = _Unpacker(folder), {}, []
    for number, source in enumerate(sources):
        place = folder / f"{number:04}"
        place.mkdir()
        if source.is_dir():
            roots[source] = source
            # Under the folder's own name, which may tell the split; "." and ".." tell nothing.
            root = place / source.name if source.name.strip(".") else place
            for path in (path for path in walk(source) if path.suffix.lower() == ENDING):
                unpacker.unpack_file(path, root, source, path.relative_to(source))
                roots[root] = source
        elif _is_table(source):
            tables.append(source)
        else:
            unpacker.unpack_file(source, place / source.name, source, PurePath())
            roots[place / source.name] = source
            beside = source.resolve().parent / MARKER  # synthetic photographs stay synthetic
            if beside.is_file():
                shutil.copyfile(beside, place / MARKER)
    return Unpacked(roots, tables, unpacker.notes())


def _is_table(source: Path) -> bool:
    """Whether a source is to be read as a label table: by its ending, else by what it holds."""
    if source.suffix.lower() in (*ENDINGS, *UNREAD_ENDINGS, ENDING):
        return source.suffix.lower() != ENDING
    try:
        read_table(source, is_header)
    except BadTable:
        return False
    return True


def in_sources(message: str, roots: Mapping[Path, Path]) -> str:
    """A message about unpacked files, with the paths that the user knows."""
    for root, source in roots.items():
        message = message.replace(str(root), str(source))
    return message


class _Unpacker:
    """Unpacks archives, and counts over all of them."""

    def __init__(self, scratch: Path):
        self.scratch = scratch
        self.members = 0
        self.bytes = 0
        self.unread: list[str] = []

    def notes(self) -> list[str]:
        if not self.unread:
            return []
        shown = enumerate_names(self.unread, SHOWN)
        return [
            f"{len(self.unread):,} members of the archives, in the folders of the splits, are not "
            f"read ({shown}); photographs are read as {EXAMPLES}"
        ]

    def unpack_file(self, path: Path, root: Path, source: Path, inside: PurePath) -> None:
        """Unpack the archive `path` into the folder `root / inside`, which is made."""
        (root / inside).mkdir(parents=True)
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise DataError(f"{path}: is no file")
        try:
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})")
        with file:
            self._unpack(file, root, source, inside)

    def _unpack(
        self, file: IO[bytes], root: Path, source: Path, inside: PurePath, level: int = 1
    ) -> None:
        """Unpack into `root / inside`; messages call that `source / inside`."""
        shown = source / inside
        if level > MAX_LEVELS:
            raise DataError(
                f"{shown}: is a zip in a zip, {level} deep; up to {MAX_LEVELS} are read"
            )
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # zipfile raises whatever its parsers do on a damaged file
            raise DataError(
                f"{shown}: is cut short, damaged or no zip archive ({error}); "
                "fetch it again; archives of other kinds must be unpacked first"
            )
        with archive:
            members = self._checked(archive.infolist(), shown, inside)
            size = sum(member.file_size for member in members)
            with tqdm(
                total=size, desc=shown.name, unit="B", unit_scale=True, disable=None, leave=False
            ) as progress:
                for member, path in members.items():
                    content = _content(archive, member, shown, progress)
                    if path.suffix.lower() == ENDING:
                        with tempfile.TemporaryFile(dir=self.scratch) as inner:
                            inner.writelines(content)
                            self._unpack(inner, root, source, inside / path, level + 1)
                    else:
                        _write(root / inside / path, content, f"{shown}: {_quoted(member)}")

    def _checked(
        self, members: Sequence[zipfile.ZipInfo], shown: Path, inside: PurePath
    ) -> dict[zipfile.ZipInfo, PurePath]:
        """The members that matter, with their paths; DataError where any member is refused."""
        self.members += len(members)
        if self.members > MAX_MEMBERS:
            found = f"with it the archives have {self.members:,} members"
            raise DataError(f"{shown}: {found}; up to {MAX_MEMBERS:,} are accepted")
        wanted = {}
        for member in members:
            named = PureWindowsPath(member.filename)  # which knows \ and C: beside /
            path = PurePath(*named.parts)
            refused = _refused(member, named)
            if refused or member.is_dir() or _is_clutter(inside / path):
                pass
            elif not _matters(inside / path):
                if part_of((inside / path).parts[:-1]) in ("training", "validation"):
                    self.unread.append(path.name)
            else:
                wanted[member] = path
                size, packed = member.file_size, member.compress_size
                self.bytes += size
                if size > MAX_RATIO * packed:
                    refused = (
                        f"has {packed:,} bytes and {size:,} unpacked; up to {MAX_RATIO} times are "
                        "accepted"
                    )
                elif self.bytes > MAX_BYTES:
                    refused = (
                        f"makes it {self.bytes:,} bytes unpacked; up to {MAX_BYTES:,} are accepted"
                    )
            if refused:
                raise DataError(f"{shown}: {_quoted(member)} {refused}")
        return wanted


def _refused(member: zipfile.ZipInfo, path: PureWindowsPath) -> str:
    """What forbids unpacking an archive with this member, in words; empty if nothing."""
    if not member.filename:
        return "has no name; named members are accepted"
    if path.anchor or ".." in path.parts:
        return "leads out of the archive; relative names without .. are accepted"
    if len(path.parts) > MAX_FOLDERS:
        return f"lies {len(path.parts) - 1} folders deep; fewer than {MAX_FOLDERS} are accepted"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device; files and folders are accepted"
    if member.flag_bits & 1:
        return "is encrypted; archives without a password are accepted"
    # zipfile bounds what one read of these two gives, and not of bzip2 and LZMA.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return (
            f"is packed by method {member.compress_type}; 0 (stored) and 8 (deflated) are accepted"
        )
    return ""


def _matters(path: PurePath) -> bool:
    """Whether a file is one to unpack, by its path within the source."""
    ending = path.suffix.lower()
    if path.name.lower() == MARKER or ending == ENDING:
        return True
    wanted = ending in (*ENDINGS, *UNREAD_ENDINGS) or is_photograph(path.name)
    return wanted and part_of(path.parts[:-1]) != "other"


def _is_clutter(path: PurePath) -> bool:
    return any(is_clutter(part) for part in path.parts)


def _content(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: Path, progress: tqdm
) -> Iterator[bytes]:
    """The bytes of a member, as many as its archive says, checked against its checksum."""
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
                progress.update(len(chunk))
    except Exception as error:  # as above; what the receiver of a chunk raises is not caught here
        raise DataError(f"{shown}: {_quoted(member)} is damaged ({error}); fetch the archive again")


def _write(path: Path, content: Iterable[bytes], shown: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # x, as the second of one name would replace the first
            file.writelines(content)
    except OSError as error:
        if error.errno in NAME_ERRORS:
            raise DataError(f"{shown} is no name for a file ({error.strerror}); rename it")
        raise


def _quoted(member: zipfile.ZipInfo) -> str:
    return repr(member.filename[:200])
