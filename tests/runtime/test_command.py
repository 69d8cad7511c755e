"""What all verbs share on the command line."""

import argparse
import subprocess
import sys

import pytest

from pm_cls.runtime.command import add_runs
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # the same with every version of the libraries


@pytest.mark.parametrize("verb", ["data verify", "data check", "card --run", "report --runs-dir"])
def test_paths_that_cannot_be_used_are_told_in_words(verb):
    command = [sys.executable, "-m", "pm_cls", *verb.split(), "a" * 300]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("pm_cls: error: aaa") and "too long" in done.stderr


def test_an_option_of_runs_may_be_given_again(tmp_path):
    parser = argparse.ArgumentParser()
    add_runs(parser)
    for name in "ab":
        (tmp_path / name).mkdir()
    given = ["--run", str(tmp_path / "*"), "--run", str(tmp_path / "a"), str(tmp_path / "c")]
    assert [path.name for path in parser.parse_args(given).run] == ["a", "b", "c"]
