"""Photographs of other endings, depths and colours; files that unfold; nearly black ones."""

import gzip
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset, mnist
from pm_cls.data.__main__ import main
from pm_cls.data.photographs import layout
from pm_cls.data.photographs.colours import stored
from pm_cls.data.photographs.formats import is_photograph
from pm_cls.data.photographs.images import BadPhotograph, decode, nearly_black, read_photograph
from pm_cls.runtime.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)


def load(root):
    return load_dataset(DataConfig(root=str(root), image_size=32))


# Row 36: endings.


@pytest.mark.parametrize(
    "ending", [".tif", ".TIFF", ".bmp", ".webp", ".gif", ".jp2", ".ppm", ".tga", ".jfif", ".png"]
)
def test_other_endings_are_read(official, tmp_path, ending):
    path = official / "PALM-Training400" / "P0001.jpg"
    Image.open(path).save(path.with_suffix(ending))
    path.unlink()
    names = load(official).train.names
    assert f"P0001{ending}" in names and len(names) == 24
    main(["prepare", str(official), "--out", str(tmp_path / "out")])
    assert load(tmp_path / "out").train.names == names


@pytest.mark.parametrize(
    "name", ["a.eps", "a.pdf", "a.wmf", "a.h5", "a.ico", "a.dcm", "a.heic", "a.txt", "jpg", "a."]
)
def test_other_files_are_no_photographs(name):
    assert not is_photograph(name)


@pytest.mark.parametrize("name", ["P0009.dcm", "P0009.heic", "P0009.rar", "P0009", "P0009.jpg~"])
def test_what_is_not_read_is_counted_and_named(official, name):
    assert layout.find(official).notes == ()
    (official / "PALM-Training400" / name).write_bytes(b"x")
    (official / "PALM-Training400" / "desktop.ini").write_bytes(b"x")
    (note,) = layout.find(official).notes
    assert note.startswith(f"1 files in the folders of the splits are not read ({name})")
    for path in (official / "PALM-Training400").glob("*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match="training photographs are missing") as caught:
        layout.find(official)
    assert name in str(caught.value)


def test_photographs_of_no_split_are_named(official):
    (official / "more").mkdir()
    for number in range(3):
        Image.fromarray(NOISE).save(official / "more" / f"P{number}.tif")
    (note,) = layout.find(official).notes
    assert note.startswith("3 images are left out") and "P0.tif, P1.tif, P2.tif" in note


def test_a_program_is_never_asked_to_draw(tmp_path):
    path = tmp_path / "photograph.jpg"
    Image.fromarray(NOISE).save(path, format="EPS")
    with pytest.raises(BadPhotograph, match=r"cannot identify.*save it as 8-bit RGB"):
        read_photograph(path)


# Row 38: ranges.


def png_of_16_bits(path, values, colour_type):
    """PNG with 16 bits a value; Pillow writes colours with 8 only."""

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


WIDE = np.random.default_rng(1).integers(0, 2**16, (16, 16, 4)).astype(np.uint16)
KINDS = {"grey": (0, 1), "colour": (2, 3), "colour and alpha": (6, 4), "grey and alpha": (4, 2)}


@pytest.mark.parametrize("kind", KINDS)
def test_16_bits_keep_the_upper_8(tmp_path, kind):
    colour_type, n = KINDS[kind]
    png_of_16_bits(tmp_path / "a.png", WIDE[:, :, :n], colour_type)
    pixels = np.asarray(read_photograph(tmp_path / "a.png"))
    colours = 3 if n > 2 else 1
    assert (pixels == (WIDE[:, :, :colours] >> 8)).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", KINDS)
def test_fewer_bits_in_16_are_refused(tmp_path, kind, bits):
    colour_type, n = KINDS[kind]
    values = WIDE[:, :, :n] >> (16 - bits)
    if n in (2, 4):
        values[:, :, -1] = 65535  # alpha says nothing
    png_of_16_bits(tmp_path / "a.png", values, colour_type)
    with pytest.raises(BadPhotograph, match="as 12 bits do; scale it to the full range"):
        read_photograph(tmp_path / "a.png")


def test_16_bits_a_pixel_are_8_bits_a_colour(tmp_path):
    """A dark BMP of 5, 6 and 5 bits, which Pillow calls BGR;16."""
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    pixels = np.full((4, 4), 0b00100_001000_00100, "<u2").tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 16, 3, len(pixels), 0, 0, 0, 0)
    start = struct.pack("<2sIHHI", b"BM", 66 + len(pixels), 0, 0, 66)
    (tmp_path / "a.bmp").write_bytes(start + header + masks + pixels)
    found = np.asarray(read_photograph(tmp_path / "a.bmp"))
    assert found.shape == (4, 4, 3) and 30 <= found.min() <= found.max() < 40


@pytest.mark.parametrize("ending", [".tif", ".jp2", ".pgm"])
def test_12_bits_in_other_files_are_refused(tmp_path, ending):
    _save_16_bits(WIDE[:, :, 0] >> 4, tmp_path / f"a{ending}")
    with pytest.raises(BadPhotograph, match="scale it to the full range"):
        read_photograph(tmp_path / f"a{ending}")
    _save_16_bits(WIDE[:, :, 0], tmp_path / f"b{ending}")
    assert np.asarray(read_photograph(tmp_path / f"b{ending}")).max() > 200


def test_12_bits_in_colour_are_refused_unless_they_are_stated(tmp_path):
    values = WIDE[:, :, :3] >> 4
    for most in (65535, 4095):
        header = f"P6 16 16 {most}\n".encode()
        (tmp_path / f"{most}.ppm").write_bytes(header + values.astype(">u2").tobytes())
    with pytest.raises(BadPhotograph, match="as 12 bits do; scale it to the full range"):
        read_photograph(tmp_path / "65535.ppm")
    assert np.asarray(read_photograph(tmp_path / "4095.ppm")).max() > 250


def test_16_bits_in_a_jpeg_2000_are_told_by_its_header(tmp_path):
    path = tmp_path / "a.j2k"
    dark = Image.fromarray(NOISE // 8)
    dark.save(path)
    assert np.abs(np.asarray(read_photograph(path)).astype(int) - NOISE // 8).max() <= 2
    content = bytearray(path.read_bytes())
    assert content[42:51:3] == b"\7\7\7"  # eight bits of each colour
    content[42:51:3] = b"\x0f\x0f\x0f"
    with Image.open(path) as image, Image.open(io.BytesIO(content)) as deep:
        assert "16" not in stored(image).raw and stored(deep).raw == "RGB;16"


def _save_16_bits(values, path):
    if path.suffix == ".pgm":  # which older versions of Pillow do not write
        header = f"P5 {values.shape[1]} {values.shape[0]} 65535\n"
        path.write_bytes(header.encode() + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(path)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8), "holds floats, whose range"),
        (np.linspace(0, 255, 64, dtype=np.float32).reshape(8, 8), "holds floats"),
        (np.arange(64, dtype=np.int32).reshape(8, 8) << 20, "holds 32-bit or signed numbers"),
        (np.arange(64, dtype=np.int32).reshape(8, 8), "holds 32-bit"),
    ],
)
def test_ranges_that_no_file_states_are_refused(tmp_path, array, words):
    Image.fromarray(array).save(tmp_path / "a.tif")
    with pytest.raises(BadPhotograph, match=words) as caught:
        read_photograph(tmp_path / "a.tif")
    assert "save it as 8-bit RGB, PNG or JPEG" in str(caught.value)


def test_lab_and_turned_grey_are_refused(tmp_path):
    Image.new("LAB", (8, 8), (120, 10, 10)).save(tmp_path / "lab.tif")
    with pytest.raises(BadPhotograph, match="LAB colours"):
        read_photograph(tmp_path / "lab.tif")
    Image.fromarray(WIDE[:, :, 0]).save(tmp_path / "white.tif", tiffinfo={262: 0})
    with pytest.raises(BadPhotograph, match="0 is white"):
        read_photograph(tmp_path / "white.tif")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_certain_colours_are_read(tmp_path, mode):
    Image.fromarray(NOISE).convert(mode).save(tmp_path / "a.tif")
    expected = Image.fromarray(NOISE).convert(mode).convert("RGB")
    assert np.array_equal(np.asarray(read_photograph(tmp_path / "a.tif")), np.asarray(expected))


@pytest.mark.parametrize("ending", [".tif", ".gif", ".webp", ".png"])
def test_several_pictures_in_one_file_are_refused(tmp_path, ending):
    pages = [Image.fromarray(np.roll(NOISE, i, 0)) for i in range(3)]
    pages[0].save(tmp_path / f"a{ending}", save_all=True, append_images=pages[1:])
    with pytest.raises(BadPhotograph, match="holds several pictures of one size"):
        read_photograph(tmp_path / f"a{ending}")
    preview = pages[0].resize((4, 4))
    if ending == ".tif":
        pages[0].save(tmp_path / "b.tif", save_all=True, append_images=[preview])
        assert read_photograph(tmp_path / "b.tif").size == (16, 16)


def test_the_picture_of_layers_is_read(tmp_path):
    """A Photoshop file; its layers are let be."""
    start = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 16, 16, 8, 3)
    content = start + bytes(12) + struct.pack(">H", 0) + NOISE.transpose(2, 0, 1).tobytes()
    (tmp_path / "a.psd").write_bytes(content)
    assert np.array_equal(np.asarray(read_photograph(tmp_path / "a.psd")), NOISE)


def test_a_palette_with_transparency_is_read_without_a_word(tmp_path, recwarn):
    image = Image.fromarray(NOISE).quantize(8)
    image.save(tmp_path / "a.png", transparency=bytes(range(8)))
    images = np.empty((1, 3, 16, 16), np.uint8)
    decode([tmp_path / "a.png"], images)
    assert np.array_equal(images[0].transpose(1, 2, 0), np.asarray(image.convert("RGB")))
    assert not recwarn.list


# Rows 33 and 38: what files unfold to, and what shows nothing.


def test_photographs_that_unfold_are_refused(tmp_path):
    text = PngImagePlugin.PngInfo()
    for name in range(80):
        text.add_text(str(name), "x" * 1_000_000, zip=True)
    Image.fromarray(NOISE).save(tmp_path / "text.png", pnginfo=text)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("a", "x" * 5_000_000, zip=True)
    Image.fromarray(NOISE).save(tmp_path / "itxt.png", pnginfo=text)
    Image.new("1", (20_000, 20_000)).save(tmp_path / "large.tif", compression="group4")
    Image.new("L", (9_000, 9_000)).save(tmp_path / "large.gif")
    for path in sorted(tmp_path.iterdir()):
        assert path.stat().st_size < 200_000
        with pytest.raises(BadPhotograph):
            read_photograph(path)


def idx(shape, values):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values


@pytest.mark.parametrize(
    ("shape", "n_bytes", "words"),
    [
        ((2**31, 28, 28), 100, "claims 1,683,627,180,032 values"),
        ((200_000, 28, 28), 100, "up to 100,000,000 are read"),
        ((3, 28, 28), 50_000_000, "more than 2,352 values"),
        ((3, 28, 28), 100, "100 values where the header"),
        ((3, 28, 28), -7, "no idx file"),
        ((0, 28, 28), 0, "0 values"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_digits_that_unfold_are_refused(tmp_path, shape, n_bytes, words, ending):
    """`n_bytes` of values stand behind the header; below 0, the header is cut."""
    content = idx(shape, bytes(n_bytes)) if n_bytes >= 0 else idx(shape, b"")[:n_bytes]
    path = tmp_path / f"images{ending}"
    path.write_bytes(gzip.compress(content, 1) if ending else content)
    with pytest.raises(DataError, match=words):
        mnist._read_idx(path, dimensions=3)


@pytest.mark.parametrize("level", [0, 5, 16])
def test_nearly_black_photographs_are_named(official, level, capsys):
    assert load(official).notes == ()
    path = official / "PALM-Validation400" / "V0003.jpg"
    Image.new("RGB", (64, 64), (level, level, level)).save(path.with_suffix(".png"))
    path.unlink()
    for _ in range(2):  # decoded, and from the cache
        assert load(official).notes == ("1 photographs are nearly black: V0003.png",)
    main(["verify", str(official)])
    assert "note        1 photographs are nearly black: V0003.png" in capsys.readouterr().out


def test_dim_is_not_black():
    images = np.zeros((4, 3, 64, 64), np.uint8)
    images[0, 0, 20:40, 20:40] = 17
    images[1, 2] = 30
    images[2, :, 0, 0] = 255
    assert nearly_black(images).tolist() == [False, False, True, True]


def test_digits_that_unfold_are_not_unfolded(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx((3, 28, 28), bytes(100_000_000)), 1))
    tracemalloc.start()
    with pytest.raises(DataError):
        mnist._read_idx(path, dimensions=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
