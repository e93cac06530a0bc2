"""The guards of the stored notebooks, and whether validation bites.

nbval compares only what is stored: it passes silently over a cell that was never run. What it cannot see is held here.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).with_name("notebooks")
LESSONS = [
    "01_shallow_autoencoder",
    "02_linear_and_nonlinear_embedding",
    "03_latent_space_tsne",
    "04_denoising",
    "05_convolutional_autoencoder",
    "06_variational_inference",
    "07_variational_autoencoder",
    "08_latent_space_walks",
    "09_evaluating_vaes",
]
STORED = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECKED = "nbval-check-output"


def _load_tool():
    specification = importlib.util.spec_from_file_location("lessons", ROOT / "tools" / "lessons.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


lessons = _load_tool()


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell):
    return cell.metadata.get("tags", [])


def _texts(cell):
    """All that a cell's outputs say, without the pictures in them."""
    pieces = []
    for output in cell.get("outputs", []):
        pieces.append(output.get("text", ""))
        pieces += [
            value for kind, value in output.get("data", {}).items() if kind.startswith(("text/", "application/"))
        ]
        pieces += output.get("traceback", [])
    joined = "\n".join(piece if isinstance(piece, str) else json.dumps(piece) for piece in pieces)
    return re.sub(r"base64,[A-Za-z0-9+/=\s]+", "base64,", joined)


# The guards: each takes a notebook and names what is wrong with it.


def not_run(notebook):
    """Every code cell was run, once and from top to bottom, and what is compared has something to compare."""
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1, 2, 3, …"
    for cell in _code(notebook):
        if CHECKED in _tags(cell) and (cell.execution_count is None or not cell.outputs):
            yield f"tagged {CHECKED}, but nothing is stored: {cell.source[:60]!r}"


def not_clean(notebook):
    """No errors, no tracebacks, no warnings, no paths of the machine that made it."""
    for cell in _code(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"error {output.ename} stored in {cell.source[:60]!r}"
            if output.get("name") == "stderr":
                yield f"written to stderr: {output.text[:80]!r}"
        for pattern in (
            r"Traceback \(most recent call last\)",
            r"\b[A-Za-z]*Warning\b:?|\bWARNING\b",
            r"(?<![\w.:/-])/(?:root|home|tmp|work|Users|private|opt|usr|var|mnt)/[^\s\"'<>]*|[A-Z]:\\\\?Users",
        ):
            for found in re.findall(pattern, _texts(cell)):
                yield f"{found!r} stands in an output of {cell.source[:60]!r}"


def wrongly_checked(notebook):
    """What is compared must be exact in every profile and on every machine: no figures, no measured numbers."""
    checked = [cell for cell in _code(notebook) if CHECKED in _tags(cell)]
    if len(checked) < 3:
        yield f"only {len(checked)} cells tagged {CHECKED}"
    for cell in checked:
        if any(kind.startswith("image/") for output in cell.outputs for kind in output.get("data", {})):
            yield f"a figure is compared: {cell.source[:60]!r}"
        if "[met]" in _texts(cell) or "%|" in _texts(cell):
            yield f"a measured number or a progress bar is compared: {cell.source[:60]!r}"


def wrong_anatomy(notebook):
    """Short cells, exercises, bounds, a picture for the README."""
    for cell in _code(notebook):
        if len(cell.source.splitlines()) > 25:
            yield f"a cell of {len(cell.source.splitlines())} lines: {cell.source[:60]!r}"
    sources = "\n".join(cell.source for cell in _code(notebook))
    exercises = set(re.findall(r"\bex\.(\w+)\.check\(", sources))
    if len(exercises) < 3:
        yield f"only {len(exercises)} exercises: {sorted(exercises)}"
    pictures = [cell for cell in _code(notebook) if "picture" in _tags(cell)]
    if len(pictures) != 1:
        yield f"{len(pictures)} cells tagged picture, not 1"
    if not all(any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in pictures):
        yield "the cell tagged picture has no picture"


def wrong_results(notebook):
    """Stored outputs are those of a full run whose bounds were met."""
    texts = "\n".join(_texts(cell) for cell in _code(notebook))
    if "[met]" not in texts:
        yield "no bound was checked"
    if "[MISSED]" in texts:
        yield "a bound was missed"
    if "MNIST, 60,000 training and 10,000 test digits" not in texts or "embedded sample" in texts:
        yield "it ran without the full data set"
    if "quick profile" in texts:
        yield "it ran in the quick profile"
    if not re.search("not attempted", texts):
        yield "its exercises are not those that a student finds"


def wrong_links(notebook, name):
    """The badge and the setup cell point to the repository of pyproject.toml."""
    repository = lessons.repository()
    path = repository.removeprefix("https://github.com/")
    badge = f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{name}.ipynb"
    if badge not in notebook.cells[0].source:
        yield f"no badge to {badge}"
    setup = [cell.source for cell in _code(notebook) if "setup" in _tags(cell)]
    if len(setup) != 1 or f"--no-deps git+{repository}" not in setup[0]:
        yield f"no single setup cell that installs git+{repository} with --no-deps"
    for source in setup:
        if re.search(r"install[^\n]*\b(tensorflow|keras|numpy)\b", source):
            yield "the setup cell touches Colab's own packages"
    everything = "\n".join(cell.source for cell in notebook.cells)
    for owner in re.findall(r"([\w.-]+)/" + re.escape(path.split("/")[1]) + r"\b", everything):
        if owner != path.split("/")[0]:
            yield f"a link to another repository: {owner}/{path.split('/')[1]}"


def wrong_source(notebook, source):
    """The notebook and its source hold the same cells."""
    ours, theirs = [[(cell.cell_type, cell.source, _tags(cell)) for cell in book.cells] for book in (notebook, source)]
    if len(ours) != len(theirs):
        yield f"{len(ours)} cells in the notebook, {len(theirs)} in its source"
    for one, other in zip(ours, theirs):
        if one != other:
            yield f"{one[1][:60]!r} {one[2]} is {other[1][:60]!r} {other[2]} in the source"
            return


# The guards at work


def _none(faults):
    faults = list(faults)
    assert not faults, "\n".join(faults)


def _read(path):
    return nbformat.read(path, as_version=4)


def test_all_lessons_are_there():
    assert [path.stem for path in STORED] == LESSONS
    assert [path.stem for path in lessons.find_lessons()] == LESSONS


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
class TestStoredNotebook:
    def test_is_valid(self, path):
        nbformat.validate(_read(path))

    def test_was_run(self, path):
        _none(not_run(_read(path)))

    def test_is_clean(self, path):
        _none(not_clean(_read(path)))

    def test_compares_only_what_is_exact(self, path):
        _none(wrongly_checked(_read(path)))

    def test_has_its_anatomy(self, path):
        _none(wrong_anatomy(_read(path)))

    def test_holds_a_full_run_that_met_its_bounds(self, path):
        _none(wrong_results(_read(path)))

    def test_points_to_the_one_repository(self, path):
        _none(wrong_links(_read(path), path.stem))

    def test_equals_its_source(self, path):
        source = ROOT / "notebooks" / "src" / f"{path.stem}.py"
        _none(wrong_source(_read(path), lessons.read_source(source)))

    def test_says_what_it_cost(self, path):
        course = _read(path).metadata["course"]
        assert 0 < course["seconds"] <= 600 and 0 < course["peak_mib"] < 4096 and course["met"] >= 1


def test_the_readmes_table_is_current():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split(lessons.TABLE_MARKS[0] + "\n")[1].split(lessons.TABLE_MARKS[1])[0]
    assert table == lessons.lesson_table(), "run `.venv/bin/python tools/lessons.py table`"


def test_files_that_the_readme_links_to_exist():
    for page in (ROOT / "README.md", ROOT / "data" / "README.md"):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
            target = "".join(target).split("#")[0]
            assert not target or "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


# Do the guards notice? A notebook without fault, and one fault at a time.


PICTURE = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})


def _cell(source, output="", tags=()):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)] if output else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)} if tags else {})


@pytest.fixture
def faultless():
    url = lessons.repository()
    name = url.removeprefix("https://github.com/")
    badge = f"https://colab.research.google.com/github/{name}/blob/main/notebooks/99_fixture.ipynb"
    cells = [nbformat.v4.new_markdown_cell(f"# Title\n\n[![Open in Colab](badge.svg)]({badge})")]
    cells.append(_cell(f"%pip install --quiet --no-deps git+{url}", tags=["setup"]))
    cells.append(_cell("load()", "MNIST, 60,000 training and 10,000 test digits from data/mnist.npz\n"))
    cells += [_cell(f"{x} = ex.{x}.check({x})", f"○ {x}: not attempted yet.\n", [CHECKED]) for x in "abc"]
    cells.append(_cell("expect()", "[met] x: 1 (bound: at least 0)\n"))
    cells.append(_cell("figure()", tags=["picture"]))
    cells[-1].outputs.append(PICTURE)
    for count, cell in enumerate(cells[1:], start=1):
        cell.execution_count = count
    return nbformat.v4.new_notebook(cells=cells)


def _all_faults(notebook):
    guards = (not_run, not_clean, wrongly_checked, wrong_anatomy, wrong_results)
    return [*(fault for guard in guards for fault in guard(notebook)), *wrong_links(notebook, "99_fixture")]


def test_a_faultless_notebook_has_no_faults(faultless):
    assert _all_faults(faultless) == []
    assert list(wrong_source(faultless, faultless)) == []


def _printing(text):
    return lambda book: book.cells[2].outputs[0].update(text=book.cells[2].outputs[0].text + text)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda book: book.cells[3].update(execution_count=None), "execution counts"),
        (lambda book: book.cells[3].update(execution_count=9), "execution counts"),
        (lambda book: book.cells[3].update(outputs=[]), "nothing is stored"),
        (lambda book: book.cells[2].outputs.append(nbformat.v4.new_output("error", ename="ValueError")), "ValueError"),
        (lambda book: book.cells[2].outputs[0].update(name="stderr"), "stderr"),
        (_printing("Traceback (most recent call last):"), "Traceback"),
        (_printing("x.py:3: DeprecationWarning: old"), "DeprecationWarning"),
        (_printing("saved in /home/somebody/course"), "/home/somebody/course"),
        (_printing("in '/tmp/x1/y.npz'"), "/tmp/x1/y.npz"),
        (_printing("in C:\\Users\\me"), "Users"),
        (lambda book: book.cells[3].outputs.append(PICTURE), "a figure is compared"),
        (lambda book: book.cells[6].metadata.update(tags=[CHECKED]), "a measured number"),
        (lambda book: book.cells[5].metadata.update(tags=[]), "only 2 cells tagged"),
        (lambda book: book.cells[5].update(source="c = 1"), "only 2 exercises"),
        (lambda book: book.cells[5].update(source="x\n" * 26), "a cell of 26 lines"),
        (lambda book: book.cells[7].metadata.update(tags=[]), "0 cells tagged picture"),
        (lambda book: book.cells[7].update(outputs=[]), "has no picture"),
        (lambda book: book.cells[6].update(outputs=[]), "no bound was checked"),
        (_printing("[MISSED] y"), "a bound was missed"),
        (lambda book: book.cells[2].outputs[0].update(text="4,000 from the embedded sample"), "full data set"),
        (lambda book: book.cells[0].update(source=book.cells[0].source.replace("99_", "98_")), "no badge"),
        (lambda book: book.cells[0].update(source=book.cells[0].source.replace("github/", "github/x")), "no badge"),
        (lambda book: book.cells[1].update(source=book.cells[1].source.replace("--no-deps ", "")), "--no-deps"),
        (lambda book: book.cells[1].update(source=book.cells[1].source + "\n%pip install -U numpy"), "Colab's own"),
    ],
)
def test_each_fault_is_noticed(faultless, spoil, words):
    spoil(faultless)
    faults = _all_faults(faultless)
    assert any(words in fault for fault in faults), faults


@pytest.mark.parametrize("change", [{"source": "other"}, {"metadata": {"tags": []}}, {"cell_type": "markdown"}])
def test_a_notebook_that_differs_from_its_source_is_noticed(faultless, change):
    changed = nbformat.from_dict(json.loads(json.dumps(faultless)))
    changed.cells[3].update(nbformat.from_dict(change))
    assert list(wrong_source(faultless, changed))
    assert list(wrong_source(faultless, nbformat.v4.new_notebook(cells=faultless.cells[:-1])))


def test_pictures_inside_a_page_are_no_paths(faultless):
    faultless.cells[7].outputs[0].data["text/html"] = '<img src="data:image/gif;base64,R0lG/tmp/home/root/x==">'
    assert list(not_clean(faultless)) == []


# Does validation bite? nbval on notebooks whose outcome is known, with the options of `make test`.


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """What nbval says about each fixture: its failure's text, or None; all in one run."""
    report = tmp_path_factory.mktemp("nbval") / "report.xml"
    sanitising = ["--nbval-sanitize-with", str(Path(__file__).with_name("sanitize.cfg"))]
    options = ["--nbval-lax", "--nbval-current-env", *sanitising, f"--junitxml={report}", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *map(str, sorted(FIXTURES.glob("*.ipynb")))]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1, result.stdout + result.stderr  # as `make test` must end if one notebook is wrong
    outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failure = case.find("failure")
        name = case.get("classname").split(".")[-2]  # tests.notebooks.<name>.ipynb
        outcomes[name] = None if failure is None else failure.text
    return outcomes


@pytest.mark.parametrize("name", ["right_output", "sanitised_output"])
def test_right_outputs_pass(validated, name):
    assert validated[name] is None


@pytest.mark.parametrize(("name", "stored", "printed"), [("wrong_output", 5, 4), ("wrong_after_sanitising", 23, 32)])
def test_wrong_outputs_fail(validated, name, stored, printed):
    assert "outputs differ" in validated[name]
    assert str(stored) in validated[name] and str(printed) in validated[name]


def test_a_cell_never_run_passes_nbval_and_is_caught_here(validated):
    assert validated["never_run"] is None
    assert len(list(not_run(_read(FIXTURES / "never_run.ipynb")))) == 2


def test_fixtures_are_no_lessons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "wrong_output" in {path.stem for path in FIXTURES.glob("*.ipynb")}
    assert "$(NOTEBOOKS)" in makefile and "tests/notebooks" not in makefile


# The sanitising file

SANITIZE = Path(__file__).with_name("sanitize.cfg").read_text(encoding="utf-8")
SANITISED = {  # section: text before and after
    "progress-bar": ("VAE, epoch 2/2 100%|████| 00:02<00:00, kl=3", "PROGRESS"),
    "versions-and-profile": ("Python 3.11.7, Keras 3.13.2 on tensorflow; quick profile, seed 1\n7", "VERSIONS\n7"),
    "data-source": ("MNIST, 4,000 training and 1,000 test digits from the embedded sample\n7", "DATA\n7"),
    "memory-address": ("<Layer at 0x7fa2bded7060>, 0x10 stays", "<Layer at ADDRESS>, 0x10 stays"),
}


def test_every_pair_is_one_that_nbval_reads():
    """nbval 0.11 drops a pair that lacks the space after `replace:`, and takes a trailing `;` literally."""
    lines = [line for line in SANITIZE.splitlines() if line and not line.startswith("#")]
    assert len(lines) % 3 == 0
    for section, regex, replace in zip(*[iter(lines)] * 3):
        assert re.fullmatch(r"\[[a-z-]+\]", section), section
        assert re.fullmatch(r"regex: \S.*", regex) and not regex.endswith((";", " ")), regex
        assert re.fullmatch(r"replace: \S+", replace) and not replace.endswith(";"), replace
        re.compile(regex.removeprefix("regex: "))
    assert len(get_sanitize_patterns(SANITIZE)) == len(lines) // 3


def test_every_pair_takes_effect():
    sections = re.findall(r"^\[(.+)\]$", SANITIZE, re.M)
    assert set(sections) == set(SANITISED)
    for section, (regex, replace) in zip(sections, get_sanitize_patterns(SANITIZE)):
        before, after = SANITISED[section]
        assert re.sub(regex, replace, before) == after


def test_results_are_not_sanitised_away():
    for line in ("✓ kl_term: correct.", "(60000, 28, 28, 1)", "25,120 parameters", "KL = 2.0 nats", "5.9 %"):
        for regex, replace in get_sanitize_patterns(SANITIZE):
            assert re.sub(regex, replace, line) == line
