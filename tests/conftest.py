"""What the tests share: a small synthetic set, a tiny finished run, the real data if any."""

import io
import os
import shutil
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from pm_cls.config import load_config
from pm_cls.config.studies import experiments_in
from pm_cls.data.photographs.synthetic import synthesize
from pm_cls.runtime import device
from pm_cls.train import train

REPOSITORY = Path(__file__).parent.parent
TINY = ("data.image_size=32", "train.epochs=2", "train.report_epochs=[1, 2]")
device.prepare("cpu")


FIGURES: dict[str, str] = {}  # what the suite survived, printed at its end


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="25 kills a network, every renaming, 10,000 bad files"
    )


@pytest.fixture(scope="session")
def is_long(request) -> bool:
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def figures() -> dict[str, str]:
    """A test may leave a figure here by name, as "25 kills, 24 resumed"."""
    return FIGURES


def pytest_make_parametrize_id(val, argname: str) -> str | None:
    """A long value does not go into a test's name, which the workers send with each result."""
    is_long = isinstance(val, str | bytes) and len(val) > 100
    return f"{argname} of {len(val):,}" if is_long else None


def pytest_terminal_summary(terminalreporter) -> None:
    if FIGURES:
        terminalreporter.section("survived")
        for name, figure in FIGURES.items():
            terminalreporter.write_line(f"{name}: {figure}")


def pytest_report_header() -> str:
    return f"Paddle: {', '.join(f'{w} {metadata.version(w)}' for w in device.installed_wheels())}"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory, worker_id):
    """One for all processes of the tests, so that loops are compiled once."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    os.environ["PM_CLS_CACHE"] = str(shared / "cache")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """A synthetic set of 24 + 16 photographs; tests must not change it."""
    folder = tmp_path_factory.mktemp("data") / "synthetic"
    synthesize(folder, seed=0, train=24, validation=16, size=64)
    return folder


@pytest.fixture
def official(photographs, tmp_path) -> Path:
    """A copy that is not marked synthetic, to be changed by a test."""
    folder = tmp_path / "photographs"
    for path in photographs.rglob("*"):
        if path.is_file() and path.name != "dataset.json":
            target = folder / path.relative_to(photographs)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def tiny_config(photographs):
    """LeNet-7 on the small set at 32x32 for two epochs; keyword arguments are `--set` values."""

    def build(*overrides: str, config: str = "lenet7_relu"):
        file = REPOSITORY / "configs" / f"{config}.yaml"
        return load_config(file, [f"data.root={photographs}", *TINY, *overrides])

    return build


@pytest.fixture(scope="session")
def trained(photographs, tmp_path_factory) -> Path:
    """The folder of a tiny finished run; tests must not change it."""
    file = REPOSITORY / "configs" / "lenet7_relu.yaml"
    config = load_config(file, [f"data.root={photographs}", *TINY])
    return train(config, tmp_path_factory.mktemp("runs"), "cpu").folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with palm-224, palm-original and mnist, where the real data are at hand."""
    folder = os.environ.get("PM_CLS_REAL_DATA")
    if not folder:
        pytest.skip("PM_CLS_REAL_DATA names no folder with the real data")
    return Path(folder)


@pytest.fixture
def fake_run(tmp_path):
    """What `writer_of_runs` gives, for a folder of the test's own."""
    return writer_of_runs(tmp_path / "runs")


def idx(values):
    """The content of an idx file of uint8 values."""
    import numpy as np

    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return header + values.astype(np.uint8).tobytes()


@pytest.fixture
def digits(tmp_path):
    """A folder with the four files of MNIST: 30 training and 20 test images of noise."""
    import gzip

    import numpy as np

    from pm_cls.data import mnist

    rng = np.random.default_rng(0)
    for (images, labels), n in zip(mnist.FILES.values(), (30, 20), strict=True):
        pixels = rng.integers(0, 256, (n, 28, 28))
        (tmp_path / f"{images}.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / labels).write_bytes(idx(rng.integers(0, 10, n)))
    return tmp_path


def file_of(experiment):
    """The YAML file that has an experiment, of the thesis or of another study."""
    return files_of_experiments()[experiment]


@cache
def files_of_experiments():
    folders = [REPOSITORY / "configs", *sorted((REPOSITORY / "configs").glob("*/"))]
    return {name: file for folder in folders for file, name in experiments_in(folder)}


def writer_of_runs(runs_dir):
    """Writes the record of a finished run without training; returns the folder of runs.

    `experiment` is one of those in configs/; `rename` gives it another name, `settings` are
    `--set` values. Other keywords are fields of the result, or `official`, `repeated` of the data.
    """
    import numpy as np

    from pm_cls.records import environment, folder, predictions, result
    from pm_cls.records import epochs as lines
    from pm_cls.records.predictions import Predictions
    from pm_cls.runtime.files import write_text
    from pm_cls.scores.target import Binary, Classes

    def write(
        experiment, logits, labels, *, seed=0, epochs=(5, 10), rename=None, settings=(), **changes
    ):
        name = rename or experiment
        overrides = [f"experiment={name}", f"seed={seed}", *settings]
        config = load_config(file_of(experiment), overrides, experiment)
        logits, labels = np.asarray(logits, np.float32).reshape(len(labels), -1), np.array(labels)
        names = tuple(f"V{i:04d}.jpg" for i in range(len(labels)))
        target = Binary() if logits.shape[1] == 1 else Classes(logits.shape[1])
        found = Predictions(names, labels, logits, target)
        scores = found.scores()
        place = folder.run_folder(runs_dir, name, seed)
        place.mkdir(parents=True)
        write_text(place / folder.CONFIG, config.to_yaml())
        of_data = {"official": True, "repeated": None}
        of_data |= {key: changes.pop(key) for key in list(changes) if key in of_data}
        data = environment.Data(name="d", digest="0", counts={}, **of_data)
        environment.write(place, environment.Environment(data=data))
        for epoch in epochs:
            predictions.write(predictions.file(place, epoch), found)
        lines.write(
            place,
            [
                lines.Epoch(epoch, 0.5, scores.loss, scores.correct, scores.n, 1.0)
                for epoch in range(1, config.train.epochs + 1)
            ],
        )
        whole = result.Result(
            schema=result.SCHEMA,
            experiment=name,
            seed=seed,
            dataset=config.data.name,
            data_digest="0",
            config_digest=config.digest(),
            commit="c0ffee",
            dirty=False,
            epochs=dict.fromkeys(epochs, scores),
        )
        result.write(place, replace(whole, **changes))
        return runs_dir

    return write


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are put together, those of a page in one language, but not drawn; a JPEG is."""
    from pm_cls.presentation import drawing

    in_earnest = drawing._bytes
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "png")
    blank = {"svg": b"<svg></svg>\n", "png": pixel.getvalue()}

    def bytes_of(figure, kind, **options):
        return blank.get(kind) or in_earnest(figure, kind, **options)

    def inline_svg(name, draw, language):
        if language == "zh":  # the other one is that of the files
            draw(language)
        return "<svg></svg>\n"

    monkeypatch.setattr(drawing, "_bytes", bytes_of)
    monkeypatch.setattr(drawing, "inline_svg", inline_svg)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; `.ci/run` installs it."""
    webdriver = pytest.importorskip("selenium.webdriver")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking",
                 "disable-component-update", "no-first-run"):  # fmt: skip
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=programs[1])
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()
