"""The wheel, the device, and what makes runs repeatable and fast."""

import os
import subprocess
import sys

import paddle
import pytest

from pm_cls.runtime import device
from pm_cls.runtime.errors import EXIT_STOPPED, UsageError


def test_one_thread_whatever_the_user_set():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '7'; from pm_cls.runtime import device;"
        "print(device.prepare('cpu'), os.environ['OMP_NUM_THREADS'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "1"]
    assert "ccache" not in done.stderr


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 0)
    assert device.prepare("auto") == "cpu"


def test_gpu_on_a_cpu_build_is_refused_with_the_mend(monkeypatch):
    monkeypatch.setattr(paddle.device, "is_compiled_with_cuda", lambda: False)
    with pytest.raises(UsageError, match=r"built for the CPU.*pip install .*-e \"\.\[gpu\]\""):
        device.prepare("gpu")


def test_gpu_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(paddle.device, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match="sees no GPU"):
        device.prepare("gpu")


@pytest.fixture
def gpu(monkeypatch):
    """A GPU as Paddle shows one, of capability 9.0; its sums are those of the CPU."""
    monkeypatch.setattr(paddle.device, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda: (9, 0))
    called = []
    monkeypatch.setattr(paddle, "set_flags", called.append)
    monkeypatch.setattr(paddle, "set_device", called.append)
    return called


def test_gpu_is_used_with_deterministic_kernels(gpu):
    assert device.prepare("auto") == "gpu"
    assert gpu[0] == {"FLAGS_cudnn_deterministic": True}
    assert set(gpu[1:]) == {"gpu"}


def fails(shape):
    raise OSError("(External) CUDA error(209), no kernel image is available")


@pytest.mark.parametrize("ones", [paddle.zeros, fails], ids=["zeros", "error"])
def test_a_gpu_that_the_wheel_has_no_code_for_is_not_used(monkeypatch, gpu, ones):
    said = []
    monkeypatch.setattr(device.log, "warning", said.append)
    monkeypatch.setattr(paddle, "ones", ones)
    with pytest.raises(UsageError, match=r"nothing right .* capability 9\.0; --device cpu will do"):
        device.prepare("gpu")
    assert device.prepare("auto") == "cpu" and gpu[-1] == "cpu"
    assert len(said) == 1 and "going on with the CPU" in said[0]


def test_a_command_writes_its_notes_as_they_are_whatever_others_made_of_logging():
    code = (
        "import logging; logging.basicConfig(format='[WARNING] %(message)s')\n"
        "from pm_cls.runtime.command import run_command\n"
        "run_command(lambda arguments: logging.getLogger('pm_cls').warning('note: of the device'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "note: of the device\n"


@pytest.mark.parametrize(
    ("wheels", "words"),
    [
        ([], r"not installed.*pip install"),
        (["paddlepaddle", "paddlepaddle-gpu"], r"both installed.*pip uninstall -y"),
    ],
)
def test_wrong_wheels_are_told_with_the_mend(monkeypatch, wheels, words):
    monkeypatch.setattr(device, "installed_wheels", lambda: wheels)
    with pytest.raises(UsageError, match=words):
        device.prepare("cpu")


AVX512 = "avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("vendor", "flags", "code_path"),
    [
        ("AuthenticAMD", f"fma avx2 {AVX512}", "7"),
        ("AuthenticAMD", "fma avx2", "5"),
        ("AuthenticAMD", "sse2", None),
        ("GenuineIntel", f"fma avx2 {AVX512}", None),
    ],
)
def test_mkl_code_path_is_chosen_for_amd_alone(tmp_path, vendor, flags, code_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n")
    assert device.fast_mkl_code_path(cpuinfo) == code_path
    assert device.fast_mkl_code_path(tmp_path / "absent") is None


def test_users_own_code_path_is_kept(monkeypatch):
    monkeypatch.setenv(device.MKL_CODE_PATH, "5")
    device.prepare("cpu")
    assert os.environ[device.MKL_CODE_PATH] == "5"


STOPPED_WITHIN = """
import os, signal, sys
from pm_cls.runtime import command, device

class Sends:
    def find_spec(self, name, *others):
        if name == "paddle.base.libpaddle":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                sum(range(1000))
            except KeyboardInterrupt:
                print("raised within", file=sys.stderr)
                raise

def main(arguments):
    sys.meta_path.insert(0, Sends())
    device.prepare("cpu")

sys.exit(command.run_command(main))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_within_the_import_of_paddle_is_the_end_and_no_error():
    """Paddle takes an exception there for a file of its own that it cannot load.

    The exception would have to come within compiled code; that there is none anywhere will do.
    """
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_WITHIN], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (EXIT_STOPPED, "pm_cls: stopped\n")


def test_a_device_that_there_is_not_is_no_cpu():
    with pytest.raises(UsageError, match=r"device 'gpu:0': one of auto, cpu, gpu is needed"):
        device.prepare("gpu:0")
