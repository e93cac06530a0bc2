"""Opens each lesson alone, as Colab does: Colab's versions, the notebook's own setup cell, then the lesson.

`make test-colab` starts it with the Python of an environment made of constraints/colab.txt, which has no course in it.
So this file imports nothing that Colab lacks.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

OURS = {"course-utils", "course_utils", "constriction"}
STAND_IN = "google/colab/__init__.py"  # a notebook that asks whether it runs on Colab shall hear yes


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.colab", description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="the course's package, as `make handout` builds it")
    parser.add_argument("--repository", type=Path, required=True, help="a git repository with the course's package")
    parser.add_argument("notebooks", type=Path, nargs="+")
    options = parser.parse_args()
    before, failed = installed(), []
    for path in options.notebooks:
        for way in ("repository", "wheel"):
            start = time.monotonic()
            error = opened_alone(path, options, way) or changed(before)
            print(
                f"{path.stem:36} {way:11} {time.monotonic() - start:4.0f} s  {error or 'as it should be'}", flush=True
            )
            failed += [path.stem] if error else []
            uninstall()
    if failed:
        sys.exit(f"Not as on Colab: {', '.join(sorted(set(failed)))}")


def opened_alone(path, options, way):
    """Runs a notebook in an empty folder; returns its error, or None. From the repository only its first cells."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / STAND_IN).parent.mkdir(parents=True)
        (folder / STAND_IN).touch()
        if way == "wheel":
            shutil.copy(options.wheel, folder)
        else:
            setup = next(cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", []))
            address = f'"git+{options.repository.resolve().as_uri()}"'
            setup.source = re.sub(r"(?<=if wheels else )(None|\"git\+[^\"]*\")", address, setup.source)
            first = [i for i, cell in enumerate(notebook.cells) if "course_utils" in cell.source and cell != setup]
            notebook.cells = notebook.cells[: first[0] + 1]
        environment = {**os.environ, "COURSE_PROFILE": "quick", "COURSE_CACHE": name, "PYTHONPATH": name}
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": name}})
        try:
            client.execute(env=environment)
        except Exception as error:
            return f"{type(error).__name__}: {str(error).strip()[-300:]}"
    return None


def installed():
    """What is installed, as `name==version`, without what the course brings."""
    lines = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    return {line for line in lines.splitlines() if re.split(r"[ =@]", line)[0] not in OURS}


def changed(before):
    """What the course's setup cell changed of what was there, as text; "" if nothing."""
    difference = sorted(installed() ^ before)
    return f"changed: {', '.join(difference)}" if difference else ""


def uninstall():
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *sorted(OURS)], check=True)


if __name__ == "__main__":
    main()
