"""The lessons' sources, the header that each build puts on top of them, and the one URL that the header points to."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).parents[1]

PLACEHOLDER = "https://github.com/OWNER/"

SETUP = """import importlib
import os
from importlib.util import find_spec
from pathlib import Path

if find_spec("tensorflow") is None:  # as on Colab's TPU runtime
    os.environ.setdefault("KERAS_BACKEND", "jax")
# Fetches what is not here yet: the course's package, from a wheel beside this notebook or else from its repository.
wheels = [str(path) for folder in (Path(), Path("/content")) for path in folder.glob("course_utils-*.whl")]
wanted = {wanted}
missing = [source for name, source in wanted.items() if source and find_spec(name) is None]
if missing:  # these alone: the TensorFlow and the NumPy that are here stay as they are
    get_ipython().run_line_magic("pip", "install --quiet --no-deps " + " ".join(missing))
    importlib.invalidate_caches()
if find_spec("course_utils") is None:
    raise ModuleNotFoundError(
        "The course's package is not here. Upload course_utils-….whl beside this notebook (on Colab: into /content), "
        "then run this cell again. `make handout` in the course's folder makes the file."
    )"""

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"

TIME = """**Time:** {reading} minutes of reading and {doing} of exercises. All cells run in {full} on a 2-core CPU
(Colab's free CPU runtime has two cores as well; not measured there), in {quick} in the *quick profile*. That one,
`COURSE_PROFILE=quick`, takes the built-in data and shorter trainings: its numbers are worse and have bounds of their
own, and the text describes the full run."""

EXPLORER = (
    "**Explorer:** [a latent space to walk in with a finger]({site}/explorer.html), in the browser; nothing to install."
)

RUNTIME = {
    True: "**Runtime:** CPU or GPU. Some cells are TensorFlow's own, which Colab's TPU runtime does not have.",
    False: "**Runtime:** CPU, GPU, or Colab's TPU runtime, which has JAX instead of TensorFlow. Keras takes either "
    "(tested with JAX on a CPU, not on a TPU).",
}


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
            `course: {reading: minutes, doing: minutes}`, as `needs` packages that Colab lacks, and `explorer: true`
            where the website's explorer belongs to the lesson.
        measured: what a run has measured, such as `{"seconds": 283, "quick_seconds": 41}`.
    """
    notebook = jupytext.read(source)
    course = {**(measured or {}), **notebook.metadata.get("course", {})}
    notebook.cells[:1] = header(notebook.cells[0].source, source.stem, course, needs_tensorflow(notebook))
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


def needs_tensorflow(notebook):
    """Whether a lesson has cells that no other backend of Keras can run."""
    return any("import tensorflow" in cell.source for cell in notebook.cells if cell.cell_type == "code")


def header(opening, name, course, tensorflow):
    """The first two cells: the source's opening with the badge under its title and the times below, and the setup."""
    title, _, rest = opening.partition("\n")
    address = f"https://colab.research.google.com/github/{owner_and_name()}/blob/main/notebooks/{name}.ipynb"
    minutes = {key: course.get(key, "?") for key in ("reading", "doing")}
    runs = {"full": in_words(course.get("seconds")), "quick": in_words(course.get("quick_seconds"))}
    pieces = [title, BADGE.format(address=address), rest.strip(), TIME.format(**minutes, **runs), RUNTIME[tensorflow]]
    if course.get("explorer"):
        pieces.append(EXPLORER.format(site=website()))
    return [
        nbformat.v4.new_markdown_cell("\n\n".join(pieces)),
        nbformat.v4.new_code_cell(setup_cell(course.get("needs", [])), metadata={"tags": ["setup"]}),
    ]


def setup_cell(needs):
    """The code that makes a notebook run wherever it was opened, alone or with the course around it.

    Args:
        needs: names of packages that the lesson imports and Colab lacks.
    """
    known = "None" if repository().startswith(PLACEHOLDER) else f'"git+{repository()}"'
    entries = [f'"course_utils": wheels[0] if wheels else {known}', *(f'"{name}": "{name}"' for name in needs)]
    return SETUP.replace("{wanted}", "{" + ", ".join(entries) + "}")


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


def owner_and_name():
    """What GitHub calls the repository."""
    return repository().removeprefix("https://github.com/")


def website(of=None):
    """Where GitHub publishes the website of a repository `owner/name`, by default this one."""
    owner, name = (of or owner_and_name()).split("/")
    return f"https://{owner.lower()}.github.io/{name}"


def link(name=None):
    """Points every badge, setup cell and command at the GitHub repository `owner/name`, by default git's `origin`."""
    name = name or origin()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        sys.exit(f"REPO must be owner/name. Received: {name!r}")
    old = owner_and_name()
    places = [ROOT / file for file in ("pyproject.toml", "README.md", "CITATION.cff", "docs/students.md")]
    for path in places:
        text = path.read_text(encoding="utf-8").replace(website(old), website(name))
        path.write_text(re.sub(rf"(?<=github\.com/){re.escape(old)}(?![\w-])", name, text), encoding="utf-8")
    stored = [source for source in find_lessons() if stored_path(source).is_file()]
    for source in stored:
        renew_header(source)
    print(f"{len(places) + len(stored)} files now point at https://github.com/{name}")


def origin():
    """`owner/name` of the GitHub repository that git's remote `origin` points to."""
    asked = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True)
    found = re.fullmatch(r".*github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?/?", asked.stdout.strip())
    if not found:
        sys.exit("git's remote `origin` is no GitHub repository, so say which it is: make links REPO=owner/name")
    return found[1]


def renew_header(source):
    """Puts badge, times and setup cell anew on top of a stored notebook, and touches nothing else."""
    stored = nbformat.read(stored_path(source), as_version=4)
    fresh = read_source(source, stored.metadata.get("course"))
    for cell, new in zip(stored.cells[:2], fresh.cells[:2]):
        cell.source = new.source
    nbformat.write(stored, stored_path(source))
