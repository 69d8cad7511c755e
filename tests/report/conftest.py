"""Most tests of the report look at words and numbers: for them nothing is rendered."""

import pytest


@pytest.fixture(autouse=True)
def _drawn_where_marked(request):
    """Figures are put together but not drawn, unless a test is marked `figures`."""
    if "figures" not in request.keywords:
        request.getfixturevalue("unrendered")
