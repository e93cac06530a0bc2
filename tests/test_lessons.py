"""The tool behind `make run`, `make notebooks` and `make links`, on lessons of three cells in a folder of their own."""

import base64
import importlib.util
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]


def _png():
    """One white pixel."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")
    )


LESSON = f'''# %% [markdown]
# # A lesson of three cells
#
# [badge](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/91_small.ipynb)

# %% tags=["setup"]
import os
url = "git+https://github.com/OWNER/autoencoder-course"

# %% [markdown]
# ## Numbers

# %%
memory = bytearray(200 * 2**20)
memory[:] = b"x" * len(memory)
print(os.environ["COURSE_PROFILE"], os.path.isdir(os.environ["COURSE_CACHE"]), "   ")
print("[met] error: 0.5 (bound: at most 1); published: 0.6, Someone 2006")

# %% tags=["picture"]
import base64
from IPython.display import Image
Image(data=base64.b64decode("{base64.b64encode(_png()).decode()}"), format="png")
'''

FAILING = """# %% [markdown]
# # A lesson that fails

# %%
print("[MISSED] accuracy: 0.5 (bound: at least 0.9)")
raise ValueError("accuracy is 0.5")

# %%
print("[met] never reached")
"""

PYPROJECT = '[project.urls]\nRepository = "https://github.com/OWNER/autoencoder-course"\n'
README = "Before\n<!-- lessons -->\nold\n<!-- /lessons -->\nAfter: git clone https://github.com/OWNER/autoencoder-course.git\n"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The tool, working in a small course of its own."""
    specification = importlib.util.spec_from_file_location("lessons_at_work", ROOT / "tools" / "lessons.py")
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    for name, value in {"ROOT": "", "SOURCES": "notebooks/src", "NOTEBOOKS": "notebooks", "PICTURES": "docs"}.items():
        monkeypatch.setattr(tool, name, tmp_path / value)
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "notebooks" / "src" / "91_small.py").write_text(LESSON)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "README.md").write_text(README)
    return tool


def test_run_makes_pages_and_a_table_and_ends_with_an_error_if_a_lesson_fails(course, tmp_path, capsys):
    (tmp_path / "notebooks" / "src" / "92_failing.py").write_text(FAILING)
    with pytest.raises(SystemExit) as ended:
        course.run(None, "quick")
    assert ended.value.code == 1
    captured = capsys.readouterr()
    head, small, failing = [line for line in captured.out.splitlines() if line.startswith(("lesson", "91", "92"))]
    assert head.split() == ["lesson", "seconds", "peak", "MiB", "expectations"]
    assert small.split()[0] == "91_small" and small.endswith("all 1 met")
    assert 200 < int(small.split()[2]) < 1000, "the kernel's peak, which held 200 MiB"
    assert failing.split()[0] == "92_failing" and failing.endswith("0 met, 1 MISSED")
    assert "91_small" in captured.err and "3/3" in captured.err and "Numbers" in captured.err, "the bar names the cell"
    assert "quick True" in (tmp_path / "build" / "91_small.html").read_text()
    assert "accuracy is 0.5" in (tmp_path / "build" / "92_failing.html").read_text()


def test_an_error_ends_a_lesson_and_is_recorded(course, tmp_path):
    source = tmp_path / "notebooks" / "src" / "92_failing.py"
    source.write_text(FAILING.replace("[MISSED]", ""))
    notebook, record = course.execute(source, "quick")
    assert record["error"] == "ValueError: accuracy is 0.5" and record["met"] == 0 and record["peak_mib"] > 10
    assert course.verdict(record) == "ValueError: accuracy is 0.5"
    assert notebook.cells[-1].outputs == [] and notebook.cells[-1].execution_count is None


def test_the_peak_is_the_kernels_own_and_not_that_of_the_process_that_started_it(course, tmp_path):
    source = tmp_path / "notebooks" / "src" / "94_tiny.py"
    source.write_text("# %%\nprint(1)\n")
    ours = bytearray(700 * 2**20)
    ours[:] = b"x" * len(ours)
    _, record = course.execute(source, "quick")
    assert 10 < record["peak_mib"] < 500 and len(ours) > 500 * 2**20


def test_a_kernel_that_dies_is_recorded(course, tmp_path):
    source = tmp_path / "notebooks" / "src" / "93_dying.py"
    source.write_text("# %%\nimport os\nos._exit(9)\n")
    _, record = course.execute(source, "quick")
    assert "kernel died" in record["error"]


def test_build_stores_notebook_picture_and_table(course, tmp_path, capsys):
    course.build("91")
    notebook = nbformat.read(tmp_path / "notebooks" / "91_small.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert notebook.cells[3].outputs[0].text.startswith("full True\n"), (
        "the full profile, no spaces at the end of lines"
    )
    assert notebook.metadata["course"]["met"] == 1 and notebook.metadata["kernelspec"]["name"] == "python3"
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert (tmp_path / "docs" / "91_small.png").read_bytes() == _png()
    readme = (tmp_path / "README.md").read_text()
    assert "[A lesson of three cells](notebooks/91_small.ipynb)" in readme
    assert "| error: 0.5 (bound: at most 1) |" in readme and "old" not in readme
    assert readme.startswith("Before\n") and "After: git clone" in readme

    edited = LESSON.replace("## Numbers", "## Figures and numbers")
    (tmp_path / "notebooks" / "src" / "91_small.py").write_text(edited)
    course.refresh_text("91")
    refreshed = nbformat.read(tmp_path / "notebooks" / "91_small.ipynb", as_version=4)
    assert refreshed.cells[2].source == "## Figures and numbers"
    assert refreshed.cells[3].outputs == notebook.cells[3].outputs
    (tmp_path / "notebooks" / "src" / "91_small.py").write_text(edited.replace("200 *", "100 *"))
    with pytest.raises(SystemExit, match="needs a new run"):
        course.refresh_text("91")


@pytest.mark.parametrize(
    "spoil", [{"error": "ValueError: no"}, {"embedded": True}], ids=["a lesson that failed", "without the full data"]
)
def test_build_stores_nothing_of_a_run_that_is_not_whole(course, tmp_path, monkeypatch, spoil):
    record = {"error": None, "embedded": False, "seconds": 1, "peak_mib": 1, "met": 1, "missed": 0} | spoil
    monkeypatch.setattr(course, "execute", lambda source, profile: (course.read_source(source), record))
    with pytest.raises(SystemExit, match="was not stored"):
        course.build("91")
    assert not list((tmp_path / "notebooks").glob("*.ipynb"))


def test_link_rewrites_badges_setup_cells_and_the_one_url(course, tmp_path, capsys):
    innocent = "a/b stands in data/batch and github.com/a/b-other\n"
    course.link("a/b")
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text() + innocent)
    course.link("someone-else/my.course")
    lesson = (tmp_path / "notebooks" / "src" / "91_small.py").read_text()
    assert (
        "https://colab.research.google.com/github/someone-else/my.course/blob/main/notebooks/91_small.ipynb" in lesson
    )
    assert 'url = "git+https://github.com/someone-else/my.course"' in lesson
    assert course.repository() == "https://github.com/someone-else/my.course"
    assert "git clone https://github.com/someone-else/my.course.git" in readme.read_text()
    assert innocent in readme.read_text()
    assert "now point at https://github.com/someone-else/my.course" in capsys.readouterr().out


@pytest.mark.parametrize("name", [None, "", "course", "a/b/c", "https://github.com/a/b"])
def test_link_refuses_what_is_no_repository(course, name):
    with pytest.raises(SystemExit, match="REPO must be owner/name"):
        course.link(name)


def test_an_unknown_lesson_names_those_there_are(course):
    with pytest.raises(SystemExit, match=r"No lesson 55\. There are: 91_small"):
        course.find_lessons("55")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_hands_lesson_and_profile_on():
    def commands(*arguments):
        result = subprocess.run(["make", "-n", *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
        return result.stdout

    assert "tools/lessons.py run --lesson 07 --profile full" in commands("run", "LESSON=07", "PROFILE=full")
    assert "tools/lessons.py run  --profile quick" in commands("run")
    assert "tools/lessons.py build --lesson 07" in commands("notebooks", "LESSON=07")
    assert 'tools/lessons.py link --repo "a/b"' in commands("links", "REPO=a/b")
    tested = commands("test")
    assert (
        "-m pytest tests" in tested and "--nbval-lax --nbval-current-env" in tested and tested.count("notebooks") >= 1
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_other_pythons(tmp_path):
    """A Python that says it is 3.10, in a copy without a virtual environment."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    old = tmp_path / "python3.10"
    wrap = "import sys; sys.version_info = (3, 10, 13); exec(sys.argv[2])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{wrap}" "$@"\n')
    old.chmod(0o755)
    result = subprocess.run(["make", "run", f"PYTHON={old}"], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode != 0 and "needs Python 3.11 to 3.13; this is 3.10" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_calls_make_test_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -euo pipefail" and commands[-1] == "make test" and len(commands) == 3
    assert "make test" in (ROOT / ".github" / "workflows" / "validate.yml").read_text()
