"""The tree is what it says: imports run one way, and each half stays on its side."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # the same with every version of the libraries

PACKAGE = REPOSITORY / "src" / "pm_cls"
# Each layer may import those before it. `config` and `scores` know nothing of each other.
LAYERS = [
    "runtime",
    "config",
    "scores",
    "records",
    "presentation",
    "data",
    "models",
    "train",
    "search",
    "inspect",
    "evaluate",
    "answers",
    "demo",
]
MAY_NOT = {
    ("config", "scores"), ("scores", "config"),  # neither needs the other
    ("data", "records"), ("data", "presentation"),  # data know nothing of runs, nor of people
}  # fmt: skip
REPORT_MAY = {"runtime", "config", "scores", "records", "presentation"}
CARD_MAY = REPORT_MAY | {"data", "report"}  # no Paddle either
# For the page of the report that shows the images themselves.
REPORT_SEES = {"pm_cls.data", "pm_cls.data.transforms"} | {
    f"pm_cls.data.photographs.{name}" for name in ("folders", "formats", "images")
}
# The files at the top, each a command or the way to all of them. A report may be begun from there.
TOP_MAY = {
    "__init__": {"config", "data", "models", "runtime"},
    "__main__": {"runtime"},
    "baselines": {"config", "data", "records", "runtime", "scores"},
    "export": {"models", "runtime"},
    "predict": {"answers", "models", "presentation", "runtime"},
    "reproduce": {"baselines", "config", "data", "models", "records", "runtime", "scores"},
}


def imports(file):
    """The modules of the package that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("pm_cls"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pm_cls"):
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                is_module = (PACKAGE.parent / whole.replace(".", "/")).with_suffix(".py").exists()
                yield whole if is_module else node.module


def arrows():
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).parts
        for module in imports(file):
            yield file, parts[0] if len(parts) > 1 else "", module


def test_imports_run_one_way():
    wrong = []
    for file, layer, module in arrows():
        other = module.split(".")[1] if "." in module else ""
        if layer == other or not other:
            continue
        if not layer:
            fine = other in TOP_MAY[file.stem] or module == "pm_cls.report"
        elif layer == "report":
            fine = other in REPORT_MAY or module in REPORT_SEES
        elif layer == "card":
            fine = other in CARD_MAY
        elif layer == "demo" and other == "baselines":  # shows what they say
            fine = True
        else:
            fine = other in LAYERS and LAYERS.index(other) < LAYERS.index(layer)
        if not fine or (layer, other) in MAY_NOT:
            wrong.append(f"{file.relative_to(PACKAGE)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_there_is_no_cycle():
    known = {
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file
        for file in PACKAGE.rglob("*.py")
    }
    graph = {
        name: {m for m in map(_file_name, imports(file)) if m in known and m != name}
        for name, file in known.items()
    }
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for other in graph[name]:
                visit(other)
            path.pop()
            done.add(name)

    for name in graph:
        visit(name)


def _file_name(module):
    return f"{module}.__init__" if (PACKAGE.parent / module.replace(".", "/")).is_dir() else module


def test_the_house_stays_small_enough_to_walk_through():
    assert len(list(PACKAGE.glob("*.py"))) <= 12
    for file in PACKAGE.rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 330, file
        assert file.stem not in ("utils", "helpers", "common")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                positional = len(node.args.posonlyargs) + len(node.args.args)
                assert positional <= 6, f"{file}: {node.name}"


@pytest.mark.parametrize(
    ("modules", "never"),
    [
        (
            "pm_cls.report.__main__, pm_cls.baselines, pm_cls.card.__main__, "
            "pm_cls.card.front_matter",
            "paddle pm_cls.models pm_cls.train",
        ),
        (
            "pm_cls.train.training, pm_cls.evaluate.stress, pm_cls.predict, pm_cls.demo.server, "
            "pm_cls.inspect.__main__",
            "pm_cls.report.published",
        ),
    ],
)
def test_the_halves_meet_on_disk_alone(modules, never):
    code = (
        "from pm_cls.runtime import device\n"
        + ("device.prepare('cpu')\n" if "training" in modules else "")
        + f"import sys, {modules}\n"
        f"found = [m for m in sys.modules for n in {never.split()!r}\n"
        "         if m == n or m.startswith(n + '.')]\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
