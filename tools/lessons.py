"""Runs, stores and links the lessons. The Makefile's targets call this; `--help` lists what it does."""

import argparse
import base64
import os
import re
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import jupytext
import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
SOURCES, NOTEBOOKS, PICTURES = ROOT / "notebooks" / "src", ROOT / "notebooks", ROOT / "docs"
TABLE_MARKS = ("<!-- lessons -->", "<!-- /lessons -->")


def find_lessons(number=None):
    """The sources of all lessons, or of the one whose name starts with `number`."""
    found = sorted(SOURCES.glob(f"{number or '[0-9]'}*.py"))
    if not found:
        sys.exit(f"No lesson {number}. There are: {', '.join(path.stem for path in find_lessons())}")
    return found


def execute(source, profile):
    """Runs one lesson in a kernel of its own; returns `(notebook, record)`. An error ends it but is kept."""
    notebook = read_source(source)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    record = {"profile": profile, "error": None, "peak_mib": 0}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:  # nothing to resume: a stored run is one whole run
        environment = {**os.environ, "COURSE_PROFILE": profile, "COURSE_CACHE": cache}
        quiet = ["--log-level=CRITICAL"]  # of the kernel itself, which else has a word on its transport and its end
        client = NotebookClient(notebook, timeout=None, coalesce_streams=True, extra_arguments=quiet)
        client.resources = {"metadata": {"path": str(NOTEBOOKS)}}
        with client.setup_kernel(env=environment), tqdm(total=len(code), unit="cell", desc=source.stem) as bar:
            try:
                for index in code:
                    bar.set_postfix_str(title_of(notebook.cells, index))
                    client.execute_cell(notebook.cells[index], index)
                    bar.update()
                record["peak_mib"] = peak_memory(client)
            except CellExecutionError as error:
                record["error"] = f"{error.ename}: {error.evalue}"
                record["peak_mib"] = peak_memory(client)
            except DeadKernelError:
                record["error"] = "the kernel died; was there enough memory?"
    record["seconds"] = round(time.monotonic() - start)
    outputs = "".join(out.get("text", "") for i in code for out in notebook.cells[i].outputs)
    record["met"], record["missed"] = outputs.count("[met]"), outputs.count("[MISSED]")
    record["embedded"] = "embedded sample" in outputs
    return notebook, record


def read_source(source):
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"  # the same at every build, so that stored notebooks differ where they changed
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def title_of(cells, index):
    """The latest heading above a cell."""
    for cell in reversed(cells[:index]):
        headings = re.findall(r"^#+ (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []
        if headings:
            return headings[-1][:40]
    return ""


def peak_memory(client):
    """The kernel's largest resident size so far, in MiB."""
    # Not ru_maxrss on Linux: a new process inherits there the size of the one that started it.
    ask = r"int(__import__('re').search(r'VmHWM:\s+(\d+) kB', open('/proc/self/status').read())[1]) // 2**10"
    if sys.platform == "darwin":
        ask = "__import__('resource').getrusage(0).ru_maxrss // 2**20"
    message = client.kc.execute("", silent=True, user_expressions={"peak": ask})
    while True:
        reply = run_sync(client.kc.get_shell_msg)(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            return int(reply["content"]["user_expressions"]["peak"]["data"]["text/plain"])


def run(number, profile):
    """Executes lessons, leaves them as HTML in build/ and prints a table of what came out."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    records = {}
    for source in find_lessons(number):
        notebook, records[source.stem] = execute(source, profile)
        page, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": source.stem}})
        (build / f"{source.stem}.html").write_text(page, encoding="utf-8")
    print(f"\n{'lesson':32}{'seconds':>8}{'peak MiB':>10}  expectations")
    for name, record in records.items():
        print(f"{name:32}{record['seconds']:8}{record['peak_mib']:10}  {verdict(record)}")
    print(f"\nThe executed lessons are in {build.relative_to(ROOT)}/: open them in a browser.")
    sys.exit(any(record["error"] is not None for record in records.values()))


def verdict(record):
    if record["missed"]:
        return f"{record['met']} met, {record['missed']} MISSED"
    return record["error"] or f"all {record['met']} met"


def build(number):
    """Rebuilds stored notebooks in the full profile, their pictures, and the README's table."""
    for source in find_lessons(number):
        notebook, record = execute(source, "full")
        if record["error"] or record["embedded"]:
            sys.exit(f"{source.stem} was not stored: {record['error'] or 'it ran without the full data set'}")
        for cell in notebook.cells:
            tidy(cell)
        notebook.metadata["course"] = {key: record[key] for key in ("seconds", "peak_mib", "met")}
        nbformat.validate(notebook)
        nbformat.write(notebook, NOTEBOOKS / f"{source.stem}.ipynb")
        store_picture(notebook, PICTURES / f"{source.stem}.png")
        print(f"{source.stem}: {record['seconds']} s, {record['peak_mib']} MiB, {verdict(record)}")
    write_table()


def refresh_text(number):
    """Puts edited Markdown into stored notebooks without a new run. Refuses where code has changed too."""
    for source in find_lessons(number):
        path = NOTEBOOKS / f"{source.stem}.ipynb"
        if not path.is_file():
            print(f"{source.stem} has no stored notebook yet: make notebooks LESSON={source.stem[:2]}")
            continue
        stored, edited = nbformat.read(path, as_version=4), read_source(source)
        runs = [cell for cell in stored.cells if cell.cell_type == "code"]
        code = [cell for cell in edited.cells if cell.cell_type == "code"]
        if [cell.source for cell in runs] != [cell.source for cell in code]:
            sys.exit(
                f"{source.stem} has edited code cells, so it needs a new run: make notebooks LESSON={source.stem[:2]}"
            )
        for new, old in zip(code, runs):
            new.outputs, new.execution_count = old.outputs, old.execution_count
        edited.metadata = stored.metadata
        nbformat.write(edited, path)
    write_table()


def tidy(cell):
    """Drops what differs between machines and says nothing to a reader."""
    cell.metadata.pop("execution", None)
    for output in cell.get("outputs", []):
        if "text" in output:
            output.text = re.sub(r"[ \t]+$", "", output.text, flags=re.M)
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)  # its kernel is gone


def store_picture(notebook, path):
    """Saves the first picture of the cell tagged `picture`, for the README."""
    for cell in notebook.cells:
        if "picture" in cell.metadata.get("tags", []):
            encoded = next(out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {}))
            path.write_bytes(base64.b64decode(encoded))


def write_table():
    """Writes the README's table of lessons from what the stored notebooks measured."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(TABLE_MARKS[0])
    _, _, after = rest.partition(TABLE_MARKS[1])
    readme.write_text(f"{before}{TABLE_MARKS[0]}\n{lesson_table()}{TABLE_MARKS[1]}{after}", encoding="utf-8")


def lesson_table():
    rows = ["| | lesson | full run, 2 cores | result |", "|---|---|---|---|"]
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        course, title = notebook.metadata["course"], re.search(r"^# (.+)$", notebook.cells[0].source, re.M)[1]
        link, picture = f"[{title}](notebooks/{path.name})", f'<img src="docs/{path.stem}.png" width="220">'
        cost = f"{course['seconds'] / 60:.1f} min, {course['peak_mib'] / 1024:.1f} GiB"
        rows.append(f"| {picture} | {link} | {cost} | {result_of(notebook)} |")
    return "\n".join(rows) + "\n"


def result_of(notebook):
    """The lines of a lesson's `expect` cells, as one table cell."""
    texts = [out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", [])]
    lines = re.findall(r"^\[met\] (.+?)(?:; published: .*)?$", "".join(texts), re.M)
    return "<br>".join(lines)


def repository():
    """The repository's URL; it stands in pyproject.toml and nowhere else by hand."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def link(name):
    """Points every badge, setup cell and command at the GitHub repository `owner/name`."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name or ""):
        sys.exit(f"REPO must be owner/name. Received: {name!r}")
    old = re.escape(repository().removeprefix("https://github.com/"))
    linked = rf"(?<=github\.com/){old}(?![\w-])|(?<=google\.com/github/){old}(?![\w-])"
    places = [ROOT / "pyproject.toml", ROOT / "README.md", *SOURCES.glob("*.py"), *NOTEBOOKS.glob("*.ipynb")]
    for path in places:
        path.write_text(re.sub(linked, name, path.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{len(places)} files now point at https://github.com/{name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["run", "build", "text", "link"])
    parser.add_argument("--lesson", help="two digits; all lessons by default")
    parser.add_argument("--profile", choices=["quick", "full"], default="quick")
    parser.add_argument("--repo", help="owner/name on GitHub")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.lesson, arguments.profile)
    elif arguments.command == "build":
        build(arguments.lesson)
    elif arguments.command == "text":
        refresh_text(arguments.lesson)
    else:
        link(arguments.repo)


if __name__ == "__main__":
    main()
