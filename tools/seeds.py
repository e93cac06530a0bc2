"""Runs a lesson with further seeds and stores the numbers that its bounds hold: `make seeds LESSON=NN` calls this.

A lesson that has a line `SEED = …` shows the stored numbers beside its own: what is said of trained networks should
hold with every seed. A missed bound does not end such a run, for it is a finding.
"""

import argparse
import re
import sys

import nbformat

from course_utils.checkpoints import store_table
from tools import runs, sources
from tools.facts import facts

SEED_LINE = re.compile(r"^SEED = (\d+)$", re.M)
LENIENT = """from course_utils import lesson

strict = lesson.expect


def lenient(*arguments, **bounds):
    try:
        strict(*arguments, **bounds)
    except lesson.ExpectationMissed as missed:
        print(missed)


lesson.expect = lenient  # before the lesson's first cell imports it"""


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.seeds", description=__doc__)
    parser.add_argument("--lesson", required=True, help="two digits")
    parser.add_argument("--further", type=int, default=2, help="how many seeds beside the lesson's own")
    arguments = parser.parse_args()
    (source,) = sources.find_lessons(arguments.lesson)
    columns = {}
    for step in range(1, arguments.further + 1):
        seed, values = run(source, step)
        columns[seed] = values
        store_table(f"seeds_{arguments.lesson}", as_rows(columns))  # after each: a run takes minutes


def run(source, step):
    """Runs a lesson in the full profile, its seed moved on by `step`; returns the seed and its numbers."""
    notebook, seed = with_seed(sources.read_source(source), step)
    _, record = runs.run_alone(source, "full", lambda source: notebook)
    if record["error"] or record["embedded"]:
        sys.exit(f"{source.stem}: {record['error'] or 'it ran without the full data set'}; nothing was stored")
    return seed, {fact["what"]: fact["value"] for fact in facts(notebook.cells, "expectation")}


def with_seed(notebook, step):
    """The notebook with its seed moved on by `step`, bounds that end nothing and no table of seeds, and that seed."""
    seeded = [cell for cell in notebook.cells if cell.cell_type == "code" and SEED_LINE.search(cell.source)]
    if len(seeded) != 1:
        sys.exit(f"A lesson that runs with further seeds has the line `SEED = …` in one cell. Found: {len(seeded)}")
    seed = int(SEED_LINE.search(seeded[0].source)[1]) + step
    seeded[0].source = SEED_LINE.sub(f"SEED = {seed}", seeded[0].source)
    table = '"seeds_'  # in the cell that shows what is being made, and isn't there the first time
    cells = [cell for cell in notebook.cells if table not in cell.source]
    notebook.cells = [nbformat.v4.new_code_cell(LENIENT), *cells]
    return notebook, seed


def as_rows(columns):
    """A row for each number, a column for each seed."""
    return [
        {"what": what, **{f"seed {seed}": f"{values[what]:.5g}" for seed, values in columns.items()}}
        for what in next(iter(columns.values()))
    ]


if __name__ == "__main__":
    main()
