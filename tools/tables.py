"""The README's table of lessons, the instructors' one and docs/results.md, from what the stored notebooks measured."""

import re

import nbformat

from tools import sources
from tools.facts import facts

MARKS = ("<!-- lessons -->", "<!-- /lessons -->")

RESULTS = """# All results

Every number that a lesson holds to a bound, as its stored run measured it, beside the published figure where there is
one. Seconds are those of the whole lesson on two CPU cores, memory is the peak of its kernel. `make notebooks` writes
this page.
"""


def write_tables():
    """Writes the tables of the README and of docs/instructors.md, and docs/results.md."""
    put_between_marks(sources.ROOT / "README.md", lesson_table())
    put_between_marks(sources.ROOT / "docs" / "instructors.md", teaching_table())
    (sources.ROOT / "docs" / "results.md").write_text(results_page(), encoding="utf-8")


def put_between_marks(path, table):
    """Replaces what stands between the two marks in a file."""
    before, _, after = split_at_marks(path.read_text(encoding="utf-8"))
    path.write_text(f"{before}{MARKS[0]}\n{table}{MARKS[1]}{after}", encoding="utf-8")


def split_at_marks(text):
    """What stands before, between and after the two marks."""
    before, _, rest = text.partition(MARKS[0])
    between, _, after = rest.partition(MARKS[1])
    return before, between, after


def teaching_table():
    """A row for each stored notebook: its minutes, and the lessons that it builds on."""
    rows = ["| lesson | read, min | exercises, min | run in full | builds on |", "|---|---|---|---|---|"]
    for name, notebook in stored_notebooks():
        course = notebook.metadata["course"]
        title = f"{name[:2]} {sources.title_of(notebook).partition(':')[0]}"
        minutes = f"{course.get('reading', '?')} | {course.get('doing', '?')} | {clock(course['seconds'])}"
        rows.append(f"| {title} | {minutes} | {', '.join(builds_on(notebook))} |")
    return "\n".join(rows) + "\n"


def builds_on(notebook):
    """The numbers of the lessons that a lesson's opening asks for, in the first sentence of *You need*."""
    wanted = re.search(r"\*\*You need\*\* ([^.;]*)", notebook.cells[0].source)
    return re.findall(r"\b\d\d\b", wanted[1]) if wanted else []


def lesson_table():
    """A row for each stored notebook: picture, title, headline, and the two times."""
    rows = ["| | lesson | headline result | reading + exercises | running: full, quick |", "|---|---|---|---|---|"]
    for name, notebook in stored_notebooks():
        course = notebook.metadata["course"]
        picture = f'<img src="docs/{name}.png" width="180" alt="{alternative_text(notebook)}">'
        title = f"[{name[:2]}. {sources.title_of(notebook)}](notebooks/{name}.ipynb)"
        minutes = f"{course.get('reading', '?')} + {course.get('doing', '?')} min"
        runs = f"{clock(course['seconds'])}, {clock(course.get('quick_seconds'))}"
        rows.append(f"| {picture} | {title} | {headline(notebook)} | {minutes} | {runs} |")
    return "\n".join(rows) + "\n"


def results_page():
    """docs/results.md: what each lesson cost, and all that it holds to a bound."""
    sections = [RESULTS]
    for name, notebook in stored_notebooks():
        course = notebook.metadata["course"]
        sections.append(f"## [{name[:2]}. {sources.title_of(notebook)}](../notebooks/{name}.ipynb)\n\n{cost(course)}\n")
        rows = ["| | measured | bound | published |", "|---|---|---|---|"]
        for fact in facts(notebook.cells, "expectation"):
            rows.append(
                f"| {entry(fact['what'])} | {measured(fact)} | {fact['bound']} | {entry(fact.get('published'))} |"
            )
        sections.append("\n".join(rows) + "\n")
    return "\n".join(sections)


def stored_notebooks():
    """Pairs of a lesson's name and its stored notebook, in their order."""
    paths = sorted((sources.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    return [(path.stem, nbformat.read(path, as_version=4)) for path in paths]


def headline(notebook):
    """The one result that stands for a lesson: the first expectation of its cell tagged `headline`."""
    tagged = [cell for cell in notebook.cells if "headline" in cell.metadata.get("tags", [])]
    for fact in facts(tagged, "expectation"):
        published = f" (published: {entry(fact['published'])})" if fact.get("published") else ""
        return f"{entry(fact['what'])}: **{measured(fact)}**{published}"
    return ""


def entry(text):
    """A text as it may stand in a table."""
    return (text or "").replace("|", r"\|").replace("\n", " ")


def measured(fact):
    """The number of an expectation with its unit."""
    if fact["value"] is None:
        return "not finite"
    return f"{fact['value']:.4g} {fact.get('unit') or ''}".rstrip()


def cost(course):
    """What a lesson's runs took, in one sentence."""
    alone = f" ({course['jobs']} lessons ran at once)" if course.get("jobs", 1) > 1 else ""
    quick = "not measured" if course.get("quick_seconds") is None else f"{course['quick_seconds']} s"
    return f"Full run {course['seconds']} s and {course['peak_mib']} MiB{alone}, quick run {quick}."


def clock(seconds):
    """Seconds as a short entry of a table."""
    if seconds is None:
        return "?"
    return f"{seconds} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def picture_output(notebook):
    """The first picture of the cell tagged `picture`, which stands for the lesson in the README; or None."""
    for cell in notebook.cells:
        if "picture" in cell.metadata.get("tags", []):
            return next((output for output in cell.outputs if "image/png" in output.get("data", {})), None)
    return None


def alternative_text(notebook):
    """What that picture shows, for those who do not see it."""
    output = picture_output(notebook)
    text = output.metadata.get("image/png", {}).get("alt", "") if output else ""
    return entry(text.replace('"', "'"))
