"""Where an answer comes from is drawn where it lies on the photograph."""

from types import SimpleNamespace

import numpy as np
from paddle import nn

from pm_cls.answers import pictures


class LastColumns(nn.Layer):
    """Answers by the last two columns of an image alone."""

    def forward(self, images):
        return images[:, 0, :, -2:].sum(axis=[1, 2]).unsqueeze(1)


def test_what_lies_at_the_edge_is_found_there():
    photographs = np.zeros((2, 3, 64, 64), np.uint8)
    photographs[..., -2:] = 255
    order = SimpleNamespace(data=SimpleNamespace(channel_order="rgb"))
    run = SimpleNamespace(network=LastColumns(), config=order)
    heat = pictures.heat_maps(run, photographs, np.ones(2, np.int64), "occlusion")
    assert heat.shape == (2, 64, 64) and heat.dtype == np.float32
    assert (heat[..., -2:] > 1).all() and not heat[..., :55].any()
