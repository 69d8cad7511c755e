"""A decoded picture -> 8-bit RGB, or in words why that cannot be done with certainty.

The rule is that of OpenCV's `imread`: grey is repeated in all three channels; an alpha channel is
dropped; a palette is looked up; one bit is black and white; of 16 bits the upper 8 are kept. CMYK
is converted by Pillow. What has no stated range (floats, whole numbers of 32 bits) is refused, and
so are 16 bits whose brightest value lies in the lowest quarter, as a camera of 12 bits has them.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

CONVERTED = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr"}
SIXTEEN_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}
SIXTEEN_IN_ALL = {"BGR;16"}  # 5, 6 and 5 bits a pixel
RANGE_IS_16_BITS = {"PNG", "PPM"}  # where Pillow says I for 32 bits, as some versions do
NAMES = {"F": "floats", "I": "32-bit or signed numbers", "LAB": "LAB colours", "HSV": "HSV colours"}
LEAST = 64  # of the upper 8 bits of the brightest value; 63 and less are 14 bits
WHITE_IS_ZERO, PHOTOMETRIC = 0, 262  # a value and a tag of TIFF
CODESTREAM = b"\xff\x4f\xff\x51"  # of JPEG 2000; its depth less one stands DEPTH bytes further
DEPTH = 42
ADVICE = "save it as 8-bit RGB, PNG or JPEG"


class BadPhotograph(Exception):
    """A file that cannot be read as a photograph; `str()` of it says why.

    Attributes:
        kind: `empty`, `too large`, `several`, `damaged`; "" of others.
    """

    def __init__(self, words: str, kind: str = "") -> None:
        super().__init__(words)
        self.kind = kind


class Stored(NamedTuple):
    """How a file holds its values, as its header says before it is loaded.

    Attributes:
        kind: the format, as Pillow names it.
        raw: the values' mode in the file, as Pillow names it; "" where its decoder sees to that.
        is_inverted: whether 0 is white.
    """

    kind: str | None
    raw: str
    is_inverted: bool


def stored(image: Image.Image) -> Stored:
    """What the header says of a picture that is open and not loaded."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    raw = first if isinstance(first, str) else ""
    if (image.format == "PPM" and arguments == (raw, 65535)) or (
        image.format == "JPEG2000" and _depth_of_jpeg2000(image) == 16
    ):
        raw = f"{image.mode};16"
    tags = getattr(image, "tag_v2", {})
    return Stored(image.format, raw, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def _depth_of_jpeg2000(image: Image.Image) -> int:
    """Bits of a value of the first channel, by the header."""
    file = image.fp
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    at = content.find(CODESTREAM) + DEPTH
    return (content[at] & 0x7F) + 1 if at < len(content) else 8


def to_rgb(image: Image.Image, stored: Stored) -> Image.Image:
    """Bring a loaded picture to 8-bit RGB.

    Raises:
        BadPhotograph: its values cannot be brought to 0 to 255 with certainty.
    """
    if image.mode in SIXTEEN_BITS or (image.mode == "I" and stored.kind in RANGE_IS_16_BITS):
        if stored.is_inverted:
            raise BadPhotograph(f"has 16 bits in which 0 is white; {ADVICE}")
        values = np.asarray(image)
        if stored.raw == "I;12":  # its 12 bits are stated
            return Image.fromarray((values >> 4).astype(np.uint8)).convert("RGB")
        image = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
        _check_range(image)
    elif image.mode not in CONVERTED:
        found = NAMES.get(image.mode, f"values of the kind {image.mode}")
        raise BadPhotograph(f"holds {found}, whose range is not certain; {ADVICE}")
    elif "16" in stored.raw and stored.raw not in SIXTEEN_IN_ALL:
        _check_range(image)  # of colours Pillow has kept the upper 8 bits
    return image.convert("RGB")


def _check_range(upper: Image.Image) -> None:
    """Refuse 16 bits whose upper ones are not in use, by the upper 8 of each value."""
    colours = [name for name in upper.getbands() if name not in "Aa"]
    brightest = max(np.asarray(upper.getchannel(name)).max() for name in colours)
    if brightest < LEAST:
        raise BadPhotograph(
            f"has 16 bits, of which its brightest value uses less than {LEAST << 8:,} of 65,535, "
            f"as 12 bits do; scale it to the full range, or {ADVICE}"
        )
