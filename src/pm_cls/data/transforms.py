"""uint8 images -> what a network takes."""

import numpy as np


def to_float(images: np.ndarray) -> np.ndarray:
    """Bring uint8 pixels 0..255 to float32 in [-1, 1] (thesis 3.3); the shape stays."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def in_order(images: np.ndarray, order: str) -> np.ndarray:
    """A view of RGB images [..., channels, height, width] in `order`, rgb or bgr; and back."""
    return images[..., ::-1, :, :] if order == "bgr" else images
