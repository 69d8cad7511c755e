"""Parameters and multiplications are those that textbooks and papers state."""

import pytest

from pm_cls.config import load_config
from pm_cls.data import spec_of
from pm_cls.models.cost import cost
from tests.conftest import file_of

# Multiplications by hand: outputs x products of each, layer by layer.
DIGITS = 20 * 24**2 * 25 + 50 * 12**2 * 20 * 25 + 1800 * 500 + 500 * 10
LENET7 = 6 * 220**2 * 75 + 16 * 106**2 * 150 + 120 * 50**2 * 256 + 300_000 * 64 + 64


@pytest.mark.parametrize(
    ("experiment", "parameters", "multiplications"),
    [("digits_lenet20", 931_080, DIGITS), ("lenet7_sigmoid", 19_233_841, LENET7)],
)
def test_small_networks_by_hand(experiment, parameters, multiplications):
    config = load_config(file_of(experiment), experiment=experiment)
    found = cost(config, spec_of(config.data))
    assert (found.parameters, found.multiplications) == (parameters, multiplications)


@pytest.mark.parametrize(
    ("experiment", "billions"),
    [("resnet18", 1.81), ("resnet50", 4.09), ("densenet121", 2.83), ("vgg16", 15.47)],
)
def test_known_networks_as_published(experiment, billions):
    """The last layer, of 1,000 classes in the papers, is too small to matter."""
    config = load_config(file_of(experiment), experiment=experiment)
    found = cost(config, spec_of(config.data)).multiplications
    assert found == pytest.approx(billions * 1e9, rel=0.01)
