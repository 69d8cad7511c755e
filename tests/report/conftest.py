"""Most tests of the report look at words and numbers: for them nothing is rendered."""

import pytest

from pm_cls.report import drawing


@pytest.fixture(autouse=True)
def _unrendered(request, monkeypatch):
    """Figures are put together but not drawn, unless a test is marked `figures`."""
    if "figures" not in request.keywords:
        blank = {"svg": b'<svg id="blank"></svg>\n'}
        monkeypatch.setattr(
            drawing, "_bytes", lambda figure, kind, **options: blank.get(kind, b"no picture")
        )
