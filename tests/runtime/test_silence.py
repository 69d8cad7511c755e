"""Nothing reaches the terminal that a user cannot act on, and nothing goes to a network."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from pm_cls.runtime.silence import SILENCED, quiet, silence
from tests.conftest import REPOSITORY

VERBS = """
import sys
from pathlib import Path
from pm_cls.report import __main__ as report
from pm_cls.train import __main__ as train
from pm_cls import predict
from pm_cls.evaluate import __main__ as evaluate
data, folder = sys.argv[1:]
run = f"{folder}/runs/lenet7_relu/seed0"
small = ["data.image_size=32", "train.epochs=2", "train.report_epochs=[2]"]
sets = [word for one in (f"data.root={data}", "model.normalization=layers", *small)
        for word in ("--set", one)]
config = ["--config", "configs/lenet7_relu.yaml", *sets]
train.main([*config, "--runs-dir", f"{folder}/runs", "--device", "cpu"])
evaluate.main(["--run", run, "--device", "cpu"])
photograph = str(next(Path(data).glob("PALM-Validation400/*")))
predict.main(["--run", run, photograph, f"{folder}/photo.png", "--device", "cpu"])
report.main(["--runs-dir", f"{folder}/runs", "--out", f"{folder}/results", "--lang", "zh"])
"""
# Every way to another machine writes down that it was tried.
NO_NETWORK = """
import socket
def refuse(*arguments, **options):
    open("{trace}", "a").write(repr(arguments) + "\\n")
    raise OSError("there is no network here")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
socket.create_connection = refuse
"""


def run(code, *arguments, prefix=()):
    command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200)


def test_nothing_but_words_of_our_own_on_stderr_and_no_use_of_the_network(photographs, tmp_path):
    Image.fromarray(np.full((64, 64), 60_000, np.uint16)).save(tmp_path / "photo.png")
    trace = tmp_path / "trace"
    alone = ["unshare", "-rn"]
    possible = subprocess.run([*alone, "true"], capture_output=True).returncode == 0
    prefix = alone if possible else ()
    done = run(NO_NETWORK.format(trace=trace) + VERBS, photographs, tmp_path, prefix=prefix)
    assert not trace.exists(), trace.read_text()
    assert (done.returncode, done.stderr) == (0, "")
    assert "finished" in done.stdout and "written" in done.stdout


def test_a_use_of_the_network_would_be_noticed(tmp_path):
    trace = tmp_path / "trace"
    code = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')"
    assert run(NO_NETWORK.format(trace=trace) + code).returncode != 0
    assert trace.exists()


def test_other_warnings_pass():
    assert all(one.reason for one in SILENCED)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with silence():
            warnings.warn("a user should know this", UserWarning, stacklevel=1)
    assert [str(one.message) for one in seen] == ["a user should know this"]


@pytest.mark.parametrize("one", SILENCED, ids=lambda one: one.message or one.module)
def test_each_silenced_warning_is_kept_back(one):
    text = one.message.replace(".*", "x") or "anything"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with silence():
            warnings.warn_explicit(text, UserWarning, "file", 1, module=f"{one.module}.part")
    assert not seen


def test_what_compiled_code_writes_is_kept_back_and_what_comes_after_is_not(capfd):
    with pytest.raises(ValueError, match="told"), quiet():
        os.write(1, b"one of a library\n")
        os.write(2, b"another\n")
        raise ValueError("told")
    print("after")
    assert capfd.readouterr() == ("after\n", "")
