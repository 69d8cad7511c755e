"""Runs end with the process that started them, however that ended, and can go on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pm_cls.records import epochs, folder
from pm_cls.runtime.processes import ending_with_this
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # the same with every version of the libraries

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
PATIENCE = 40.0  # seconds within which what is waited for has happened on a slow machine

# A program that runs tasks side by side; the arguments: Python for each task.
PARENT = """
import sys
from pm_cls.runtime.command import run_command
from pm_cls.runtime.jobs import Task, run_side_by_side

def main(_):
    tasks = [Task(str(i), eval(one), 1, lambda: []) for i, one in enumerate(sys.argv[1:])]
    print(run_side_by_side(tasks, 2))

sys.exit(run_command(main))
"""
# What a task does once it has told its process: wait, compute without an end, ignore Ctrl-C.
LIVES = {
    "waiting": "import time; time.sleep(600)",
    "computing": "while True: sum(range(1000))",
    "deaf to Ctrl-C": "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(600)",
    "in threads": "import threading, time; [threading.Thread(target=time.sleep, args=(600,), "
    "daemon=True).start() for _ in range(3)]; time.sleep(600)",
}


def until(true):
    """Whether it comes to be within the patience."""
    deadline = time.monotonic() + PATIENCE
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = f"/proc/{pid}/stat"  # an orphan that ended may wait for a parent to notice
    if os.path.exists(stat):  # noqa: PTH110
        with open(stat) as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    return True


def start(tasks, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", PARENT, *map(repr, tasks)], **options)


def told(place, n):
    """The processes of the tasks, once all have told."""
    numbers = [file.read_text() for file in place.glob("*.pid")]
    return [int(one) for one in numbers if one] if len([*filter(None, numbers)]) == n else []


def living(place, lives):
    for i, life in enumerate(lives):
        yield ["-c", f"import os; open({str(place / f'{i}.pid')!r}, 'w').write(str(os.getpid()))\n"
               f"{LIVES[life]}"]  # fmt: skip


@posix
@pytest.mark.parametrize("lives", [("waiting", "computing"), ("deaf to Ctrl-C", "in threads")])
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_no_task_outlives_its_parent(tmp_path, lives, end):
    # What a shell begins with & has it ignored.
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    try:
        parent = start(living(tmp_path, lives))
    finally:
        signal.signal(signal.SIGQUIT, before)
    pids = until(lambda: told(tmp_path, 2))
    assert all(map(is_alive, pids)) and len(pids) == 2
    parent.send_signal(getattr(signal, end))
    code = parent.wait(PATIENCE)
    ended = until(lambda: not any(map(is_alive, pids)))
    for pid in filter(is_alive, pids):
        os.kill(pid, signal.SIGKILL)
    assert ended
    killed = {"SIGKILL": -9, "SIGQUIT": -3}
    assert code == killed.get(end, 143)
    assert "Traceback" not in parent.communicate()[1]


@posix
def test_under_nohup_the_end_of_the_terminal_is_nothing(tmp_path):
    waits = ["-c", f"import time\nopen({str(tmp_path / '0.pid')!r}, 'w').write('1')\n"
             "time.sleep(2)"]  # fmt: skip
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; it is inherited
    try:
        parent = start([waits])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert until(lambda: told(tmp_path, 1))
    parent.send_signal(signal.SIGHUP)
    assert parent.communicate(timeout=PATIENCE)[0].strip() == "[]"
    assert parent.returncode == 0


@posix
@pytest.mark.parametrize("life", LIVES)
def test_where_the_system_does_not_tell_the_pipe_does(tmp_path, life):
    (task,) = living(tmp_path, [life])
    command = ending_with_this(task)
    command[3] = "1"  # as on a system that tells nobody of the end of a parent
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert until(lambda: told(tmp_path, 1))
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(PATIENCE) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["-c", "import sys; print(sys.argv, __name__)", "a"], "['-c', 'a'] __main__"),
        (["-m", "pm_cls", "--version"], "pm-cls 0.1.0"),
        (["FILE", "x"], "['FILE', 'x'] __main__"),
        (["-c", "import sys; sys.exit('words')"], ""),
    ],
)
def test_a_task_is_what_python_makes_of_its_arguments(tmp_path, arguments, printed):
    file = tmp_path / "task.py"
    file.write_text("import sys; print(sys.argv, __name__)")
    arguments = [str(file) if one == "FILE" else one for one in arguments]
    done = subprocess.run(
        ending_with_this(arguments), stdin=subprocess.PIPE, capture_output=True, text=True
    )
    assert done.stdout.strip().replace(str(file), "FILE") == printed
    assert (done.returncode, done.stderr) == ((1, "words\n") if not printed else (0, ""))


def training(photographs, runs_dir, seed):
    config = REPOSITORY / "configs" / "lenet7_relu.yaml"
    settings = [f"data.root={photographs}", "data.image_size=32", "train.epochs=400"]
    settings.append("train.report_epochs=[400]")
    words = [word for one in settings for word in ("--set", one)]
    words += ["--config", str(config), "--seed", str(seed), "--runs-dir", str(runs_dir)]
    return ["-m", "pm_cls.train", "--device", "cpu", *words]


@posix
@pytest.mark.parametrize("end", ["SIGKILL", "SIGHUP"])
def test_trainings_end_with_their_parent_and_go_on(photographs, tmp_path, end):
    parent = start([training(photographs, tmp_path, seed) for seed in (0, 1)])
    places = [folder.run_folder(tmp_path, "lenet7_relu", seed) for seed in (0, 1)]
    assert until(lambda: all(len(epochs.read(place)) > 1 for place in places))
    parent.send_signal(getattr(signal, end))
    parent.wait(PATIENCE)

    def are_free():
        """Nobody is at work on them: their locks are to be had."""
        try:
            for place in places:
                with folder.locked(place):
                    pass
        except Exception:
            return False
        return True

    assert until(are_free)
    lines = [len(epochs.read(place)) for place in places]
    assert max(lines) < 400
    again = start([training(photographs, tmp_path, 0)])
    assert until(lambda: len(epochs.read(places[0])) > lines[0])
    again.terminate()
    assert again.wait(PATIENCE) == 143


@posix
@pytest.mark.parametrize("end", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_training_that_is_stopped_says_so_and_goes_on(photographs, tmp_path, end):
    command = [sys.executable, *training(photographs, tmp_path, 0)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    place = folder.run_folder(tmp_path, "lenet7_relu", 0)
    assert until(lambda: len(epochs.read(place)) > 1)
    process.send_signal(getattr(signal, end))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (143, "pm_cls: stopped\n")
    assert "the same command goes on after epoch" in out
