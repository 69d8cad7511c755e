"""Where people run this: notebook, installation, container, terminal, a checkout on Windows."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pm_cls import __version__
from pm_cls.config import load_config
from pm_cls.records import epochs, folder
from pm_cls.runtime import home
from tests.conftest import REPOSITORY, TINY
from tests.runtime.test_processes import PATIENCE, posix, training, until

pytestmark = pytest.mark.once  # the same with every version of the libraries

RECORD = "results/records/alexnet/seed0"


def python(*arguments, **options):
    options = {"capture_output": True, "text": True, "timeout": 200} | options
    return subprocess.run([sys.executable, *map(str, arguments)], **options)


def test_notebook(photographs, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from nbformat import v4

    settings = [f"data.root={photographs}", *TINY]
    file = str(REPOSITORY / "configs" / "lenet7_relu.yaml")
    cells = [
        "import pm_cls",
        f"config = pm_cls.load_config({file!r}, {settings})",
        f"run = pm_cls.train(config, {str(tmp_path / 'runs')!r}, 'cpu')",
        f"answers = run.predict({str(photographs)!r})\nprint(len(answers), answers[0].name)",
        # Asked for again, from the folder of the notebook; and asked for what cannot be:
        "print(pm_cls.train(config, 'runs', 'cpu').epoch)",
        "try:\n    pm_cls.train(config, 3)\nexcept (TypeError, pm_cls.UsageError) as error:\n"
        "    print(type(error).__name__)",
    ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        notebook, timeout=200, kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    client.execute()
    said = [[out for out in cell.outputs if out.get("name") == "stdout"] for cell in notebook.cells]
    texts = ["".join(out.text for out in outputs) for outputs in said]
    assert "finished: " in texts[2] and texts[3].startswith("40 ")
    assert "2\n" in texts[4]
    kinds = {out.output_type for cell in notebook.cells for out in cell.outputs}
    assert kinds <= {"stream", "execute_result"}
    errors = [
        out.text for cell in notebook.cells for out in cell.outputs if out.get("name") == "stderr"
    ]
    assert not any("Traceback" in text or "Warning" in text for text in errors), errors


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The package as `pip install .` puts it, without its dependencies, in a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(REPOSITORY / "src", source / "src", ignore=ignore)
    for how in (["--no-index", "--no-build-isolation"], []):  # the latter asks the package index
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", target, *how]
        done = python(*command, source)
        if done.returncode == 0:
            return target
    if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
        pytest.skip("neither setuptools with wheel nor a package index is here")
    raise AssertionError(done.stderr)


def test_installation_has_all_files_of_the_package(installed):
    def files(place):
        return {str(file.relative_to(place)) for file in place.rglob("*")
                if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip

    assert files(REPOSITORY / "src" / "pm_cls") == files(installed / "pm_cls")
    assert (installed / "pm_cls" / "py.typed").is_file()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["-m", "pm_cls", "--help"], "usage: pm-cls"),
        (["-m", "pm_cls", "--version"], f"pm-cls {__version__}"),
        (["-c", "import pm_cls; print(pm_cls.__file__); pm_cls.load_config"], "INSTALLED"),
        (["-m", "pm_cls.train", "--help"], "usage: pm-cls train"),
        (["-m", "pm_cls.report", "--help"], "usage: pm-cls report"),
        (["-c", "import sys; sys.argv = ['pm-cls', 'data', '-h']; from pm_cls.__main__ import main;"
          "sys.exit(main())"], "usage: pm-cls data"),
    ],
)  # fmt: skip
def test_installation_starts_from_another_folder(installed, tmp_path, arguments, printed):
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = python(*arguments, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(printed.replace("INSTALLED", str(installed)))


AS_NOBODY = [
    "setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups",
    # Python, the package and the photographs may lie in a folder of root's:
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip


@pytest.fixture
def work():
    """A folder that anybody can write in, and get to."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


@pytest.fixture
def nobody(work):
    """Run Python as a user without a name in an environment of nothing but what is given."""
    able = shutil.which("setpriv") and subprocess.run([*AS_NOBODY, "true"], capture_output=True)
    if not able or able.returncode:
        pytest.skip("only root can become a user without a name, with setpriv")

    def run(*arguments, **environment):
        kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY / "src"),
                "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work),
                "NUMBA_DISABLE_JIT": "1"}  # nothing is compiled for this user alone  # fmt: skip
        command = [*AS_NOBODY, "env", "-i", *(f"{k}={v}" for k, v in (kept | environment).items())]
        return subprocess.run(
            [*command, sys.executable, *map(str, arguments)],
            cwd=work, capture_output=True, text=True, timeout=200,
        )  # fmt: skip

    return run


HOMES = [{}, {"HOME": "/nonexistent"}, {"HOME": "/root"}, {"HOME": "", "XDG_CACHE_HOME": "/proc/x"}]


@pytest.mark.parametrize("homes", HOMES, ids=str)
def test_a_user_without_home_and_name(nobody, photographs, work, homes):
    done = nobody(*training(photographs, "runs", 0), "--set", "train.epochs=1",
                  "--set", "train.report_epochs=[1]", **homes)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert (work / "pm_cls-12345" / "pm_cls").is_dir()


@pytest.mark.parametrize("homes", HOMES, ids=str)
def test_matplotlib_has_a_folder_and_says_nothing(nobody, homes):
    code = "from pm_cls.presentation import drawing; drawing.Figure()"  # what loads Matplotlib
    done = nobody("-c", code, **homes)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_that_is_named_and_cannot_be_used_is_told(nobody, photographs):
    done = nobody(*training(photographs, "runs", 0), PM_CLS_CACHE="/proc/nowhere")
    assert done.returncode == 2
    assert "PM_CLS_CACHE can name another" in done.stderr and "Traceback" not in done.stderr


@posix
def test_a_folder_of_somebody_else_is_no_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(home, "_usual", lambda: [])
    monkeypatch.setattr(home.tempfile, "gettempdir", lambda: str(tmp_path))
    ours = tmp_path / f"pm_cls-{os.getuid()}"
    assert home._cache_home() == ours and ours.stat().st_mode & 0o777 == 0o700
    ours.chmod(0o777)  # anybody may have put something in
    assert home._cache_home() != ours
    ours.rmdir()
    ours.symlink_to(tmp_path)
    assert home._cache_home() != ours


# Starts a program on a terminal of its own, waits for a file, and closes the terminal.
TERMINAL = """
import os, pty, sys, time
file, *command = sys.argv[1:]
pid, terminal = pty.fork()
if not pid:
    os.execvp(command[0], command)
os.set_blocking(terminal, False)
while not os.path.exists(file) or os.path.getsize(file) < 200:
    try:
        os.read(terminal, 10000)
    except OSError:
        time.sleep(0.05)
    if os.waitpid(pid, os.WNOHANG)[0]:
        sys.exit("ended too early")
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def closed_terminal(file, command):
    done = python("-c", TERMINAL, file, *command)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def is_free(place):
    try:
        with folder.locked(place):
            return True
    except Exception:
        return False


@posix
def test_a_closed_terminal_stops_a_training_in_order(photographs, tmp_path):
    command = [sys.executable, *training(photographs, tmp_path, 0)]
    place = folder.run_folder(tmp_path, "lenet7_relu", 0)
    assert closed_terminal(place / epochs.FILE, command) == 143
    assert is_free(place)
    assert "the same command goes on after epoch" in (place / folder.LOG).read_text()


@posix
def test_a_closed_terminal_stops_reproduce_and_its_runs(photographs, tmp_path):
    (tmp_path / "configs").mkdir()
    for name in ("lenet7_relu", "lenet7_sigmoid"):
        text = (REPOSITORY / "configs" / f"{name}.yaml").read_text()
        text = text.replace("image_size: 224", "image_size: 32").replace("[5, 10]", "[400]")
        (tmp_path / "configs" / f"{name}.yaml").write_text(
            text.replace("epochs: 10", "epochs: 400")
        )
    command = [sys.executable, "-m", "pm_cls.reproduce", "--repository", str(tmp_path)]
    command += ["--data", str(photographs), "--runs-dir", str(tmp_path / "runs"), "--jobs", "2"]
    places = [tmp_path / "runs" / name / "seed0" for name in ("lenet7_relu", "lenet7_sigmoid")]
    assert closed_terminal(places[0] / epochs.FILE, [*command, "--device", "cpu"]) == 143
    assert until(lambda: all(map(is_free, places)))
    lines = len(epochs.read(places[0]))
    again = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.DEVNULL)
    assert until(lambda: len(epochs.read(places[0])) > lines)
    again.kill()  # and killed, it leaves no run behind either
    again.wait(PATIENCE)
    assert until(lambda: all(map(is_free, places)))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A clone with the line ends that git gives to Windows, of the files as they are here."""
    source, clone = tmp_path_factory.mktemp("git") / "source", tmp_path_factory.mktemp("windows")

    def git(*arguments, cwd=None):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    if not (REPOSITORY / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no clone of git")
    git("clone", "--quiet", "--no-hardlinks", REPOSITORY, source)
    shutil.copy(REPOSITORY / ".gitattributes", source)
    git("add", ".gitattributes", cwd=source)
    git("commit", "--quiet", "--allow-empty", "--message", "as it is here", cwd=source)
    git("clone", "--quiet", "-c", "core.autocrlf=true", source, clone / "tree")
    return clone / "tree"


def test_a_windows_checkout_has_the_bytes_of_the_repository(checkout):
    listed = subprocess.run(
        ["git", "ls-files", "--eol"], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert not [
        line for line in listed.stdout.splitlines() if "w/crlf" in line or "w/mixed" in line
    ]
    scripts = ("scripts/reproduce_table1.sh", "scripts/environment.sh", ".ci/run")
    for name in (
        *scripts,
        "configs/alexnet.yaml",
        "src/pm_cls/__init__.py",
        f"{RECORD}/config.yaml",
    ):
        assert b"\r" not in (checkout / name).read_bytes(), name


def test_a_windows_checkout_works(checkout):
    for script in ("reproduce_table1.sh", "test.sh", "environment.sh"):
        done = subprocess.run(["bash", "-n", checkout / "scripts" / script], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
    config = load_config(checkout / "configs" / "lenet7_relu.yaml")
    assert config.digest() == load_config(REPOSITORY / "configs" / "lenet7_relu.yaml").digest()
    assert epochs.read(checkout / RECORD) == epochs.read(REPOSITORY / RECORD)


@pytest.mark.parametrize("name", ["lenet7_relu", "alexnet", "mnist_lenet"])
def test_a_config_with_the_line_ends_of_windows(tmp_path, name):
    file = REPOSITORY / "configs" / f"{name}.yaml"
    if not file.exists():
        pytest.skip(f"there is no {file.name}")
    other = tmp_path / file.name
    other.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_config(other).digest() == load_config(file).digest()


# A Python whose pip is what a file says, and which writes down what pip is asked for.
STUB = """\
#!/usr/bin/env bash
state=STATE
case "$1 $2" in
"-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
"-m ensurepip") echo "ensurepip" >>"$state/calls"; cp "$state/bundled" "$state/pip" ;;
"-m pip")
    [ -s "$state/pip" ] || { echo "No module named pip" >&2; exit 1; }
    [ "$3" = --version ] && { echo "pip $(cat "$state/pip") from nowhere (python 3.10)"; exit; }
    echo "${@:3}" >>"$state/calls"
    case "$*" in *--upgrade*) [ -e "$state/offline" ] && exit 1; echo 25.0 >"$state/pip" ;; esac ;;
esac
exit 0
"""


@pytest.fixture
def set_up(tmp_path):
    """What scripts/environment.sh asks of pip, by its version, and how it ends."""
    repository, state, stubs = (tmp_path / name for name in ("repository", "state", "stubs"))
    shutil.copytree(REPOSITORY / "scripts", repository / "scripts")
    for name in ("pyproject.toml", "constraints.txt", "constraints-oldest.txt"):
        shutil.copy(REPOSITORY / name, repository)
    state.mkdir()
    stubs.mkdir()
    stub = stubs / "python3"
    stub.write_text(STUB.replace("STATE", str(state)))
    stub.chmod(0o755)

    def run(version, bundled="23.0", offline=False):
        (state / "pip").write_text(version)
        (state / "bundled").write_text(bundled)
        if offline:
            (state / "offline").touch()
        done = subprocess.run(
            ["bash", "-c", "set -euo pipefail; source scripts/environment.sh ''; echo $PYTHON"],
            cwd=repository, capture_output=True, text=True,
            env={"PATH": f"{stubs}:/usr/bin:/bin", "PM_CLS_PADDLE": "cpu"},
        )  # fmt: skip
        calls = (state / "calls").read_text().splitlines() if (state / "calls").exists() else []
        return done, calls

    return run


@posix
@pytest.mark.parametrize(
    ("version", "bundled", "first"),
    [
        ("21.2.4", "", "install .*--upgrade pip>=21.3"),  # of Python 3.10.0
        ("9.0.3", "", "install .*--upgrade pip>=21.3"),
        ("21.3", "", None),
        ("25.1.1", "", None),
        ("", "23.0", "ensurepip"),  # a distribution may leave it out
        ("", "21.2.3", "ensurepip"),
    ],
)
def test_pip_is_renewed_before_it_is_asked_for_more_than_it_can(set_up, version, bundled, first):
    done, calls = set_up(version, bundled)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(".venv/bin/python")
    if first is None:
        assert len(calls) == 1
    else:
        assert re.match(first, calls[0])
    if bundled == "21.2.3":
        assert "--upgrade pip>=21.3" in calls[1]
    assert "--editable" in calls[-1]


@posix
def test_an_environment_of_somebody_else_is_left_alone(set_up, tmp_path):
    theirs = tmp_path / "repository" / ".venv" / "pyvenv.cfg"
    theirs.parent.mkdir()
    theirs.touch()
    done, calls = set_up("25.1.1")
    assert (done.returncode, calls, theirs.exists()) == (2, [], True)
    assert re.fullmatch(r".*\.venv was not made by these scripts.*remove it\.\n", done.stderr)


@posix
def test_a_pip_that_cannot_be_renewed_is_told(set_up):
    done, calls = set_up("21.2.4", offline=True)
    assert done.returncode == 2
    assert "pip 21.3 or newer is needed" in done.stderr
    assert not any("--editable" in call for call in calls)


HALVES = [
    ({"PADDLE_TRAINERS_NUM": "2"}, "PADDLE_TRAINER_ID is not set"),
    ({"PADDLE_TRAINERS_NUM": "two"}, "PADDLE_TRAINERS_NUM=two: a whole number from 1 on"),
    ({"PADDLE_TRAINERS_NUM": "0"}, "PADDLE_TRAINERS_NUM=0: a whole number from 1 on"),
    ({"PADDLE_TRAINER_ID": "1"}, "PADDLE_TRAINERS_NUM is not set"),
    ({"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "-1"}, "PADDLE_TRAINER_ID=-1: a whole"),
    ({"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "2"}, "PADDLE_TRAINER_ID=2: .*from 0 to 1"),
    ({"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "0"}, "PADDLE_TRAINER_ENDPOINTS is not set"),
    (
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "0",
         "PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:6170"},
        "PADDLE_TRAINER_ENDPOINTS=.*2 different HOST:PORT",
    ),
    (
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "0",
         "PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:6170,127.0.0.1:x"},
        "PADDLE_TRAINER_ENDPOINTS=.*2 different HOST:PORT",
    ),
    (
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "1",
         "PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:6170,127.0.0.1:6171"},
        "PADDLE_CURRENT_ENDPOINT is not set",
    ),
    (
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "1",
         "PADDLE_CURRENT_ENDPOINT": "127.0.0.1:6170",
         "PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:6170,127.0.0.1:6171"},
        "PADDLE_CURRENT_ENDPOINT=127.0.0.1:6170: .*it is 127.0.0.1:6171",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("half", "words"), HALVES)
def test_half_of_a_launchers_environment_is_told(monkeypatch, half, words):
    from pm_cls.runtime.errors import UsageError
    from pm_cls.train.ranks import join

    for name, value in half.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=words):
        join("cpu")


@pytest.mark.parametrize("alone", [{}, {"PADDLE_TRAINERS_NUM": "1"}, {"PADDLE_TRAINER_ID": ""}])
def test_a_process_on_its_own_needs_no_launcher(monkeypatch, alone):
    from pm_cls.train.ranks import ALONE, join

    for name, value in alone.items():
        monkeypatch.setenv(name, value)
    assert join("cpu") is ALONE


def test_half_of_a_launchers_environment_ends_with_a_code(photographs, tmp_path):
    done = python(*training(photographs, tmp_path, 0), env=os.environ | HALVES[0][0])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert not any(Path(tmp_path).iterdir())


def test_what_the_pages_read_and_write_is_never_committed():
    if not (REPOSITORY / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"--(?:out|page) ([a-z][\w.-]*(?:/\w+)?)(?=[ `\n])", text)) - {"results"}
    assert {"predictions.csv", "check.html", "alexnet.onnx"} <= named
    files = [name if "." in name else f"{name}/1.jpg" for name in sorted(named)]
    files += ["photographs/1.jpg", "pictures/cat/1.jpg", "predictions.csv.answers"]
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", *files],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert asked.stdout.split() == files
