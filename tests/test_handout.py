"""The zip for a learning platform: what it holds, what it leaves out, and that it is enough."""

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest

from tools import handout, sources

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handout")
    handout.write(folder / "handout.zip")
    with zipfile.ZipFile(folder / "handout.zip") as archive:
        archive.extractall(folder)
    return folder / "autoencoder-course"


def test_it_holds_a_wheel_all_lessons_and_a_readme(unpacked):
    (wheel,) = unpacked.glob("*.whl")
    lessons = sorted(path.stem for path in unpacked.glob("*.ipynb"))
    assert lessons == [source.stem for source in sources.find_lessons()]
    assert len(list(unpacked.iterdir())) == len(lessons) + 3 and (unpacked / "explorer.html").is_file()
    text = (unpacked / "README.md").read_text()
    assert f"{len(lessons)} lessons" in text and wheel.name in text and '"tensorflow>=' in text


def test_its_notebooks_hold_no_outputs_no_answers_and_no_badge(unpacked):
    for path in unpacked.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert "details>" not in text and "colab-badge" not in text and "**Time:**" in text
        assert "github.io" not in text


def test_a_question_stays_and_its_discussion_goes():
    text = "before\n\n<details><summary><b>Question:</b> why?</summary>\n\nBecause.\n\n</details>\n\nafter <details>"
    assert handout.without_discussions(text) == "before\n\n<b>Question:</b> why?\n\nafter <details>"


@pytest.mark.posix
def test_a_lesson_starts_from_the_zip_alone(unpacked, tmp_path):
    """In an environment without the course: the setup cell installs the wheel, then the lesson imports it and loads."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "others").mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():  # TensorFlow and the rest, but not the course
        if "course_utils" not in entry.name:
            (tmp_path / "others" / entry.name).symlink_to(entry)
    Path(packages, "others.pth").write_text(str(tmp_path / "others"))
    program = f"""
        import nbformat
        from nbclient import NotebookClient
        notebook = nbformat.read("{unpacked / "01_shallow_autoencoder.ipynb"}", as_version=4)
        last = next(i for i, cell in enumerate(notebook.cells) if "load(" in cell.source and cell.cell_type == "code")
        notebook.cells = notebook.cells[: last + 1]
        client = NotebookClient(notebook, kernel_name="python3", resources={{"metadata": {{"path": "{unpacked}"}}}})
        client.execute()
        print(notebook.cells[-1].outputs)
        notebook.cells = [nbformat.v4.new_code_cell("import course_utils; print(course_utils.__file__)")]
        client.execute()
        print(notebook.cells[0].outputs)
    """
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "COURSE_PROFILE": "quick"}
    run = subprocess.run(
        [python, "-c", re.sub(r"^ {8}", "", program, flags=re.M)], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "'embedded': True" in run.stdout and packages in run.stdout
