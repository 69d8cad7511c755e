"""Standard streams and working folders that cannot be used; what the command line takes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pm_cls import __version__
from pm_cls.runtime.command import Expanded, expanded, new_parser
from pm_cls.runtime.errors import UsageError

pytestmark = pytest.mark.once  # the same with every version of the libraries

bash = pytest.mark.skipif(os.name == "nt", reason="the shell and devices of POSIX")
VERBS = {
    "help": ["pm_cls", "--help"],
    "help of a verb": ["pm_cls.train", "--help"],
    "version": ["pm_cls", "--version"],
    "data verify": ["pm_cls.data", "verify", "PHOTOGRAPHS"],
    "predict": ["pm_cls.predict", "--run", "RUN", "PHOTOGRAPHS", "--device", "cpu"],
}
WRONG = ["pm_cls.predict", "--run", "absent", "PHOTOGRAPHS"]  # a foreseen failure: 2


@pytest.fixture
def shell(photographs, trained, tmp_path):
    """Run a verb in bash with something after it; its exit code and what is left of the streams."""

    def run(verb, after, before="", python=()):
        names = {"PHOTOGRAPHS": str(photographs), "RUN": str(trained)}
        words = [names.get(word, word) for word in verb]
        command = shlex.join([sys.executable, *python, "-m", *words])
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {before}\n{command} {after}"],
            cwd=tmp_path, capture_output=True, text=True, timeout=100,
        )  # fmt: skip

    return run


@bash
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("after", "code", "words"),
    [
        (">/dev/full", 4, "standard output cannot be written (No space left on device)"),
        (">&-", 2, "standard output is closed"),
    ],
)
def test_output_that_cannot_be_written_is_told(shell, verb, after, code, words):
    done = shell(VERBS[verb], after)
    assert (done.returncode, done.stdout) == (code, "")
    told = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(told) == 1 and words in told[0]


@bash
@pytest.mark.parametrize(
    ("after", "code", "words"),
    [
        ("1</dev/null", 2, "standard output cannot be written (Bad file descriptor)"),
        ("2>&- >/dev/null", 0, ""),
        ("2>/dev/full >/dev/null", 0, ""),
        ("<&- >/dev/null", 0, ""),
        (">&- 2>&- <&-", 2, ""),
        ("| true", 0, ""),
    ],
)
@pytest.mark.parametrize("unbuffered", [(), ("-u",)])
def test_any_stream_may_be_unusable(shell, after, code, words, unbuffered):
    done = shell(VERBS["data verify"], after, python=unbuffered)
    assert done.returncode == code
    assert words in done.stderr and len(done.stderr.splitlines()) == bool(words)


@bash
@pytest.mark.parametrize("after", [">/dev/full", "2>/dev/full", "2>&-", "| true"])
def test_a_failure_keeps_its_own_code(shell, after):
    assert shell(WRONG, after).returncode == 2


@bash
@pytest.mark.parametrize(
    ("after", "code"), [(">/dev/full", 4), ("2>/dev/full", 0), ("| head -1", 0)]
)
def test_work_is_finished_where_nobody_hears_of_it(shell, tmp_path, after, code):
    done = shell(["pm_cls.data", "synthesize", "--out", "made", "--train", "3", "--validation", "2",
                  "--size", "40"], after)  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "made").rglob("*.jpg"))) == 5


@bash
@pytest.mark.parametrize("verb", ["data verify", "predict"])
def test_a_deleted_working_folder_is_told(shell, verb):
    done = shell(VERBS[verb], "", before="mkdir gone; cd gone; rmdir ../gone")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the working folder is not there any more" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@bash
@pytest.mark.parametrize("verb", ["help", "help of a verb", "version"])
def test_help_needs_no_working_folder(shell, verb):
    done = shell(VERBS[verb], "", before="mkdir gone; cd gone; rmdir ../gone")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["pm_cls", "--version"],
        ["pm_cls", "-V"],
        ["pm_cls", "version"],
        ["pm_cls", "train", "--version"],
        ["pm_cls.predict", "-V"],
        ["pm_cls.data", "--version"],
    ],
    ids=" ".join,
)
def test_version(words):
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pm-cls {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "shown"),
    [(["help"], "usage: pm-cls VERB"), ([], "usage: pm-cls VERB"),
     (["help", "train"], "usage: pm-cls train"), (["train", "-h"], "usage: pm-cls train")],
)  # fmt: skip
def test_help(words, shown):
    done = subprocess.run([sys.executable, "-m", "pm_cls", *words], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(shown)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("runs/a/seed0", "runs/a/seed1", "runs/b/seed0", "odd[1]/seed0", "home/run"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("runs/*/seed*", ["runs/a/seed0", "runs/a/seed1", "runs/b/seed0"]),
        ("runs/?/seed[1-9]", ["runs/a/seed1"]),
        ("runs/**/seed0", ["runs/a/seed0", "runs/b/seed0"]),
        ("odd[1]", ["odd[1]"]),  # a name that looks like a pattern
        ("runs/absent", ["runs/absent"]),  # whoever reads it says that it is not there
        ("~/run", ["home/run"]),
        ("~/r*", ["home/run"]),
    ],
)
def test_patterns_are_expanded(folders, given, found):
    paths = [one.relative_to(folders) if one.is_absolute() else one
             for one in expanded(given, "--run")]  # fmt: skip
    assert paths == list(map(Path, found))


def test_a_pattern_of_the_command_line(folders):
    parser = new_parser("verb", "")
    parser.add_argument("--run", nargs="+", action=Expanded)
    parser.add_argument("--one", action=Expanded)
    parser.add_argument("photographs", nargs="*", action=Expanded)
    args = parser.parse_args(["runs/a/*", "--run", "runs/*/seed1", "odd[1]", "--one", "runs/b*"])
    assert args.run == [Path("runs/a/seed1"), Path("odd[1]")]
    assert args.one == Path("runs/b")
    assert args.photographs == [Path("runs/a/seed0"), Path("runs/a/seed1")]
    for words, told in (
        (["--run", "runs/*/seed7"], "--run runs/.*seed7: nothing matches this pattern"),
        (["x*"], r"photographs x\*: nothing matches"),
        (["--one", "runs/*/seed*"], "--one .*: one is needed, 3 match: runs/a/seed0, "),
    ):
        with pytest.raises(UsageError, match=told):
            parser.parse_args(words)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("predict", ["--run", "runs/a/seed0", "photo.jpg", ""]),
        ("predict", ["--run", "", "photo.jpg"]),
        ("evaluate", ["--run", "runs/a/seed0", " "]),
        ("export", ["--run", "", "--out", "a.onnx"]),
        ("card", ["--run", ""]),
        ("report", ["--runs-dir", ""]),
        ("report", ["--photographs", ""]),
        ("baselines", ["--data", ""]),
    ],
)
def test_an_empty_argument_is_not_the_working_folder(verb, words, folders):
    module = f"pm_cls.{verb}"
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True)
    assert done.returncode == 2 and "is no path" in done.stderr, done.stderr
