"""The guards of the stored notebooks, and whether validation bites.

nbval compares only what is stored: it passes silently over a cell that was never run. What it cannot see is held here.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbval import kernel
from nbval.plugin import get_sanitize_patterns

from tools import nbval_twice, sources, tables
from tools.facts import MIME, facts

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).with_name("notebooks")
STORED = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECKED = "nbval-check-output"


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
        if facts([cell], "expectation") or "%|" in _texts(cell):
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
    expectations = facts(notebook.cells, "expectation")
    if not expectations:
        yield "no bound was checked"
    for fact in expectations:
        if not fact["met"]:
            yield f"a bound was missed: {fact['what']}"
    if [fact["profile"] for kind in ("setup", "profile") for fact in facts(notebook.cells, kind)] != ["full"]:
        yield "it did not run in the full profile"
    data = facts(notebook.cells, "data")
    loads = any(re.search(r"\bload\(", cell.source) for cell in _code(notebook))
    if (loads and not data) or any(fact["embedded"] for fact in data):
        yield "it ran without the full data set"
    if not tables.headline(notebook):
        yield "no result stands in a cell tagged headline"
    if not any("not attempted" in _texts(cell) for cell in _code(notebook)):
        yield "its exercises are not those that a student finds"


def undescribed(notebook):
    """Every picture says what it shows, in at least 40 characters."""
    for cell in _code(notebook):
        for output in cell.outputs:
            texts = re.findall(r"<img\b[^>]*>", "".join(output.get("data", {}).get("text/html", "")))
            alternatives = [re.search(r"""\balt=(["'])(.*?)\1""", tag, re.S) for tag in texts]
            described = [found[2] if found else "" for found in alternatives]
            if "image/png" in output.get("data", {}):
                described.append(output.metadata.get("image/png", {}).get("alt", ""))
            if any(len(text) < 40 for text in described):
                yield f"a picture without words for those who do not see it: {cell.source[:60]!r}"


def noisy_code(notebook):
    """Cells hold what a student reads, no notes to a linter or formatter."""
    for cell in _code(notebook):
        for line in cell.source.splitlines():
            if re.search(r"#\s*(noqa|fmt:|type:)", line):
                yield f"a note to a tool: {line.strip()!r}"


def watched_test_digits(notebook):
    """Nothing is watched or chosen on test digits: no `validation_data` holds them, by whatever name."""
    trees = [ast.parse(re.sub(r"^\s*[%!].*", "", cell.source, flags=re.M)) for cell in _code(notebook)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    bound = _bindings(nodes)
    waiting, seen = list(_names(bound.get("validation_data", []))), set()
    while waiting:
        name = waiting.pop()
        if re.search(r"(^|_)tests?(_|$)", name):
            yield f"validation_data holds {name}"
        if name not in seen:
            seen.add(name)
            waiting += _names(bound.get(name, []))


def _bindings(nodes):
    """All expressions that a notebook gives to each name: by assignment, as an argument, as a dict's entry."""
    bound, parameters = {}, {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            parameters[node.name] = [argument.arg for argument in node.args.args]
    for node in nodes:
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in _assigned(target, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(key.value, value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)]
        elif isinstance(node, ast.Call):
            names = parameters.get(getattr(node.func, "id", None), [])
            pairs = [*zip(names, node.args), *((keyword.arg, keyword.value) for keyword in node.keywords)]
        for name, value in pairs:
            bound.setdefault(name, []).append(value)
    return bound


def _assigned(target, value):
    """Pairs of a name and its expression; `a, b = c, d` are two, and so are `a, b = (f(x) for x in (c, d))`."""
    if not isinstance(target, ast.Tuple):
        return [(getattr(target, "id", None), value)]
    if isinstance(value, ast.GeneratorExp) and isinstance(value.generators[0].iter, ast.Tuple):
        value = value.generators[0].iter
    values = value.elts if isinstance(value, ast.Tuple) else [value] * len(target.elts)
    return [pair for one, other in zip(target.elts, values) for pair in _assigned(one, other)]


def _names(expressions):
    """The names and attributes that expressions read, functions that they call left out."""
    for expression in expressions:
        called = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
        for node in ast.walk(expression):
            if id(node) not in called and isinstance(node, ast.Name | ast.Attribute):
                yield getattr(node, "id", None) or node.attr


def wrong_links(notebook, name):
    """The badge and the setup cell point to the repository of pyproject.toml."""
    repository = sources.repository()
    path = repository.removeprefix("https://github.com/")
    badge = f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{name}.ipynb"
    if badge not in notebook.cells[0].source:
        yield f"no badge to {badge}"
    setup = [cell.source for cell in _code(notebook) if "setup" in _tags(cell)]
    if len(setup) != 1 or setup[0] != sources.setup_cell(notebook.metadata.get("course", {}).get("needs", [])):
        yield "no single setup cell that fetches the course's package"
    for source in setup:
        if re.search(r"install[^\n]*\b(tensorflow|keras|numpy)\b", source):
            yield "the setup cell touches Colab's own packages"
    everything = "\n".join(cell.source for cell in notebook.cells)
    for owner in re.findall(r"([\w.-]+)/" + re.escape(path.split("/")[1]) + r"\b", everything):
        if owner.lower().removesuffix(".github.io") != path.split("/")[0].lower():
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


def test_every_lesson_is_stored_and_numbered_without_a_gap():
    names = [path.stem for path in sources.find_lessons()]
    assert [path.stem for path in STORED] == names
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("path", sources.find_lessons(), ids=lambda path: path.stem)
def test_a_source_leaves_its_header_to_the_build(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"colab\.research|google\.colab|\*\*Time:\*\*", text)
    course = sources.read_source(path).metadata["course"]
    assert course["reading"] > 0 and course["doing"] > 0


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

    def test_describes_its_pictures(self, path):
        _none(undescribed(_read(path)))

    def test_has_no_notes_to_tools_in_its_code(self, path):
        _none(noisy_code(_read(path)))

    def test_watches_no_test_digits(self, path):
        _none(watched_test_digits(_read(path)))

    def test_points_to_the_one_repository(self, path):
        _none(wrong_links(_read(path), path.stem))

    def test_equals_its_source(self, path):
        source = ROOT / "notebooks" / "src" / f"{path.stem}.py"
        notebook = _read(path)
        _none(wrong_source(notebook, sources.read_source(source, notebook.metadata["course"])))

    def test_says_what_it_cost(self, path):
        course = _read(path).metadata["course"]
        assert 0 < course["seconds"] <= 600 and 0 < course["quick_seconds"] <= 60
        assert 0 < course["peak_mib"] < 4 * 1024 and course["met"] >= 1 and course["jobs"] >= 1


def _between_marks(path):
    return tables.split_at_marks(path.read_text(encoding="utf-8"))[1].removeprefix("\n")


def test_the_tables_are_current():
    stored = _between_marks(ROOT / "README.md"), _between_marks(ROOT / "docs" / "instructors.md")
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    made = tables.lesson_table(), tables.teaching_table(), tables.results_page()
    assert (*stored, results) == made, "python -m tools.lessons tables"


def test_files_that_the_pages_link_to_exist():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
            target = "".join(target).split("#")[0]
            assert not target or "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


# Do the guards notice? A notebook without fault, and one fault at a time.


PICTURE = nbformat.v4.new_output(
    "display_data",
    {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"},
    metadata={"image/png": {"alt": "Ten digits in the upper row, and what the network makes of them below."}},
)


def _saying(source, line, tags=(), **fact):
    output = nbformat.v4.new_output("display_data", {"text/plain": line, MIME: fact})
    return nbformat.v4.new_code_cell(source, outputs=[output], metadata={"tags": list(tags)} if tags else {})


def _cell(source, output="", tags=()):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)] if output else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)} if tags else {})


@pytest.fixture
def faultless():
    url = sources.repository()
    name = url.removeprefix("https://github.com/")
    badge = f"https://colab.research.google.com/github/{name}/blob/main/notebooks/99_fixture.ipynb"
    cells = [nbformat.v4.new_markdown_cell(f"# Title\n\n[![Open in Colab](badge.svg)]({badge})")]
    cells.append(_cell(sources.setup_cell([]), tags=["setup"]))
    cells.append(_cell("start()", "Here we go\n"))
    cells += [_cell(f"{x} = ex.{x}.check({x})", f"○ {x}: not attempted yet.\n", [CHECKED]) for x in "abc"]
    expectation = {"what": "x", "value": 1.0, "met": True, "bound": "at least 0"}
    cells.append(_saying("expect()", "[met] x: 1", ["headline"], kind="expectation", **expectation))
    cells.append(_cell("figure()", tags=["picture"]))
    cells[-1].outputs.append(nbformat.from_dict(json.loads(json.dumps(PICTURE))))
    cells.append(_saying("setup()", "Python 3.11", kind="setup", profile="full"))
    cells.append(_saying("load()", "Digits", kind="data", embedded=False))
    cells.append(_cell("model.fit(x, validation_data=(mnist.x_valid, mnist.x_valid))"))
    for count, cell in enumerate(cells[1:], start=1):
        cell.execution_count = count
    return nbformat.v4.new_notebook(cells=cells)


def _all_faults(notebook):
    guards = (not_run, not_clean, wrongly_checked, wrong_anatomy, wrong_results, undescribed, noisy_code)
    guards = (*guards, watched_test_digits)
    return [*(fault for guard in guards for fault in guard(notebook)), *wrong_links(notebook, "99_fixture")]


def test_a_faultless_notebook_has_no_faults(faultless):
    assert _all_faults(faultless) == []
    assert list(wrong_source(faultless, faultless)) == []


def _fact(book, cell, **change):
    book.cells[cell].outputs[0].data[MIME].update(change)


def _gif(alt):
    return nbformat.v4.new_output("display_data", {"text/html": f'<img {alt} src="data:image/gif;base64,R0lG">'})


def _code_is(text):
    return lambda book: book.cells[10].update(source=text)


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
        (lambda book: _fact(book, 6, met=False), "a bound was missed: x"),
        (lambda book: book.cells[6].metadata.update(tags=[]), "tagged headline"),
        (lambda book: _fact(book, 8, profile="quick"), "full profile"),
        (lambda book: book.cells[8].update(outputs=[]), "full profile"),
        (lambda book: _fact(book, 9, embedded=True), "full data set"),
        (lambda book: book.cells[9].update(outputs=[]), "full data set"),
        (lambda book: book.cells[7].outputs[0].update(metadata={}), "a picture without words"),
        (lambda book: book.cells[7].outputs[0].metadata["image/png"].update(alt="A figure"), "a picture without words"),
        (lambda book: book.cells[7].outputs.append(_gif("")), "a picture without words"),
        (lambda book: book.cells[7].outputs.append(_gif("alt='digits'")), "a picture without words"),
        (_code_is("import x  # noqa: F401"), "a note to a tool"),
        (_code_is("x = [1,\n2]  # fmt: skip"), "a note to a tool"),
        (_code_is("m.fit(validation_data=(mnist.x_test, mnist.x_test))"), "validation_data holds x_test"),
        (_code_is("held = binarise(mnist.x_test)\npair = (held, held)\nm.fit(validation_data=pair)"), "holds x_test"),
        (_code_is("a, b = mnist.x_train, x_test[:9]\nm.fit(**{'validation_data': (b, b)})"), "holds x_test"),
        (_code_is("a, b = (f(x) for x in (x_valid, x_test))\nm.fit(validation_data=(b, b))"), "holds x_test"),
        (_code_is("def t(m, c):\n    m.fit(validation_data=c)\nt(1, tests)"), "validation_data holds tests"),
        (_code_is("def t(m, *, c):\n    m.fit(validation_data=c)\nt(1, c=(x_test, y))"), "holds x_test"),
        (lambda book: book.cells[0].update(source=book.cells[0].source.replace("99_", "98_")), "no badge"),
        (lambda book: book.cells[0].update(source=book.cells[0].source.replace("github/", "github/x")), "no badge"),
        (lambda book: book.cells[1].update(source=book.cells[1].source.replace("--no-deps ", "")), "no single setup"),
        (lambda book: book.cells[1].update(source=book.cells[1].source + "\n%pip install -U numpy"), "Colab's own"),
    ],
)
def test_each_fault_is_noticed(faultless, spoil, words):
    spoil(faultless)
    faults = _all_faults(faultless)
    assert any(words in fault for fault in faults), faults


def test_validation_digits_beside_test_digits_are_no_fault(faultless):
    _code_is("a, b = (f(x) for x in (x_valid, x_test))\nm.fit(validation_data=(a, a))")(faultless)
    assert not list(watched_test_digits(faultless))


@pytest.mark.parametrize("change", [{"source": "other"}, {"metadata": {"tags": []}}, {"cell_type": "markdown"}])
def test_a_notebook_that_differs_from_its_source_is_noticed(faultless, change):
    changed = nbformat.from_dict(json.loads(json.dumps(faultless)))
    changed.cells[3].update(nbformat.from_dict(change))
    assert list(wrong_source(faultless, changed))
    assert list(wrong_source(faultless, nbformat.v4.new_notebook(cells=faultless.cells[:-1])))


@pytest.mark.parametrize(
    "code",
    [
        "a, x_test = mnist.x_valid, mnist.x_test\nm.fit(validation_data=(a, a))\nm.evaluate(x_test)",
        "%pip list\nheld = binarise(mnist.x_valid, test_rng())\nm.fit(validation_data=(held, held))\nx = x_test",
    ],
)
def test_test_digits_elsewhere_are_no_fault(faultless, code):
    faultless.cells[10].update(source=code)
    assert list(watched_test_digits(faultless)) == []


def test_a_described_picture_in_a_page_is_no_fault(faultless):
    faultless.cells[7].outputs.append(_gif('alt="A walk through the latent space, from a three to an eight"'))
    assert list(undescribed(faultless)) == []


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


@pytest.mark.system
@pytest.mark.parametrize("name", ["right_output", "sanitised_output", "said_output"])
def test_right_outputs_pass(validated, name):
    assert validated[name] is None


@pytest.mark.system
@pytest.mark.parametrize(("name", "stored", "printed"), [("wrong_output", 5, 4), ("wrong_after_sanitising", 23, 32)])
def test_wrong_outputs_fail(validated, name, stored, printed):
    assert "outputs differ" in validated[name]
    assert str(stored) in validated[name] and str(printed) in validated[name]


@pytest.mark.system
def test_a_cell_never_run_passes_nbval_and_is_caught_here(validated):
    assert validated["never_run"] is None
    assert len(list(not_run(_read(FIXTURES / "never_run.ipynb")))) == 2


def test_a_kernel_of_nbval_that_does_not_start_is_started_once_more_and_said(monkeypatch):
    def start(deaths):
        if deaths:
            deaths.pop()
            raise RuntimeError("Kernel didn't respond in 60 seconds")
        return "a kernel"

    monkeypatch.setattr(nbval_twice, "start", start)
    assert kernel.start_new_kernel is nbval_twice.start_twice
    with pytest.warns(UserWarning, match=r"did not start \(Kernel didn't respond in 60 seconds\) and is started once"):
        assert kernel.start_new_kernel(["once"]) == "a kernel"
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="didn't respond"):
        kernel.start_new_kernel(["once", "twice"])
    assert "-p tools.nbval_twice" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_fixtures_are_no_lessons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "wrong_output" in {path.stem for path in FIXTURES.glob("*.ipynb")}
    assert "$(NOTEBOOKS)" in makefile and "tests/notebooks" not in makefile


# The sanitising file

SANITIZE = Path(__file__).with_name("sanitize.cfg").read_text(encoding="utf-8")
SANITISED = {  # section: text before and after
    "progress-bar": ("VAE, epoch 2/2 100%|████| 00:02<00:00, kl=3", "PROGRESS"),
    "versions-and-profile": ("Python 3.11.7, Keras 3.13.2 on tensorflow; quick profile, seed 1\n7", "VERSIONS\n7"),
    "data-source": (
        "MNIST, 3,500 training, 500 validation and 1,000 test digits from the embedded sample\n7",
        "DATA\n7",
    ),
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
