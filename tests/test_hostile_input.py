"""Damaged and senseless input ends in words: never a crash, a hang or a flood of memory."""

import gzip
import io
import json
import lzma
import re
import string
import subprocess
import sys
import zipfile

import numpy as np
import openpyxl
import paddle
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.exceptions import IllegalCharacterError
from PIL import Image

from pm_cls.config import Config, load_config
from pm_cls.data.photographs import layout
from pm_cls.data.photographs.labels import read_labels
from pm_cls.models.weights import save_weights
from pm_cls.records.epochs import Epoch
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.train.checkpoint import Progress, State
from tests import hostile
from tests.conftest import REPOSITORY
from tests.data.test_mnist import idx

pytestmark = pytest.mark.once  # the same with every version of the libraries

CASES = 15  # of each kind
LONG_CASES = 670  # 15 kinds: 10,050 in all

unhurried = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with a good file of each kind, all of them small."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    for kind, (_, name) in hostile.KINDS.items():
        (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).resize((96, 96))
    image.save(folder / "jpeg/P0001.jpg")
    image.save(folder / "png/P0001.png")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.write(folder / "jpeg/P0001.jpg", "PALM-Training400/P0001.jpg")
    with zipfile.ZipFile(folder / "zip/training.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PALM-Training400/PALM-Training400.zip", inner.getvalue())
        archive.writestr("labels.csv", "imgName,Label\nV0001.jpg,1\n")
    book = openpyxl.Workbook()
    rows = [("imgName", "Label"), *((f"V{i:04d}.jpg", i % 2) for i in range(1, 9))]
    for row in rows:
        book.active.append(row)
    book.save(folder / "xlsx/labels.xlsx")
    table = "\n".join(",".join(map(str, row)) for row in rows)
    (folder / "csv/labels.csv").write_text(table)
    config = (REPOSITORY / "configs" / "alexnet.yaml").read_text()
    (folder / "yaml/config.yaml").write_text(config)
    digits = {"train": rng.integers(0, 256, (9, 28, 28)), "t10k": rng.integers(0, 256, (5, 28, 28))}
    for kind in ("idx", "gz"):
        for part, values in digits.items():
            plain = {"images-idx3": idx(values), "labels-idx1": idx(np.arange(len(values)) % 10)}
            for name, content in plain.items():
                path = folder / kind / f"{part}-{name}-ubyte"
                if kind == "gz":
                    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
                else:
                    path.write_bytes(content)
    model = hostile._network()
    save_weights(model, folder / "safetensors/weights.safetensors")
    optimizer = paddle.optimizer.Momentum(0.1, parameters=model.parameters())
    for kind in ("checkpoint.safetensors", "checkpoint.json"):
        progress = Progress(1, [Epoch(1, 0.5, 0.6, 9, 16, 1.5)])
        State(folder / kind, model, optimizer, "digest").save(progress)
    for kind in ("result.json", "environment.json", "metrics.jsonl", "predictions.csv"):
        record = REPOSITORY / "results/records/alexnet/seed0"
        for path in record.glob("*.*"):
            is_packed = path.suffix == ".xz"  # as runs are published, and not as they are made
            content = lzma.decompress(path.read_bytes()) if is_packed else path.read_bytes()
            name = path.name.removesuffix(".xz")
            (folder / kind / "alexnet/seed0" / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_mutated_bytes(kind, good, is_long, figures):
    cases = LONG_CASES if is_long else CASES
    command = [sys.executable, "-m", "tests.hostile", kind, "0", str(cases), str(good)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr[-2000:]}"
    _, count, told = lines[-1].split()
    assert int(count) == cases
    figures[f"mutated {kind}"] = f"{count} cases, {told} told in words"


def test_mutations_are_repeatable_and_change_something():
    content = bytes(range(256)) * 4
    changed = [hostile.mutate(content, seed) for seed in range(50)]
    assert changed == [hostile.mutate(content, seed) for seed in range(50)]
    assert sum(one != content for one in changed) > 45
    assert hostile.mutate(b"", 3) is not None


def test_a_crash_a_hang_and_a_flood_are_noticed(good, monkeypatch):
    readers = {
        "crash": "import os; os.kill(os.getpid(), 11)",
        "flood": "bytearray(2 * 2**30)",
        "other": "raise KeyError('x')",
        "hang": "hostile.LIMIT_SECONDS = 1\n    while True: pass",
    }
    for name, body in readers.items():
        code = (
            f"from tests import hostile\nfrom pathlib import Path\nstarted = []\n"
            f"def read(path):\n    if not started: started.append(1); return\n    {body}\n"
            f"hostile.KINDS['csv'] = (read, 'labels.csv')\n"
            + ("hostile.LIMIT_SECONDS = 1\n" if name == "hang" else "")
            + f"hostile.main('csv', 0, 3, Path({str(good)!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
        )
        assert done.returncode != 0, name
        assert done.stdout.splitlines()[-1] == "csv case 0"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
known = sorted({*Config.model_fields, "name", "root", "image_size", "epochs", "learning_rate"})


@unhurried
@given(
    st.dictionaries(st.sampled_from(known), plain | st.dictionaries(st.sampled_from(known), plain))
)
def test_any_mapping_is_a_config_or_told(tmp_path, mapping):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(mapping), encoding="utf-8")
    try:
        config = load_config(path)
    except UsageError as error:
        assert str(path) in str(error)
        return
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(path) == config


@unhurried
@given(st.binary(max_size=200) | st.text(alphabet=string.printable, max_size=200).map(str.encode))
def test_any_bytes_are_a_config_or_told(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    try:
        load_config(path)
    except UsageError as error:
        assert str(path) in str(error)


@unhurried
@given(
    st.floats(min_value=1e-9, max_value=100), st.integers(1, 1000), st.integers(1, 500),
    st.sampled_from(["lenet7", "alexnet"]),
)  # fmt: skip
def test_good_settings_are_taken_as_they_are(tmp_path, rate, epochs, batch, model):
    path = tmp_path / "config.yaml"
    path.write_text(
        f"experiment: a\nmodel: {{name: {model}}}\noptimizer: {{learning_rate: {rate!r}}}\n"
        f"train: {{epochs: {epochs}, batch_size: {batch}, report_epochs: [{epochs}]}}\n"
    )
    config = load_config(path)
    assert config.optimizer.learning_rate == rate
    assert (config.train.epochs, config.train.batch_size) == (epochs, batch)


cells = st.text(max_size=12) | st.integers() | st.floats() | st.none() | st.booleans()


@unhurried
@given(st.lists(st.lists(cells, max_size=4), max_size=6), st.sampled_from(["csv", "xlsx"]))
def test_any_table_is_labels_or_told(tmp_path, rows, suffix):
    path = tmp_path / f"labels.{suffix}"
    rows = [["imgName", "Label"], *rows]
    if suffix == "csv":
        path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for row in rows:
            try:
                book.active.append(row)
            except IllegalCharacterError:  # no such table can be made
                return
        book.save(path)
    try:
        labels = read_labels(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert set(labels.values()) <= {0, 1}


@unhurried
@given(
    st.dictionaries(
        st.integers(1, 9999), st.tuples(st.sampled_from("01"), st.sampled_from(["", " ", "'"])),
        min_size=1, max_size=9,
    )
)  # fmt: skip
def test_plain_labels_are_read_whatever_stands_around_them(tmp_path, wanted):
    path = tmp_path / "labels.csv"
    lines = [f"V{number:04d}.jpg,{around}{label}" for number, (label, around) in wanted.items()]
    path.write_text("\n".join(["imgName,Label", *lines]))
    found = read_labels(path)
    assert sorted(found.values()) == sorted(int(label) for label, _ in wanted.values())
    assert len(found) == len(wanted)


names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='/\\:*?"<>|'),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)


@unhurried
@given(
    st.lists(names, min_size=1, max_size=4, unique_by=str.lower),
    st.sampled_from([".jpg", ".PNG", ".jpeg"]),
)
@example([".0"], ".jpg")
def test_any_file_name_is_a_class_or_told(tmp_path_factory, stems, suffix):
    folder = tmp_path_factory.mktemp("names")
    for stem in stems:
        for part in ("PALM-Training400", "PALM-Validation400"):
            (folder / part).mkdir(exist_ok=True)
            (folder / part / f"{stem if 'Train' in part else 'V0001'}{suffix}").write_bytes(b"x")
    (folder / "labels.csv").write_text(f"imgName,Label\nV0001{suffix},1\n")
    try:
        listing = layout.find(folder)
    except DataError as error:
        hidden = all(stem.startswith(".") for stem in stems)  # then the split is missing
        assert ("\n" in str(error)) is hidden
        return
    assert all(name[0] in "PHNphn" for name in listing.training.files.names)


@pytest.mark.parametrize("depth", [100, 5000, 100_000])
@pytest.mark.parametrize("bracket", ["[", "{a: "])
def test_nested_settings(tmp_path, depth, bracket):
    path = tmp_path / "config.yaml"
    path.write_text("experiment: a\nmodel: " + bracket * depth)
    with pytest.raises(UsageError):
        load_config(path)


def test_json_of_a_record_of_any_shape(tmp_path, good):
    from pm_cls.report.runs import read_runs

    folder = tmp_path / "alexnet" / "seed0"
    folder.mkdir(parents=True)
    for path in (good / "result.json" / "alexnet/seed0").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name in ("result.json", "environment.json"):
        before = (folder / name).read_bytes()
        for shape in ([], {}, None, 3, "x", {"epochs": []}, {"epochs": {"5": None}}, {"data": 7}):
            (folder / name).write_text(json.dumps(shape))
            found, problems = read_runs(tmp_path)
            assert not found and list(problems) == ["alexnet/seed0"], (name, shape)
        (folder / name).write_bytes(before)
    assert len(read_runs(tmp_path)[0]) == 1


@pytest.mark.parametrize("page", ["reliability.md", "reliability.zh.md"])
def test_the_list_of_faults_names_tests_that_are_there(page):
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"(test_[a-z_]+): ((?:`[a-z0-9_]+`(?:, )?)+)", text)
    assert len(named) > 30
    for file, tests in named:
        (path,) = (REPOSITORY / "tests").rglob(f"{file}.py")
        source = path.read_text()
        for test in re.findall(r"`([a-z0-9_]+)`", tests):
            assert f"def test_{test}(" in source, f"{file}: {test}"
