"""One photograph: file -> RGB pixels -> uint8 array of the network's size -> float32 in [-1, 1].

How colours and depths become RGB stands in `colours`. A rotation that EXIF asks for is applied.
"""

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from pm_cls.data.photographs.colours import ADVICE, BadPhotograph, stored, to_rgb
from pm_cls.data.photographs.formats import FORMATS
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.processes import processors
from pm_cls.runtime.silence import silence
from pm_cls.runtime.wording import counted

ONE_COUNTS = {"MPO", "PSD"}  # a JPEG with a second one, of two lenses; layers below their picture
Box = tuple[int, int, int, int]  # left, top, right and lower end, in pixels
DARK = 16  # grey levels: what is darker in all channels lies outside the field of view
BLOCK = 64  # photographs after which progress is kept
MAX_PIXELS = 50_000_000  # the largest photographs of iChallenge-PM have 4.4 million
NEARLY_BLACK = 0.01  # share of a photograph that is brighter than DARK, below which it is named


def read_photograph(path: str | Path | io.BytesIO) -> Image.Image:
    """Decode a whole photograph, a file or its content, to 8-bit RGB; callers silence Pillow.

    Raises:
        BadPhotograph: empty, truncated, no image, more than MAX_PIXELS pixels, several pictures,
            or values that cannot be brought to 8 bits with certainty.
    """
    if not isinstance(path, io.BytesIO) and not os.path.isfile(path):  # a pipe would be waited for
        raise BadPhotograph("is no file" if os.path.exists(path) else "is not there")
    try:
        # By content, and none that Pillow has another program draw.
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            header = stored(image)
            image.load()
            photograph = to_rgb(ImageOps.exif_transpose(image), header)
            _refuse_more(image)
            return photograph
    except BadPhotograph:
        raise
    except Image.DecompressionBombError:  # Pillow's own for very large ones
        raise BadPhotograph(
            f"claims more than {MAX_PIXELS:,} pixels, too many to read", "too large"
        )
    except Exception as error:  # on damaged files Pillow's parsers raise of every kind
        if (len(path.getbuffer()) if isinstance(path, io.BytesIO) else os.path.getsize(path)) == 0:
            raise BadPhotograph("is empty", "empty")
        advice = f"; {ADVICE}" if isinstance(error, UnidentifiedImageError) else ""
        reason = str(error).replace(f" {str(path)!r}", "").replace(f" {path}", "")
        raise BadPhotograph(f"cannot be decoded ({reason}){advice}", "damaged")


def _refuse_more(image: Image.Image) -> None:
    """Refuse pages or an animation; smaller pictures beside the first, as previews, are let be."""
    if image.format in ONE_COUNTS:
        return
    size = image.size
    try:
        image.seek(1)
    except Exception:  # there is no other, or none that can be read
        return
    if image.size == size:
        raise BadPhotograph(
            "holds several pictures of one size; save the one that counts", "several"
        )


def sample(image: Image.Image, size: int, box: Box | None = None) -> np.ndarray:
    """Sample an RGB image to a square, as OpenCV's `resize` with its defaults does.

    That is bilinear between the four nearest pixels, without anti-aliasing and without keeping the
    aspect. Pillow's `resize` would average over more pixels; its affine transform does not.

    Args:
        box: the part that is sampled, by default all; black where it reaches beyond the image.

    Returns:
        uint8 [3, size, size], channels in RGB order, 0 to 255.
    """
    left, top, right, bottom = box or (0, 0, image.width, image.height)
    scale = ((right - left) / size, 0.0, 0.0, 0.0, (bottom - top) / size, 0.0)
    if box is not None:  # of the black beyond one row is enough: more would only take memory
        width, height = image.size
        near = (max(left, -1), max(top, -1), min(right, width + 1), min(bottom, height + 1))
        image = image.crop(near)
        scale = (*scale[:2], left - near[0], *scale[3:5], top - near[1])
    sampled = image.transform(
        (size, size), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
    )
    return np.asarray(sampled).transpose(2, 0, 1)


def decode(
    paths: Sequence[str | Path],
    images: np.ndarray,
    rows: np.ndarray | None = None,
    keep: Callable[[Sequence[int]], None] = lambda done: None,
    sampled: Callable[[Image.Image, int], np.ndarray] = sample,
    shown: bool = True,
) -> None:
    """Sample photographs into `images`, uint8 [n, 3, size, size], on all cores.

    Args:
        rows: indices of those that are wanted; all by default.
        keep: called with the indices of each block that is done.
        sampled: how a photograph becomes its row.
        shown: whether a bar shows how far it is.

    Raises:
        DataError: there are bad photographs; all of them are named.
    """
    bad: list[str] = []
    wanted = np.arange(len(paths)) if rows is None else rows

    def one(row: int) -> str | None:
        try:
            images[row] = sampled(read_photograph(paths[row]), images.shape[-1])
        except BadPhotograph as error:
            return f"{paths[row]} {error}"
        return None

    progress = tqdm(
        total=len(wanted), desc="decoding photographs", disable=None if shown else True, leave=False
    )
    with (
        silence(),
        progress,
        ThreadPoolExecutor(processors()) as pool,
    ):  # Pillow decodes without Python's lock
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK].tolist()
            found = list(pool.map(one, block))
            bad += [problem for problem in found if problem]
            keep([row for row, problem in zip(block, found, strict=True) if not problem])
            progress.update(len(block))
    if bad:
        raise DataError(counted(len(bad), "bad photograph") + ":\n  " + "\n  ".join(bad))


def nearly_black(images: np.ndarray) -> np.ndarray:
    """Which photographs show next to nothing, as those of which the range was mistaken: bool [n].

    Args:
        images: uint8 [n, channels, h, w]; may be a memory map.
    """
    step = max(images.shape[-1] // 50, 1)  # these many a side are enough
    shares = [(one[:, ::step, ::step] > DARK).any(axis=0).mean() for one in images]
    return np.array(shares, float) < NEARLY_BLACK


def field_of_view(images: np.ndarray) -> np.ndarray:
    """Where photographs show the eye and not the dark around it: bool [n, h, w].

    Dark places within it are filled, so that vessels and pigment belong to it.

    Args:
        images: uint8 [n, channels, h, w].
    """
    from scipy import ndimage  # takes half a second, which prediction does not need

    bright = images.max(axis=1) > DARK
    return np.stack([ndimage.binary_fill_holes(one) for one in bright])
