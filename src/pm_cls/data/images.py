"""One photograph: file -> RGB pixels -> uint8 array of the network's size -> float32 in [-1, 1].

The RGB rule, which is that of OpenCV's `imread`: a rotation that EXIF asks for is applied; grey
is repeated in all three channels; an alpha channel is dropped; a palette is looked up; of 16 bits
the upper 8 are kept. CMYK is converted by Pillow.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from pm_cls.data.cache import workers
from pm_cls.errors import DataError
from pm_cls.silence import silence

DARK = 16  # grey levels: what is darker in all channels lies outside the field of view
BLOCK = 64  # photographs after which progress is kept
MAX_PIXELS = 50_000_000  # the largest photographs of iChallenge-PM have 4.4 million
SUFFIXES = (".jpg", ".jpeg", ".png")


class BadPhotograph(Exception):
    """A file that cannot be read as a photograph; `str()` of it says why."""


def read_photograph(path: str | Path) -> Image.Image:
    """Decode a whole photograph to 8-bit RGB, by the rule above; callers silence Pillow.

    Raises:
        BadPhotograph: empty, truncated, no image, or more than MAX_PIXELS pixels.
    """
    if not os.path.isfile(path):  # a pipe would be waited for
        raise BadPhotograph("is no file")
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:  # Pillow's own for very large ones
        raise BadPhotograph(f"claims more than {MAX_PIXELS:,} pixels, too many to read")
    except Exception as error:  # on damaged files Pillow's parsers raise of every kind
        if os.path.getsize(path) == 0:
            raise BadPhotograph("is empty")
        raise BadPhotograph(f"cannot be decoded ({str(error).replace(str(path), 'it')})")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        upper_bits = np.asarray(image).astype(np.int64) >> 8
        image = Image.fromarray(upper_bits.clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def sample(image: Image.Image, size: int) -> np.ndarray:
    """Sample an RGB image to a square, as OpenCV's `resize` with its defaults does.

    That is bilinear between the four nearest pixels, without anti-aliasing and without keeping the
    aspect. Pillow's `resize` would average over more pixels; its affine transform does not.

    Returns:
        uint8 [3, size, size], channels in RGB order, 0 to 255.
    """
    scale = (image.width / size, 0, 0, 0, image.height / size, 0)
    sampled = image.transform(
        (size, size), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
    )
    return np.asarray(sampled).transpose(2, 0, 1)


def decode(
    paths: Sequence[str | Path],
    images: np.ndarray,
    rows: np.ndarray | None = None,
    keep: Callable[[Sequence[int]], None] = lambda done: None,
) -> None:
    """Sample photographs into `images`, uint8 [n, 3, size, size], on all cores.

    Args:
        rows: indices of those that are wanted; all by default.
        keep: called with the indices of each block that is done.

    Raises:
        DataError: there are bad photographs; all of them are named.
    """
    bad: list[str] = []
    wanted = np.arange(len(paths)) if rows is None else rows

    def one(row: int) -> str | None:
        try:
            images[row] = sample(read_photograph(paths[row]), images.shape[-1])
        except BadPhotograph as error:
            return f"{paths[row]} {error}"
        return None

    progress = tqdm(total=len(wanted), desc="decoding photographs", disable=None, leave=False)
    with (
        silence(),
        progress,
        ThreadPoolExecutor(workers()) as pool,
    ):  # Pillow decodes without Python's lock
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK].tolist()
            found = list(pool.map(one, block))
            bad += [problem for problem in found if problem]
            keep([row for row, problem in zip(block, found, strict=True) if not problem])
            progress.update(len(block))
    if bad:
        raise DataError(f"{len(bad)} bad photographs:\n  " + "\n  ".join(bad))


def field_of_view(images: np.ndarray) -> np.ndarray:
    """Where photographs show the eye and not the dark around it: bool [n, h, w].

    Dark places within it are filled, so that vessels and pigment belong to it.

    Args:
        images: uint8 [n, channels, h, w].
    """
    from scipy import ndimage  # takes half a second, which prediction does not need

    bright = images.max(axis=1) > DARK
    return np.stack([ndimage.binary_fill_holes(one) for one in bright])


def to_float(images: np.ndarray) -> np.ndarray:
    """Bring uint8 pixels 0..255 to float32 in [-1, 1] (thesis 3.3); the shape stays."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
