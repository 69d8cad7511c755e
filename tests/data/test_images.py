"""Pixels: sampling as OpenCV does it, the RGB rule, the range, bad files."""

import io
import os
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from pm_cls.data.photographs.images import BadPhotograph, decode, read_photograph, sample
from pm_cls.data.transforms import to_float
from pm_cls.runtime.errors import DataError

ORIGINALS = ["H0001", "H0002", "H0003", "H0007", "N0001", "N0002", "P0001", "P0002", "P0212"]


def opencv_sample(path, size):
    bgr = cv2.resize(cv2.imread(str(path)), (size, size))
    return bgr[:, :, ::-1].transpose(2, 0, 1).astype(int)


@pytest.mark.parametrize("name", ORIGINALS)
def test_sampling_is_opencvs_on_real_photographs(real_data, name):
    path = real_data / "palm-original" / f"{name}.jpg"
    ours = sample(read_photograph(path), 224).astype(int)
    assert np.abs(ours - opencv_sample(path, 224)).max() <= 1


@pytest.mark.parametrize(("width", "height", "size"), [(90, 61, 32), (20, 30, 64), (32, 32, 32)])
def test_sampling_is_opencvs_on_noise(tmp_path, width, height, size):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    ours = sample(read_photograph(tmp_path / "noise.png"), size).astype(int)
    assert np.abs(ours - opencv_sample(tmp_path / "noise.png", size)).max() <= 1


def test_values_lie_in_minus_one_to_one():
    values = to_float(np.arange(256, dtype=np.uint8))
    assert values.dtype == np.float32
    assert values[0] == -1 and values[255] == 1
    np.testing.assert_allclose(values, np.arange(256) / 255 * 2 - 1, atol=1e-6)


def colour(mode):
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
    if mode == "RGBA":
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)))
        return image
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 2**16, (8, 8), np.uint16))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "RGB"])
def test_rgb_rule_is_that_of_opencv(tmp_path, mode):
    path = tmp_path / "photograph.png"
    colour(mode).save(path)
    assert np.array_equal(np.asarray(read_photograph(path)), cv2.imread(str(path))[:, :, ::-1])


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    red, green, blue = np.asarray(read_photograph(tmp_path / "red.jpg"))[0, 0].astype(int)
    assert red > 200 > 60 > max(green, blue)


def test_exif_rotation_is_applied(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(path, exif=exif)
    assert read_photograph(path).size == (10, 20) == cv2.imread(str(path)).shape[1::-1]


@pytest.fixture
def bad_files(tmp_path):
    good = tmp_path / "good.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(good)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no photograph")
    (tmp_path / "truncated.jpg").write_bytes(good.read_bytes()[:2000])
    Image.new("1", (10000, 10000)).save(tmp_path / "large.png")
    Image.new("1", (20000, 20000)).save(tmp_path / "huge.png")
    names = ("empty.jpg", "text.jpg", "truncated.jpg", "large.png", "huge.png")
    return [tmp_path / name for name in names]


def test_bad_files_are_listed_together_with_their_reasons(bad_files, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    paths = [tmp_path / "good.jpg", *bad_files, tmp_path / "absent.jpg", tmp_path / "pipe.jpg"]
    with pytest.raises(DataError) as caught:
        decode(paths, np.empty((len(paths), 3, 8, 8), np.uint8))
    words = str(caught.value)
    for reason in (
        "empty.jpg is empty",
        "text.jpg cannot be decoded",
        "truncated.jpg cannot be decoded",
        "large.png claims more than 50,000,000 pixels",
        "huge.png claims more than 50,000,000 pixels",
        "absent.jpg is not there",
        "pipe.jpg is no file",
    ):
        assert reason in words
    assert "good.jpg" not in words and words.startswith("7 bad photographs")


def test_a_bad_photograph_is_an_error_of_its_own(bad_files):
    with pytest.raises(BadPhotograph, match="is empty"):
        read_photograph(bad_files[0])


def test_whatever_pillow_raises_is_a_bad_photograph(tmp_path, monkeypatch):
    """Damaged EXIF blocks make Pillow raise struct.error, among others."""
    path = tmp_path / "photograph.jpg"
    Image.new("RGB", (8, 8)).save(path)

    def damaged(_):
        raise struct.error("required argument is not an integer")

    monkeypatch.setattr(ImageOps, "exif_transpose", damaged)
    with pytest.raises(BadPhotograph, match="cannot be decoded"):
        read_photograph(path)


def test_the_reason_names_no_file_again(tmp_path):
    (tmp_path / "a b'.jpg").write_bytes(b"no picture")
    for given in (tmp_path / "a b'.jpg", io.BytesIO(b"no picture")):
        with pytest.raises(
            BadPhotograph, match=r"^cannot be decoded \(cannot identify image file\)"
        ):
            read_photograph(given)
