"""The lessons' sources, the header that each build puts on top of them, and the one URL that the header points to."""

import re
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).parents[1]

SETUP = """import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps {packages}")"""

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"

TIME = """**Time:** {reading} minutes of reading and {doing} of exercises. All cells run in {full} on a 2-core CPU
(Colab's free CPU runtime has two cores as well; not measured there), in {quick} in the *quick profile*. That one,
`COURSE_PROFILE=quick`, takes the built-in data and shorter trainings: its numbers are worse and have bounds of their
own, and the text describes the full run."""


def find_lessons(number=None):
    """The sources of all lessons, or of the one with the two digits `number`."""
    if number and not re.fullmatch(r"\d\d", number):
        sys.exit(f"LESSON must be two digits, such as 07. Received: {number!r}")
    found = sorted((ROOT / "notebooks" / "src").glob(f"{number or '[0-9][0-9]'}_*.py"))
    if not found:
        sys.exit(f"No lesson {number}. There are: {', '.join(path.stem for path in find_lessons())}")
    return found


def stored_path(source):
    """Where the executed notebook of a source is stored."""
    return ROOT / "notebooks" / f"{source.stem}.ipynb"


def read_source(source, measured=None):
    """A source as a notebook that can run: header on top, course's facts in its metadata.

    Args:
        source: path of a jupytext file whose first cell starts with the title, and whose metadata give
            `course: {reading: minutes, doing: minutes}`, and as `needs` packages that Colab lacks.
        measured: what a run has measured, such as `{"seconds": 283, "quick_seconds": 41}`.
    """
    notebook = jupytext.read(source)
    course = {**(measured or {}), **notebook.metadata.get("course", {})}
    notebook.cells[:1] = header(notebook.cells[0].source, source.stem, course)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"  # the same at every build, so that stored notebooks differ where they changed
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "course": course,
        }
    )
    return notebook


def header(opening, name, course):
    """The first two cells: the source's opening with the badge under its title and the times below, and the setup."""
    title, _, rest = opening.partition("\n")
    owner_and_name = repository().removeprefix("https://github.com/")
    address = f"https://colab.research.google.com/github/{owner_and_name}/blob/main/notebooks/{name}.ipynb"
    minutes = {key: course.get(key, "?") for key in ("reading", "doing")}
    runs = {"full": in_words(course.get("seconds")), "quick": in_words(course.get("quick_seconds"))}
    pieces = [title, BADGE.format(address=address), rest.strip(), TIME.format(**minutes, **runs)]
    packages = " ".join([f"git+{repository()}", *course.get("needs", [])])
    return [
        nbformat.v4.new_markdown_cell("\n\n".join(pieces)),
        nbformat.v4.new_code_cell(SETUP.format(packages=packages), metadata={"tags": ["setup"]}),
    ]


def in_words(seconds):
    """A running time as a reader wants it: `"40 seconds"`, `"5 minutes"`."""
    if seconds is None:
        return "a time not measured yet"
    return f"{max(10, round(seconds, -1))} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"


def title_of(notebook):
    """The title of a lesson, without its mark."""
    return notebook.cells[0].source.partition("\n")[0].removeprefix("# ")


def repository():
    """The repository's URL; it stands in pyproject.toml and nowhere else by hand."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def link(name):
    """Points every badge, setup cell and command at the GitHub repository `owner/name`."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name or ""):
        sys.exit(f"REPO must be owner/name. Received: {name!r}")
    old = re.escape(repository().removeprefix("https://github.com/"))
    linked = rf"(?<=github\.com/){old}(?![\w-])|(?<=google\.com/github/){old}(?![\w-])"
    places = [ROOT / "pyproject.toml", ROOT / "README.md", *(ROOT / "notebooks").glob("*.ipynb")]
    for path in places:
        path.write_text(re.sub(linked, name, path.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{len(places)} files now point at https://github.com/{name}")
