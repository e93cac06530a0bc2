"""What a notebook shows: figures with their alternative texts, words beside facts. One kernel for all tests."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils import lesson, plotting

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
SAYING = """from course_utils.lesson import say
print("before")
say("a line", kind="test", value=1.5, met=True)
print("after")"""


@pytest.fixture(scope="module")
def shown():
    """Outputs of cells in a kernel of their own, by the cell's source."""
    cells = [
        "from course_utils import plotting\nplotting.bars({'a': 1}, 'first figure of this kernel')",
        "f = plotting.bars({'a': 1, 'b': 2}, 'height (m)'); f",
        "display(f)",
        "f;",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "%config InlineBackend.figure_format = 'retina'\nf",
        "plotting.bars({'a': float('nan')}, 'height (m)')",
        SAYING,
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(book, timeout=120, kernel_name="python3", allow_errors=True)
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    return {cell.source: cell.outputs for cell in book.cells}


def test_a_notebook_shows_a_figure_once_with_its_alternative_text(shown):
    expected = plotting.bars({"a": 1, "b": 2}, "height (m)").alt
    for source in ("f = plotting.bars({'a': 1, 'b': 2}, 'height (m)'); f", "display(f)"):
        (output,) = shown[source]
        assert set(output.data) == {"image/png", "text/plain"}
        assert output.metadata["image/png"] == {"alt": expected}
    (first,) = shown["from course_utils import plotting\nplotting.bars({'a': 1}, 'first figure of this kernel')"]
    assert "first figure" in first.metadata["image/png"]["alt"]
    assert shown["f;"] == []


def test_a_notebook_keeps_its_own_settings_of_pictures(shown):
    (retina,) = shown["%config InlineBackend.figure_format = 'retina'\nf"]
    assert retina.metadata["image/png"]["width"] > 300 and "height (m)" in retina.metadata["image/png"]["alt"]


def test_a_plot_of_the_students_own_is_shown_as_well(shown):
    """The style of ours once ended the interactive mode that its first figure began."""
    (own,) = shown["import matplotlib.pyplot as plt\nplt.plot([1, 2]);"]
    assert "image/png" in own.data


def test_a_refused_figure_is_an_error_and_nothing_else(shown):
    (error,) = shown["plotting.bars({'a': float('nan')}, 'height (m)')"]
    assert error.ename == "ValueError"


def test_words_and_facts_are_one_output(shown):
    before, said, after = shown[SAYING]
    assert (before.text, after.text) == ("before\n", "after\n")
    assert said.output_type == "display_data"
    assert said.data == {"text/plain": "a line", lesson.FACTS: {"kind": "test", "value": 1.5, "met": True}}
