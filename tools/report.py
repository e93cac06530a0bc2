"""Grades handed-in notebooks: each student's outcome in each exercise, as CSV and HTML.

An answer is found by its exercise's name, wherever its cell stands. It is checked in a process of its own, with limits
of time and memory, an empty folder to write to, and no network: `bwrap` (bubblewrap, for Linux) shuts that process in.
"""

import argparse
import ast
import contextlib
import csv
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from tqdm import tqdm

from course_utils.exercises import Exercise, Prediction
from tools import sources

COLUMNS = ("file", "lesson", "exercise", "outcome", "line")
OUTCOMES = {"✓": "correct", "✗": "wrong", "○": "not attempted"}


def report(folder, *, seconds=60, memory_mib=2048, unprotected=False):
    """Grades all notebooks in `folder` and below; returns rows of `COLUMNS`, ordered by file and lesson's order."""
    guard = [] if unprotected else shut_in()
    tasks = []
    for path in sorted(Path(folder).rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts:
            tasks += tasks_of(path, str(path.relative_to(folder)))
    if not tasks:
        sys.exit(f"No notebook (.ipynb) in {folder}")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        graded = pool.map(lambda task: grade(task, guard, seconds, memory_mib), tasks)
        return list(tqdm(graded, total=len(tasks), unit="exercises"))


def shut_in():
    """The command that runs another one without a network and with nothing to write to but its own folder."""
    if not shutil.which("bwrap"):
        sys.exit(
            "Answers are programs that strangers wrote, and `bwrap`, which shuts them in, is missing: "
            "apt-get install bubblewrap. Where you trust all of them, OPTIONS=--unprotected goes without it."
        )
    return ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--die-with-parent"]


def tasks_of(path, file):
    """A task for each exercise of the lesson that a notebook belongs to, or a row that says why there is none."""
    try:
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    except Exception as error:  # whatever a file may be that somebody calls a notebook
        return [dict(zip(COLUMNS, (file, "", "", "unreadable", f"{type(error).__name__}: {error}"[:200])))]
    lessons = re.findall(r"course_utils\.exercises import lesson_(\d\d)", "\n".join(cells))
    known = {source.stem[:2] for source in sources.find_lessons()}
    if not lessons or lessons[0] not in known:
        return [dict(zip(COLUMNS, (file, "", "", "unreadable", "It imports the exercises of no lesson")))]
    exercises = vars(import_module(f"course_utils.exercises.lesson_{lessons[0]}"))
    asked = {name: kind for name, kind in exercises.items() if isinstance(kind, (Exercise, Prediction))}
    cells = [TransformerManager().transform_cell(cell) for cell in cells]  # magics become Python
    return [task_of(file, lessons[0], name, asked, cells) for name in asked]


def task_of(file, lesson, name, asked, cells):
    """What `grade` needs to check an exercise, or its row at once where nothing is to be run."""
    row = dict(zip(COLUMNS, (file, lesson, name, "", "")))
    bodies = [statements(cell) for cell in cells]
    places = [i for i, body in enumerate(bodies) if any(defines(node, name) for node in body or [])]
    if not places:
        broken = any(body is None and re.search(rf"\b{name}\b", cell) for cell, body in zip(cells, bodies))
        return row | ({"outcome": "wrong", "line": "its cell is no valid Python"} if broken else {"outcome": "missing"})
    last = places[-1]
    if isinstance(asked[name], Prediction):
        value = [ast.unparse(node.value) for node in bodies[last] if defines(node, name)][-1]
        return row | {"outcome": "not attempted" if value == "..." else "predicted", "line": value[:200]}
    pieces = [
        without(cell, body, lambda node: not may_be_needed(node, asked)) for cell, body in zip(cells, bodies[:last])
    ]
    return row | {"pieces": [*pieces, without(cells[last], bodies[last], lambda node: is_check(node, name))]}


def statements(cell):
    """The statements of a cell; None if it is no Python."""
    try:
        return ast.parse(cell).body
    except SyntaxError:
        return None


def without(cell, body, unwanted):
    """A cell with the lines of some statements left empty, so that the others keep their numbers."""
    lines = cell.splitlines() if body else []
    for node in body or []:
        if unwanted(node):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(lines)


def defines(node, name):
    """Whether a statement gives the name an answer: a function, a class, or a value that is not its own check."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name == name
    return isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets) and not is_check(node, name)


def is_check(node, name):
    return f"ex.{name}.check(" in ast.unparse(node)


def may_be_needed(node, asked):
    """Whether an answer in a later cell may need a statement: imports, constants, functions that are no answers."""
    if isinstance(node, ast.Assign):
        with contextlib.suppress(ValueError):
            ast.literal_eval(node.value)
            return True
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name not in asked  # of other answers it gets the references
    return isinstance(node, (ast.Import, ast.ImportFrom))


def grade(task, guard, seconds, memory_mib):
    """The row of a task, after its check has run in a process of its own."""
    if "pieces" not in task:
        return task
    message = {key: task[key] for key in ("lesson", "pieces")} | {"name": task["exercise"], "memory_mib": memory_mib}
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryFile() as heard:
        inside = [*guard, "--bind", own, own, "--chdir", own] if guard else []
        environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        environment |= {"HOME": own, "TMPDIR": own, "PYTHONPATH": str(sources.ROOT)}
        environment |= {"COURSE_PROFILE": "quick", "COURSE_CACHE": own}
        process = subprocess.Popen(
            [*inside, sys.executable, "-m", "tools.grade"], cwd=own, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=heard, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.communicate(json.dumps(message).encode(), timeout=seconds)
            heard.seek(max(0, heard.tell() - 100_000))  # whatever else was written there
            line = json.loads(heard.read().decode().splitlines()[-1])
            outcome = OUTCOMES[line[0]]
        except subprocess.TimeoutExpired:
            outcome, line = "stopped", f"not finished after {seconds} seconds"
        except (IndexError, ValueError, KeyError, TypeError):
            outcome, line = "stopped", f"its process ended without an answer (status {process.returncode})"
        finally:
            with_all_it_started(process)
    row = {column: task[column] for column in COLUMNS}
    return row | {"outcome": outcome, "line": line.removeprefix(f"{line[0]} {task['exercise']}: ")}


def with_all_it_started(process):
    """Ends a process and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
    process.wait()


def write(rows, folder):
    """Writes report.csv and report.html into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "report.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    head = "".join(f"<th scope='col'>{column}</th>" for column in COLUMNS)
    body = "\n".join(
        f"<tr class='{row['outcome'].replace(' ', '-')}'>"
        + "".join(f"<td>{html.escape(row[column])}</td>" for column in COLUMNS)
        + "</tr>"
        for row in rows
    )
    (folder / "report.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Report</title><style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem }} table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #ccc; vertical-align: top }}
.correct td:nth-child(4) {{ color: #00664a }} .wrong td:nth-child(4), .stopped td:nth-child(4) {{ color: #a63400 }}
</style></head><body><h1>Report</h1>
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></body></html>
"""


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.add_argument("submissions", type=Path, help="folder of handed-in notebooks")
    parser.add_argument("--seconds", type=int, default=60, help="for each exercise")
    parser.add_argument("--memory", type=int, default=2048, help="MiB for each exercise, beyond those of the libraries")
    parser.add_argument("--unprotected", action="store_true", help="without bwrap: for answers that you trust")
    options = parser.parse_args()
    if not options.submissions.is_dir():
        sys.exit(f"SUBMISSIONS must be a folder of notebooks. Received: {options.submissions}")
    limits = {"seconds": options.seconds, "memory_mib": options.memory, "unprotected": options.unprotected}
    rows = report(options.submissions, **limits)
    folder = sources.ROOT / "build" / "report"
    write(rows, folder)
    counts = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in {row["outcome"] for row in rows}}
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    print(f"{folder.relative_to(sources.ROOT)}/report.csv and report.html")


if __name__ == "__main__":
    main()
