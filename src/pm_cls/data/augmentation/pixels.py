"""Steps that change values: images are uint8 [channels, height, width], and keep that shape.

The channels of colours are red, green and blue, in that order or from the last on: no step tells
which is which but `contrast` and `saturation`, whose grey value weighs green alike in both and red
for blue in the latter, and `jpeg`.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def brightness(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """All values times a factor from 1 - most to 1 + most."""
    return rounded(image * _factor(rng, most))


def contrast(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Differences from the mean grey times a factor from 1 - most to 1 + most."""
    mean = _grey(image).mean(dtype=np.float64).astype(np.float32)
    return rounded(mean + _factor(rng, most) * (image - mean))


def saturation(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Differences of a pixel from its grey value times a factor from 1 - most to 1 + most."""
    grey = _grey(image)
    return rounded(grey + _factor(rng, most) * (image - grey))


def hue(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """The hue of HSV turned by up to this share of the circle, in 256 steps."""
    by = round(256 * rng.uniform(-most, most))
    colours = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).convert("HSV")
    values = np.array(colours)
    values[..., 0] += np.uint8(by % 256)  # comes round by itself
    turned = Image.fromarray(values, "HSV").convert("RGB")
    return np.asarray(turned).transpose(2, 0, 1)


def fancy_pca(
    image: np.ndarray, rng: np.random.Generator, sd: float, axes: np.ndarray | None = None
) -> np.ndarray:
    """All pixels moved by one colour, drawn along the main axes of the training set's colours.

    Krizhevsky et al. (2012), with an SD of 0.1.

    Args:
        axes: float64 [3, 3], a row an axis, as long as the variance along it; else the image's own.
    """
    axes = colour_axes(image[np.newaxis], np.arange(1)) if axes is None else axes
    moved = (rng.normal(0, sd, 3) @ axes).astype(np.float32)
    return rounded(image + moved[:, np.newaxis, np.newaxis])


def gamma(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """(value / 255) to a power from 1 / (1 + most) to 1 + most, either way as likely."""
    return rounded(255 * (image / np.float32(255)) ** _either_way(rng, most))


def balance(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Each channel times a factor of its own from 1 - most to 1 + most."""
    return rounded(image * rng.uniform(1 - most, 1 + most, (len(image), 1, 1)).astype(np.float32))


def haze(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """White laid over it, up to this share."""
    return hazed(image, rng.uniform(0, most))


def resolution(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Made smaller by a factor of up to 1 + most, and large again."""
    return coarsened(image, 1 / (1 + rng.uniform(0, most)))


def jpeg(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Through a JPEG file of a quality of 100 down to 100 * (1 - most)."""
    return through_jpeg(image, 100 * (1 - rng.uniform(0, most)))


def blur(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """By a Gaussian of an SD of up to so many pixels, as Pillow approximates it by boxes."""
    return blurred(image, rng.uniform(0, most))


def noise(image: np.ndarray, rng: np.random.Generator, sd: float) -> np.ndarray:
    """Normal noise in each value, of an SD of so many of 255 levels."""
    return rounded(image + rng.normal(0, sd, image.shape))


def hazed(image: np.ndarray, share: float) -> np.ndarray:
    return rounded(image + share * (255.0 - image))


def coarsened(image: np.ndarray, factor: float) -> np.ndarray:
    """Sampled to this share of its sides by areas, and back between the pixels."""
    _, height, width = image.shape
    smaller = (max(round(width * factor), 1), max(round(height * factor), 1))
    resized = (
        Image.fromarray(np.ascontiguousarray(one))
        .resize(smaller, Image.Resampling.BOX)
        .resize((width, height), Image.Resampling.BILINEAR)
        for one in image
    )
    return np.stack([np.asarray(one) for one in resized])


def through_jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """As a JPEG file of this quality, 1 to 100, brings it back."""
    file = io.BytesIO()
    pixels = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.save(file, "JPEG", quality=max(round(quality), 1))
    return (
        np.asarray(Image.open(file))
        .reshape(pixels.shape + (1,) * (3 - pixels.ndim))
        .transpose(2, 0, 1)
    )


def blurred(image: np.ndarray, sd: float) -> np.ndarray:
    """By a Gaussian of this SD in pixels, each channel for itself."""
    gaussian = ImageFilter.GaussianBlur(sd)
    channels = (Image.fromarray(np.ascontiguousarray(one)) for one in image)
    return np.stack([np.asarray(one.filter(gaussian)) for one in channels])


def colour_axes(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """float64 [3, 3], the main axes of the colours of these images, each a row.

    A row is as long as the variance along it, in units of 255 levels: the eigenvalue of values in
    [0, 1] times the eigenvector, times 255, as the AlexNet paper adds them.
    """
    n, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for index in indices:
        values = images[index].reshape(3, -1).astype(np.float64) / 255
        n, total, products = (
            n + values.shape[1],
            total + values.sum(1),
            products + values @ values.T,
        )
    mean = total / n
    variances, vectors = np.linalg.eigh(products / n - np.outer(mean, mean))
    vectors *= np.where(vectors.sum(0) < 0, -1, 1)  # either direction of an axis would do
    return 255 * (variances * vectors).T


def _factor(rng: np.random.Generator, most: float) -> np.float32:
    return np.float32(rng.uniform(1 - most, 1 + most))


def _either_way(rng: np.random.Generator, most: float) -> np.float32:
    """From 1 / (1 + most) to 1 + most, evenly in its logarithm."""
    reach = np.log1p(most)
    return np.float32(np.exp(rng.uniform(-reach, reach)))


def _grey(image: np.ndarray) -> np.ndarray:
    """float32 [1, height, width]."""
    if len(image) != 3:
        return image.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.tensordot(GREY, image.astype(np.float32), axes=1)[np.newaxis]


def rounded(values: np.ndarray) -> np.ndarray:
    """Of any shape, as uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
