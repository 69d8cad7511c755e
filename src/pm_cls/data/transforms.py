"""uint8 images -> what a network takes."""

import numpy as np


def to_float(images: np.ndarray) -> np.ndarray:
    """Bring uint8 pixels 0..255 to float32 in [-1, 1] (thesis 3.3); the shape stays."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
