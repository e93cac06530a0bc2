"""Runs, stores and links the lessons. The Makefile's targets call this; `--help` lists what it does."""

import argparse
import ast
import base64
import os
import re
import sys

import nbformat

from tools import pages, runs, sources, tables


def run(number, profile, jobs):
    """Executes lessons, leaves them as HTML in build/ and prints a table of what came out."""
    folder = sources.ROOT / "build"
    folder.mkdir(exist_ok=True)
    lessons, records = sources.find_lessons(number), {}
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        left_out = [source for source in lessons if sources.needs_tensorflow(sources.read_source(source))]
        print(f"Left out, since they need TensorFlow: {', '.join(source.stem[:2] for source in left_out) or 'none'}")
        lessons = [source for source in lessons if source not in left_out]

    def finished(source, notebook, record):
        tidy(notebook)
        (folder / f"{source.stem}.html").write_text(pages.page(notebook, source.stem), encoding="utf-8")
        records[source.stem] = record

    runs.run_all(lessons, profile, jobs, finished)
    print(f"\n{'lesson':34}{'seconds':>8}{'peak MiB':>10}  expectations")
    for name in (source.stem for source in lessons):
        record = records[name]
        print(f"{name:34}{record['seconds']:8}{record['peak_mib']:10}  {runs.verdict(record)}")
    print(f"\nThe executed lessons are in {folder.relative_to(sources.ROOT)}/: open them in a browser.")
    failed = [name for name, record in records.items() if record["error"]]
    if failed:
        sys.exit(f"{len(failed)} of {len(records)} lessons did not reach their end: {', '.join(sorted(failed))}")


def build(number, jobs):
    """Rebuilds stored notebooks and the tables from full runs; before each a quick run, which is timed as well."""
    lessons, quick, refused = sources.find_lessons(number), {}, []

    def timed(source, notebook, record):
        quick[source] = record | {"error": fault(notebook, record)}

    def stored(source, notebook, record):
        why = fault(notebook, record) or "it ran without the full data set" * record["embedded"]
        if why:
            refused.append(f"{source.stem} was not stored: {why} (the run is in {keep(source, notebook)})")
            return
        measured = {key: record[key] for key in ("seconds", "peak_mib", "met")}
        store(source, notebook, {**measured, "quick_seconds": quick[source]["seconds"], "jobs": jobs})

    runs.run_all(lessons, "quick", jobs, timed)
    for source in [source for source in lessons if quick[source]["error"]]:
        refused.append(f"{source.stem} was not stored: its quick run ended with {quick[source]['error']}")
        lessons.remove(source)
    if lessons:
        runs.run_all(lessons, "full", jobs, stored)
    tables.write_tables()
    if refused:
        sys.exit("\n".join(refused))


def fault(notebook, record):
    """What is wrong with a run, or "": its error, or a warning or a number that is none, which nbval passes over."""
    if record["error"]:
        return record["error"]
    streams = [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "stream"]
    for output in streams:
        if output.name == "stderr":
            return f"a warning: {output.text.strip()[:200]}"
        for line in re.findall(r".*\bnan\b.*", output.text):
            return f"a number that is none: {line.strip()[:200]}"
    return ""


def keep(source, notebook):
    """Writes a run that can't be stored where it can be looked at; returns the file's path from the root."""
    path = sources.ROOT / "build" / f"{source.stem}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return path.relative_to(sources.ROOT)


def store(source, notebook, measured):
    """Writes an executed notebook with what was measured in its header, and the README's picture of it."""
    tidy(notebook)
    fresh = sources.read_source(source, measured)
    notebook.cells[0], notebook.metadata = fresh.cells[0], fresh.metadata
    nbformat.validate(notebook)
    nbformat.write(notebook, sources.stored_path(source))
    picture = tables.picture_output(notebook)
    if picture:
        (sources.ROOT / "docs" / f"{source.stem}.png").write_bytes(base64.b64decode(picture.data["image/png"]))


def refresh_text(number):
    """Puts edits that a full run does not see into stored notebooks: text, comments, numbers for the quick profile.

    Where such numbers have changed the quick run is timed anew. Refuses where other code has changed.
    """
    for source in sources.find_lessons(number):
        path = sources.stored_path(source)
        if not path.is_file():
            print(f"{source.stem} has no stored notebook yet: make notebooks LESSON={source.stem[:2]}")
            continue
        stored = nbformat.read(path, as_version=4)
        measured, executed = stored.metadata.get("course"), code_cells(stored)
        edited = sources.read_source(source, measured)
        if seen_code(edited, quick=False) != seen_code(stored, quick=False):
            sys.exit(
                f"{source.stem} has edited code cells, so it needs a new run: make notebooks LESSON={source.stem[:2]}"
            )
        if seen_code(edited, quick=True) != seen_code(stored, quick=True):
            edited = sources.read_source(source, measured | {"quick_seconds": quick_seconds(source)})
        for cell, old in zip(code_cells(edited), executed):
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
        nbformat.write(edited, path)
    tables.write_tables()


def code_cells(notebook):
    return [notebook.cells[index] for index in runs.code_of(notebook)]


def seen_code(notebook, *, quick):
    """What a run sees of the lesson's code: no comments, and what stands after `quick=` only if `quick`."""
    cells = [cell for cell in code_cells(notebook) if "setup" not in cell.metadata.get("tags", [])]
    trees = [ast.parse(re.sub(r"\A%%(.*)", r'"\1"', cell.source)) for cell in cells]  # a magic's line as a text
    for call in (node for tree in trees if not quick for node in ast.walk(tree)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "budget":
            call.keywords = [keyword for keyword in call.keywords if keyword.arg != "quick"]
    return [ast.dump(tree) for tree in trees]


def quick_seconds(source):
    """Runs a lesson in the quick profile, alone, and returns its seconds."""
    notebook, record = runs.run_alone(source, "quick")
    why = fault(notebook, record)
    if why:
        sys.exit(f"The quick run of {source.stem} ended with {why}")
    return record["seconds"]


def tidy(notebook):
    """Drops what differs between machines and says nothing to a reader."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if not is_widget(output)]
        for output in cell.outputs:
            if "text" in output:
                output.text = re.sub(r"[ \t]+$", "", output.text, flags=re.M)


def is_widget(output):
    """Whether an output is a control that died with its kernel."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.lessons", description=__doc__)
    parser.add_argument("command", choices=["run", "build", "text", "tables", "link"])
    parser.add_argument("--lesson", help="two digits; all lessons by default")
    parser.add_argument("--profile", choices=["quick", "full"], default="quick")
    parser.add_argument("--jobs", type=int, help="lessons at once; `run` takes 2 where there are two cores, `build` 1")
    parser.add_argument("--repo", help="owner/name on GitHub")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            run(arguments.lesson, arguments.profile, arguments.jobs or min(2, os.cpu_count() or 1))
        elif arguments.command == "build":
            build(arguments.lesson, arguments.jobs or 1)  # stored seconds are those of a lesson alone
        elif arguments.command == "text":
            refresh_text(arguments.lesson)
        elif arguments.command == "tables":
            tables.write_tables()
        else:
            sources.link(arguments.repo)
    except KeyboardInterrupt:
        sys.exit("Interrupted; every kernel has been ended.")


if __name__ == "__main__":
    main()
