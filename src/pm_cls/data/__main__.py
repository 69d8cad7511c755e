"""Prepare, verify or make the photographs.

python -m pm_cls.data verify data/ichallenge_pm
python -m pm_cls.data prepare TRAINING VALIDATION LABELS --out data/ichallenge_pm
python -m pm_cls.data synthesize --out data/synthetic
"""

import argparse
import csv
import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pm_cls.data import ichallenge_pm
from pm_cls.data.images import decode
from pm_cls.data.synthetic import synthesize
from pm_cls.errors import DataError, UsageError, run_command
from pm_cls.runs import write_text


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="pm_cls.data", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("verify", help="say what a folder holds, what is missing, what is bad")
    verb.add_argument("root", type=Path, metavar="DIR", help="folder of the photographs")

    verb = verbs.add_parser("prepare", help="copy unpacked photographs into the official layout")
    verb.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="unpacked folders")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")

    verb = verbs.add_parser("synthesize", help="draw a set of SYNTHETIC photographs")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    verb.add_argument("--seed", type=int, default=0, help="another seed draws another set")
    verb.add_argument("--train", type=int, default=400, metavar="N", help="default: 400")
    verb.add_argument("--validation", type=int, default=400, metavar="N", help="default: 400")
    verb.add_argument("--size", type=int, default=320, metavar="PX", help="default: 320")

    args = parser.parse_args(arguments)
    if args.verb == "verify":
        print(verify(args.root))
    elif args.verb == "prepare":
        prepare(args.sources, args.out)
        print(f"written: {args.out}\n{verify(args.out)}")
    else:
        make_synthetic(
            args.out, seed=args.seed, train=args.train, validation=args.validation, size=args.size
        )
        print(f"written: {args.out}")


def verify(root: Path) -> str:
    """Read every photograph and the labels below `root` and describe them.

    Raises:
        DataError: something that training needs is missing or bad.
    """
    listing = ichallenge_pm.find(root)
    photographs = [*listing.training.paths, *listing.validation.paths]
    decode(photographs, np.empty((len(photographs), 3, 1, 1), np.uint8))
    counts = listing.counts()
    by_letter = ", ".join(f"{n} {letter}" for letter, n in counts["training"].items())
    by_label = counts["validation"]
    lines = [
        f"training    {len(listing.training.paths)} photographs: {by_letter}",
        f"validation  {len(listing.validation.paths)} photographs: "
        f"{by_label.get('1', 0)} pathological, {by_label.get('0', 0)} not",
    ]
    if listing.is_official():
        verdict = "the official iChallenge-PM set, by its counts"
    elif listing.name != ichallenge_pm.OFFICIAL_NAME:
        verdict = f"a set named {listing.name!r}, not the official iChallenge-PM set"
    else:
        verdict = "NOT the official iChallenge-PM set (213 P, 161 N, 26 H; 211 and 189)"
        if missing := ichallenge_pm.missing_names(listing):
            lines.append(f"missing     {ichallenge_pm.enumerate_names(missing)}")
    repeated = ichallenge_pm.repeated(listing, ichallenge_pm.content_digests(listing))
    for group in repeated:
        lines.append(f"repeated    {' = '.join(group)}")
    return "\n".join([f"{root}: {verdict}", *lines])


def prepare(sources: Sequence[Path], out: Path) -> None:
    """Copy photographs and labels from unpacked folders into the official layout in `out`.

    Raises:
        UsageError: `out` holds something already, or a source is an archive.
        DataError: photographs or labels are missing, or do not fit each other.
    """
    for source in sources:
        if source.is_file():
            raise UsageError(f"{source}: is a file; unpack archives first and name the folders")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: holds something already; name a new folder")
    listing = ichallenge_pm.find(*sources)
    labels = io.StringIO()
    writer = csv.writer(labels, lineterminator="\n")
    writer.writerow(["ID", "imgName", "Label"])
    rows = zip(listing.validation.names(), listing.validation.labels, strict=True)
    writer.writerows([number, *row] for number, row in enumerate(rows, start=1))

    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        for folder, photographs in (
            (ichallenge_pm.TRAINING_FOLDER, listing.training),
            (ichallenge_pm.VALIDATION_FOLDER, listing.validation),
        ):
            (draft / folder).mkdir()
            for path in tqdm(photographs.paths, folder, disable=None, leave=False):
                shutil.copyfile(path, draft / folder / path.name)
        write_text(draft / "labels.csv", labels.getvalue())
        if listing.name != ichallenge_pm.OFFICIAL_NAME:  # synthetic stays synthetic
            marker = next(s / ichallenge_pm.MARKER for s in sources if ichallenge_pm.marked_name(s))
            shutil.copyfile(marker, draft / ichallenge_pm.MARKER)
        draft.chmod(0o755)
        if out.exists():
            out.rmdir()
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def make_synthetic(out: Path, **settings: int) -> None:
    """As `pm_cls.data.synthetic.synthesize`, with a progress bar and errors in words."""

    def progress(photographs, total):  # type: ignore[no-untyped-def]
        return tqdm(photographs, "drawing photographs", total, disable=None, leave=False)

    try:
        synthesize(out, **settings, progress=progress)
    except (ValueError, FileExistsError) as error:
        raise UsageError(str(error))
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror})")


if __name__ == "__main__":
    sys.exit(run_command(main))
