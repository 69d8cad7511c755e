"""A photograph as the network is shown it, small, and where its answer comes from over it."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pm_cls.data.transforms import in_order
from pm_cls.presentation.templates import address_of
from pm_cls.records.saliency import spread

if TYPE_CHECKING:
    from pm_cls.models.classifier import Run

SIDE = 160  # pixels
QUALITY = 75
WAYS = ("grad-cam", "occlusion")
# Black, violet, red, orange, pale yellow: those of Matplotlib's magma, which the report uses.
COLOURS = np.array([(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)])
STRONGEST = 0.75  # share of the colour where the map is largest


def thumbnail(photograph: np.ndarray) -> str:
    """A JPEG as a data address, SIDE pixels a side, of uint8 [3, size, size]."""
    return address_of(_sized(photograph), "jpeg", QUALITY)


def overlaid(photograph: np.ndarray, heat: np.ndarray) -> str | None:
    """As `thumbnail`, in grey, with a map over it.

    Args:
        heat: float [h, w] of any size; what is negative counts as 0.

    Returns:
        None where nothing in the map is above 0.
    """
    positive = np.maximum(heat, 0).astype(np.float32)
    if not (largest := float(positive.max())) > 0:
        return None
    scaled = Image.fromarray(positive / largest).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    share = np.asarray(scaled).clip(0, 1)
    places = np.linspace(0, 1, len(COLOURS))
    colour = np.stack([np.interp(share, places, COLOURS[:, i]) for i in range(3)], axis=-1)
    grey = np.asarray(_sized(photograph).convert("L"), np.float32)[..., np.newaxis]
    weight = STRONGEST * share[..., np.newaxis]
    return address_of(
        Image.fromarray((grey * (1 - weight) + colour * weight).astype(np.uint8)), "jpeg", QUALITY
    )


def heat_maps(run: "Run", photographs: np.ndarray, labels: np.ndarray, way: str) -> np.ndarray:
    """What speaks for each answer, float32 [n, h, w], of photographs uint8 [n, 3, size, size], RGB.

    Args:
        labels: the answers, int [n].
        way: one of WAYS; Grad-CAM takes a second forward and a backward pass, occlusion 170 forward
            passes for each photograph of 224 pixels.
    """
    from pm_cls.inspect import saliency

    images = np.ascontiguousarray(in_order(photographs, run.config.data.channel_order))
    if way == "grad-cam":
        return saliency.grad_cam(run.network, images, labels)
    pairs = zip(images, labels, strict=True)
    falls = (saliency.occlusion(run.network, image, int(one)) for image, one in pairs)
    return np.stack([spread(one, images.shape[-1]) for one in falls])


def _sized(photograph: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(photograph.transpose(1, 2, 0)))
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
