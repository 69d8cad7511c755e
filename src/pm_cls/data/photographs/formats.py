"""Which files are photographs, by their endings: all pictures of pixels that Pillow reads."""

from PIL import Image

# What Pillow opens but does not read by itself (another program, or nothing, draws it), and what
# is an icon, so that the Folder.ico of a system is no photograph.
OTHERS = {"BUFR", "CUR", "EPS", "GRIB", "HDF5", "ICNS", "ICO", "IPTC", "MPEG", "WMF", "XBM", "XPM"}
Image.init()
# JPEG first, since the formats are tried in this order.
FORMATS = ("JPEG", "PNG", *sorted(set(Image.OPEN) - OTHERS - {"JPEG", "PNG"}))
SUFFIXES = tuple(
    sorted(
        ending
        for ending, name in Image.registered_extensions().items()
        if name in (*FORMATS, "MPO")  # which the reader of JPEG opens
    )
)
EXAMPLES = ".jpg, .png, .tif, .bmp, .webp and what else Pillow reads"  # for messages


def is_photograph(name: str) -> bool:
    """Whether a file is one to be read as a photograph, by its name."""
    return name.lower().endswith(SUFFIXES)
