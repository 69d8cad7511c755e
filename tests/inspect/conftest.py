"""What the tests of `inspect` and of its pages share."""

import shutil

import pytest


@pytest.fixture(scope="session")
def inspected(trained, tmp_path_factory):
    """The folder of a run that `inspect` looked into; tests must not change it."""
    from pm_cls.inspect.__main__ import main

    folder = tmp_path_factory.mktemp("inspected") / trained.parent.name / trained.name
    shutil.copytree(trained, folder)
    main(["--run", str(folder), "--device", "cpu"])
    return folder
