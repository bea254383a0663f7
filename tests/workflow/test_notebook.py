"""The notebook of docs/: it runs on a finished study, and is stored with what it showed on the default one."""

import nbformat
import pytest
from nbclient import NotebookClient
from running import ROOT

DOCS = ROOT / "docs"
OF_TINY = {"MODEL": "tiny", "CONDITION": "es-expert-max-k5", "DATASET": "tiny-devtest"}


@pytest.fixture
def notebook():
    return nbformat.read(DOCS / "notebook.ipynb", nbformat.NO_CONVERT)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells) -> dict[str, str]:
    """What cells put out, as text, by kind."""
    outputs = [output for cell in cells for output in cell.outputs]
    data = [item for output in outputs for item in output.get("data", {}).items()]
    return {kind: "\n".join(str(text) for each, text in data if each == kind) for kind, _ in data}


def test_it_runs_on_a_finished_study(notebook, finished):
    (parameters,) = (cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", []))
    changed = {"RESULTS": str(finished / "results"), **OF_TINY}
    parameters.source += "".join(f"\n{name} = {value!r}" for name, value in changed.items())
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(DOCS)}}).execute()
    text = shown(code(notebook))
    experts = (finished / "results/experts/tiny/max/es.csv").read_text().splitlines()
    assert all(line.split(",")[4] in text["text/plain"] for line in experts[1:])  # the module of each
    assert len(text["image/png"]) > 1000


def test_it_is_stored_with_what_it_showed(notebook):
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type in ("error", "stream") for cell in cells for output in cell.outputs)
    text = shown(cells)
    assert "es-expert-max-k100" in text["text/plain"] and "steered" in text["text/html"]
    assert len(text["image/png"]) > 10_000
