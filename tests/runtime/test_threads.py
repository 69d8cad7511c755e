"""One thread, by the word of the libraries themselves, whatever was asked for elsewhere."""

import json
import os
import subprocess
import sys

import pytest

from pm_cls.runtime import device
from pm_cls.runtime.threads import MKL_CODE_PATH, settings_in_effect

# Two steps of a small network whose products MKL divides among threads where it may.
STEPS = """
import hashlib, json, sys, threading
exec(sys.argv[1])
from pm_cls.runtime import device
device.prepare("cpu")
import numpy as np, paddle
from paddle import nn
from pm_cls.records import environment

def steps():
    with paddle.utils.unique_name.guard():
        rng = np.random.default_rng(0)
        parts = nn.Conv2D(3, 12, 5), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(10800, 64)
        network = nn.Sequential(*parts, nn.Linear(64, 1))
        for weights in network.parameters():
            weights.set_value(0.05 * rng.normal(size=weights.shape).astype("float32"))
        optimizer = paddle.optimizer.Momentum(0.01, parameters=network.parameters())
        images = rng.normal(size=(10, 3, 64, 64)).astype("float32")
        for _ in range(2):
            (network(paddle.to_tensor(images)) ** 2).mean().backward()
            optimizer.step()
            optimizer.clear_grad()
        each = [weights.numpy().tobytes() for weights in network.parameters()]
        return hashlib.sha256(b"".join(each)).hexdigest()

bits = []
exec(sys.argv[2])
here = environment.here("cpu", 1)
print(json.dumps([bits, here.threads, here.mkl_code_path]))
"""
IN_THIS_THREAD = "bits.append(steps())"
IN_ANOTHER = """
one = threading.Thread(target=lambda: bits.append(steps()))
one.start()
one.join()
"""
PRODUCT = "import paddle; paddle.matmul(paddle.ones([400, 400]), paddle.ones([400, 400]));"


def steps(before="", after=IN_THIS_THREAD, **settings):
    """Bits, threads and code path of a fresh process with these settings alone."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("MKL", "OMP", "KMP", "FLAGS"))}
    code_path = device.fast_mkl_code_path()
    if code_path and MKL_CODE_PATH not in settings:
        settings[MKL_CODE_PATH] = code_path  # also where Paddle computes before pm_cls
    environment = {k: v for k, v in (ours | settings).items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", STEPS, before, after],
        env=environment, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    bits, threads, path = json.loads(done.stdout.splitlines()[-1])
    return bits, threads, path, done.stderr


@pytest.fixture(scope="module")
def plain():
    """Bits, threads and code path without any setting."""
    return steps()


@pytest.fixture(scope="module")
def undisturbed(plain):
    return plain[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"MKL_DOMAIN_NUM_THREADS": "MKL_DOMAIN_BLAS=2"},
        {"FLAGS_paddle_num_threads": "2", "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"},
        {"MKL_NUM_THREADS": "3", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "false"},
    ],
    ids=str,
)
def test_the_environment_changes_no_bit(undisturbed, settings):
    assert steps(**settings)[:2] == (undisturbed, 1)


@pytest.mark.parametrize(
    "before",
    [
        f"{PRODUCT} paddle.base.core.set_num_threads(2)",
        f"{PRODUCT} import threadpoolctl; threadpoolctl.threadpool_limits(2)",
        f"{PRODUCT} from pm_cls.runtime.threads import _mkl; _mkl().MKL_Set_Num_Threads_Local(2)",
        "import paddle; paddle.set_default_dtype('float64')",
        "import paddle; paddle.enable_static()",
    ],
)
def test_a_program_that_used_paddle_before_changes_no_bit(plain, undisturbed, before):
    if "_mkl" in before and plain[2] is None:
        pytest.skip("Paddle is built without MKL")
    assert steps(before, MKL_NUM_THREADS="2", OMP_NUM_THREADS="2")[:2] == (undisturbed, 1)


def test_another_thread_of_the_program_computes_the_same(undisturbed):
    after = IN_ANOTHER + IN_THIS_THREAD
    bits, threads, *_ = steps(after=after, MKL_NUM_THREADS="2", OMP_NUM_THREADS="2")
    assert (bits, threads) == (undisturbed * 2, 1)


# Each asks for more than the one before, and of another library.
CHANGES = """
for i, change in enumerate([
    lambda: [one.omp_set_num_threads(2) for one in threads._openmp()],
    lambda: paddle.base.core.set_num_threads(3),
    lambda: threadpoolctl.threadpool_limits(4),
]):
    change()
    bits.append(environment.here("cpu", 1).threads)
"""


def test_the_record_has_what_is_in_effect():
    after = f"import threadpoolctl; from pm_cls.runtime import threads\n{CHANGES}"
    assert steps(after=after)[0] == [2, 3, 4]


@pytest.mark.skipif(device.fast_mkl_code_path() is None, reason="MKL chooses well by itself here")
@pytest.mark.parametrize(
    ("before", "path", "is_said"),
    [
        ("", device.fast_mkl_code_path(), False),
        (PRODUCT, "0", True),
        (f"{PRODUCT} import os; os.environ['MKL_DEBUG_CPU_TYPE'] = '4'", "0", True),
        ("import paddle, os; os.environ['MKL_DEBUG_CPU_TYPE'] = '4'", "4", False),
    ],
)
def test_the_code_path_in_effect_is_recorded_and_one_that_comes_too_late_said(
    before, path, is_said
):
    *_, found, words = steps(before, "", **{MKL_CODE_PATH: None})
    assert found == path
    assert (f"comes too late: its MKL stays with {path}" in words) == is_said


def test_settings_that_change_bits_are_recorded(monkeypatch):
    given = {"MKL_CBWR": "COMPATIBLE", "FLAGS_use_mkldnn": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MKLESS", "no")
    found = settings_in_effect()
    assert given.items() <= found.items() and "MKLESS" not in found and "PATH" not in found
