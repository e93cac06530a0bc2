"""Makes build/handout.zip, all that a learning platform needs: the package, the notebooks without answers, a README."""

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat

from tools import sources

README = """# The autoencoder course

{lessons} lessons, and the package that they import, `{wheel}`. Keep it beside the notebooks.

**In Colab.** Upload a notebook (*File, Upload notebook*). Then upload the .whl file, too: the folder symbol on the
left, *Upload to session storage*. Run the first cell; it installs the package and leaves Colab's own TensorFlow alone.

**On a platform of your university.** Put the .whl file into the folder of the notebook and run the first cell.

**On your own machine**, with Python 3.11, 3.12 or 3.13, in this folder:

    python -m venv .venv
    .venv/bin/pip install jupyter {needs} {wheel}
    .venv/bin/jupyter lab

(On Windows it is `.venv\\Scripts\\pip` and `.venv\\Scripts\\jupyter`.)

**explorer.html** is a latent space to walk in with a finger: open it in a browser.

With a network the lessons fetch all of MNIST, once; without one they go on with 5,000 digits that the package holds.
"""


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.handout", description=__doc__)
    parser.add_argument("--wheel-only", type=Path, metavar="FOLDER", help="build the package's wheel there, and no zip")
    options = parser.parse_args()
    if options.wheel_only:
        build_wheel(options.wheel_only)
        return
    path = sources.ROOT / "build" / "handout.zip"
    path.parent.mkdir(exist_ok=True)
    write(path)
    print(f"{path.relative_to(sources.ROOT)}: {path.stat().st_size / 2**20:.1f} MiB")


def write(path):
    """Writes the zip, whose files lie in one folder so that each notebook finds the wheel beside it."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        files = {wheel.name: wheel.read_bytes()}
    for source in sources.find_lessons():
        files[f"{source.stem}.ipynb"] = nbformat.writes(for_students(sources.read_source(source))).encode()
    from tools import explorer  # it takes Keras, which a wheel alone does not need

    files["explorer.html"] = explorer.page().encode()
    needs = " ".join(f'"{line}"' for line in requirements("tensorflow", "ipywidgets", "constriction", "jax"))
    text = README.format(lessons=len(files) - 2, wheel=wheel.name, needs=needs)
    files["README.md"] = text.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"autoencoder-course/{name}"), content, zipfile.ZIP_DEFLATED)


def build_wheel(folder):
    """Builds the package's wheel in `folder` and returns its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    built = subprocess.run([*command, folder, sources.ROOT], capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"The wheel could not be built: {built.stderr.strip()}")
    (wheel,) = folder.glob("course_utils-*.whl")
    return wheel


def for_students(notebook):
    """A notebook of which nothing has run, without the badge of a repository and without what answers its questions."""
    opening = notebook.cells[0]
    opening.source = re.sub(r"\[!\[Open in Colab\].*\n\n", "", opening.source)
    opening.source = opening.source.replace(f"{sources.website()}/explorer.html", "explorer.html")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_discussions(cell.source)
    notebook.metadata.pop("course")
    return notebook


def without_discussions(text):
    """The text, with only the question left of each discussion that is folded in."""
    return re.sub(r"<details>\s*<summary>(.*?)</summary>.*?</details>", r"\1", text, flags=re.S)


def requirements(*names):
    """The lines of requirements.txt for these packages."""
    lines = (sources.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [next(line for line in lines if re.match(rf"{name}[<>=]", line)) for name in names]


if __name__ == "__main__":
    main()
