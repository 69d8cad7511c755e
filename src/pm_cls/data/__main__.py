"""Download, prepare, verify, check or make data.

python -m pm_cls.data download figshare --out data/downloads
python -m pm_cls.data download cifar10 --out data/cifar10
python -m pm_cls.data prepare data/downloads --out data/ichallenge_pm
python -m pm_cls.data verify data/ichallenge_pm
python -m pm_cls.data check FOLDER --page check.html
python -m pm_cls.data synthesize --out data/synthetic
python -m pm_cls.data augmentations --out augmentation.png
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tqdm import tqdm

from pm_cls.data import Split
from pm_cls.data.augmentation import pictures
from pm_cls.data.download import ARCHIVES, download
from pm_cls.data.photographs import archives, layout
from pm_cls.data.photographs import labels as label_tables
from pm_cls.data.photographs.check import check
from pm_cls.data.photographs.check_page import page
from pm_cls.data.photographs.images import decode
from pm_cls.data.photographs.splits import content_digests, nearly_black_note, repeated
from pm_cls.data.photographs.synthetic import synthesize
from pm_cls.runtime.command import new_parser, run_command
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.files import csv_text, write_bytes, write_json, write_text, writing
from pm_cls.runtime.paths import check_output, typed_path
from pm_cls.runtime.wording import enumerate_names

SIDE = 16  # pixels; enough to tell a nearly black photograph


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser("data", __doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = _verb(verbs, "download", "fetch the public archive, or the rest of it, and check it")
    verb.add_argument(
        "name", choices=ARCHIVES, help="figshare: 1,200 photographs; cifar10: 60,000 small pictures"
    )
    verb.add_argument(
        "--out", type=typed_path, required=True, metavar="DIR", help="gets the archive"
    )

    verb = _verb(verbs, "verify", "say what a folder holds, what is missing, what is bad")
    verb.add_argument("root", type=typed_path, metavar="DIR", help="folder of the photographs")

    verb = _verb(verbs, "check", "count classes, find repeats, what is unreadable or nearly black")
    verb.add_argument("root", type=typed_path, metavar="FOLDER", help="or a CSV with file,label")
    verb.add_argument("--page", type=typed_path, metavar="FILE", help="HTML file to write as well")

    verb = _verb(verbs, "prepare", "bring archives or folders into the official layout")
    verb.add_argument(
        "sources",
        type=typed_path,
        nargs="+",
        metavar="SOURCE",
        help="zip archives as downloaded, folders with such or with photographs, label tables",
    )
    verb.add_argument("--out", type=typed_path, required=True, metavar="DIR", help="folder to make")

    verb = _verb(verbs, "synthesize", "draw a set of synthetic photographs")
    verb.add_argument("--out", type=typed_path, required=True, metavar="DIR", help="folder to make")
    verb.add_argument("--seed", type=int, default=0, help="another seed draws another set")
    verb.add_argument("--train", type=int, default=400, metavar="N", help="default: 400")
    verb.add_argument("--validation", type=int, default=400, metavar="N", help="default: 400")
    verb.add_argument("--size", type=int, default=320, metavar="PX", help="default: 320")

    verb = _verb(
        verbs, "augmentations", "draw what each augmentation does to a synthetic photograph"
    )
    verb.add_argument(
        "--out", type=typed_path, required=True, metavar="FILE.png", help="picture to write"
    )

    args = parser.parse_args(arguments)
    if args.verb == "download":
        archive = download(args.out, ARCHIVES[args.name])
        print(f"written: {archive}")
        if args.name == "figshare":
            print(f"next: pm-cls data prepare {archive} --out data/ichallenge_pm")
    elif args.verb == "verify":
        print(verify(args.root))
    elif args.verb == "check":
        if args.page is not None:
            check_output("--page", args.page, (".html", ".htm"))
        found = check(args.root)
        print(*found.lines(), sep="\n")
        if args.page is not None:
            with writing(f"--page {args.page}"):
                args.page.parent.mkdir(parents=True, exist_ok=True)
                write_text(args.page, page(found))
            print(f"written: {args.page}")
    elif args.verb == "prepare":
        notes, described = prepare(args.sources, args.out)
        for note in notes:
            print(f"note        {note}")
        print(f"written: {args.out}\n{described}")
    elif args.verb == "augmentations":
        check_output("--out", args.out, (".png",))
        with writing(args.out):
            args.out.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(args.out, pictures.png())
        print(f"written: {args.out}")
    else:
        synthesize(
            args.out, seed=args.seed, train=args.train, validation=args.validation, size=args.size
        )
        print(f"written: {args.out}")


def _verb(verbs: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=purpose, description=purpose.capitalize() + ".")


def verify(root: Path) -> str:
    """Read every photograph and the labels below `root` and describe them.

    Raises:
        DataError: something that training needs is missing or bad.
    """
    listing = layout.find(root)
    photographs = listing.files()
    images = np.empty((len(photographs), 3, SIDE, SIDE), np.uint8)
    decode(photographs, images)
    counts = listing.counts()
    by_letter = ", ".join(f"{n} {letter}" for letter, n in counts["training"].items())
    by_label = counts["validation"]
    lines = [
        f"training    {len(listing.training.files)} photographs: {by_letter}",
        f"validation  {len(listing.validation.files)} photographs: "
        f"{by_label.get('1', 0)} pathological, {by_label.get('0', 0)} not",
    ]
    if listing.is_official():
        verdict = "the official iChallenge-PM set, by its counts"
    elif listing.name != layout.OFFICIAL_NAME:
        verdict = f"a set named {listing.name!r}, not the official iChallenge-PM set"
    else:
        verdict = "NOT the official iChallenge-PM set (213 P, 161 N, 26 H; 211 and 189)"
        if missing := layout.missing_names(listing):
            lines.append(f"missing     {enumerate_names(missing)}")
    if listing.ignored:
        lines.append(f"ignored     {listing.ignored} images in folders of neither split")
    groups = repeated(photographs.names, content_digests(photographs, anew=True))
    lines += [f"repeated    {' = '.join(group)}" for group in groups]
    every = Split(tuple(photographs.names), np.empty(0), images)
    lines += [f"note        {note}" for note in (*listing.notes, *nearly_black_note(every))]
    return "\n".join([f"{root}: {verdict}", *lines])


def prepare(sources: Sequence[Path], out: Path) -> tuple[list[str], str]:
    """Copy photographs and labels from archives and folders into the official layout in `out`.

    Returns:
        Sentences about what was taken otherwise than it might look, or left out; and what `verify`
        says of `out`.

    Raises:
        UsageError: `out` holds something already, or cannot be written.
        DataError: photographs or labels are missing, unreadable, do not fit each other, or lie in
            an archive that is damaged or not to be trusted. Then nothing is left behind.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: is there already; name a new folder")
    with writing(out):
        beside = next(folder for folder in out.absolute().parents if folder.exists())
        with tempfile.TemporaryDirectory(dir=beside, prefix=f".{out.name}.") as temporary:
            unpacked, draft = Path(temporary) / "unpacked", Path(temporary) / "draft"
            unpacked.mkdir()
            found = archives.unpack(sources, unpacked)
            copied: dict[str, str] = {}
            try:
                listing = layout.find(*found.roots, sources=sources, named=found.tables)
                copied = _copy(listing, draft)
                described = verify(draft).replace(str(draft), str(out))
            except DataError as error:
                words = str(error)
                for copy, photograph in copied.items():
                    words = words.replace(copy, photograph)
                raise DataError(archives.in_sources(words, found.roots))
            notes = [archives.in_sources(n, found.roots) for n in (*listing.notes, *found.notes)]
            out.parent.mkdir(parents=True, exist_ok=True)
            if out.exists():
                out.rmdir()
            draft.replace(out)
    return notes, described


def _copy(listing: layout.Listing, folder: Path) -> dict[str, str]:
    """Write a listing in the official layout; by each copy of a photograph its own path."""
    copied: dict[str, str] = {}
    for split, files in (
        (layout.TRAINING_FOLDER, listing.training.files),
        (layout.VALIDATION_FOLDER, listing.validation.files),
    ):
        (folder / split).mkdir(parents=True)
        for index, name in enumerate(tqdm(files.names, split, disable=None, leave=False)):
            place = folder / split / name
            with _opened(files[index]) as photograph, place.open("wb") as copy:
                shutil.copyfileobj(photograph, copy)
            copied[str(place)] = files[index]
    labels = zip(listing.validation.files.names, listing.validation.labels, strict=True)
    rows = [[number, *row] for number, row in enumerate(labels, start=1)]
    table = csv_text(["ID", "imgName", "Label"], rows)
    write_text(folder / label_tables.FILE_NAMES[0], table)
    if listing.name != layout.OFFICIAL_NAME:  # synthetic stays synthetic
        write_json(folder / layout.MARKER, {"name": listing.name})
    return copied


def _opened(photograph: str) -> BinaryIO:
    if (path := Path(photograph)).exists() and not path.is_file():  # a pipe would be waited for
        raise DataError(f"{photograph}: is no file")
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{photograph}: cannot be read ({error.strerror})")


if __name__ == "__main__":
    sys.exit(run_command(main))
