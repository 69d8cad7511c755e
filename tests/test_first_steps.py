"""The notebook of the first steps runs from its first cell to its last, as it is committed."""

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # what it calls is tested with every version of the libraries

FILE = REPOSITORY / "notebooks" / "first_steps.ipynb"


@pytest.fixture(scope="module")
def notebook():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(FILE, as_version=4)


def test_it_is_committed_without_outputs_and_speaks_both_languages(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
        else:
            assert any("一" <= letter <= "鿿" for letter in cell.source), cell.source
            assert any(word.isascii() and word.isalpha() for word in cell.source.split())


def test_it_gives_a_table_figures_and_a_heat_map(notebook, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("FIRST_STEPS", str(tmp_path))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel's own shows figures
    place = {"metadata": {"path": str(FILE.parent)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    texts = "".join(out.get("text", "") for each in outputs for out in each)
    figures = [out for each in outputs for out in each if "image/png" in out.get("data", {})]
    assert len(figures) == 3
    assert "lenet7_sigmoid" in texts and "V0001.jpg" in texts and "SYNTHETIC" in texts
    errors = [out.text for each in outputs for out in each if out.get("name") == "stderr"]
    assert not any("Warning" in text or "Traceback" in text for text in errors), errors
    assert not (FILE.parent / "first-steps").exists()
