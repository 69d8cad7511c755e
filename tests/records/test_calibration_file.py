"""What answers are worth is read only where it could be so."""

import json

import pytest

from pm_cls.config import Config
from pm_cls.records import calibration as records
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.calibration import Calibration

pytestmark = pytest.mark.once  # numbers in a file, the same with every version of the libraries

STORED = Calibration(temperature=0.8, threshold=0.6, certain=0.9, n=40)
LAST = Config.model_validate({"experiment": "any"})


def test_it_is_read_as_it_was_written(tmp_path):
    records.write(tmp_path, STORED, None, "held out")
    assert records.read(tmp_path, LAST, LAST.train.epochs) == STORED
    assert records.read(tmp_path, LAST, LAST.train.epochs - 1) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", float("nan")), ("temperature", 0.0), ("temperature", -1.0),
        ("threshold", 1.5), ("threshold", float("nan")), ("certain", -0.1), ("n", -1),
        ("limit", float("inf")),
    ],
)  # fmt: skip
def test_what_it_cannot_be_is_told(tmp_path, key, value):
    """A temperature of NaN would make every probability NaN, and every answer 0."""
    records.write(tmp_path, STORED, None, "held out")
    path = tmp_path / records.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UsageError, match=rf"calibration\.json: is damaged \({key}: "):
        records.read(tmp_path, LAST, LAST.train.epochs)
