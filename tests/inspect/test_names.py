"""What is measured has a name for people."""

from pm_cls.baselines import FEATURES
from pm_cls.inspect.ablations import ABLATIONS
from pm_cls.presentation import pictures
from pm_cls.report.sections import baselines


def test_everything_that_is_measured_has_a_name_in_both_languages():
    assert list(pictures.ABLATIONS) == list(ABLATIONS)
    assert {"constant answer", *FEATURES} == set(baselines.NAMES)
    for text in (*pictures.ABLATIONS.values(), *baselines.NAMES.values()):
        assert text.en and text.zh
