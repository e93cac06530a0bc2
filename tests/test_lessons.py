"""The tool behind `make run`, `make notebooks` and `make links`, on lessons of three cells in a folder of their own."""

import base64
import importlib.util
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient.output_widget import OutputWidget

from tools import lessons, runs, sources, tables
from tools.facts import MIME

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]


def _png():
    """One white pixel."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")
    )


ALT = "One white pixel, which stands for all that a figure of a lesson can show"
SAY = """
from IPython.display import display

def say(line, **facts):
    display({"text/plain": line, "application/vnd.course+json": facts}, raw=True)

def expect(what, value, met=True, **more):
    say(f"[met] {what}", kind="expectation", what=what, value=value, met=met, bound="at most 1", unit="nats", **more)
"""
HEADER = """# ---
# jupyter:
#   course: {reading: 40, doing: 50}
# ---

"""
LESSON = f'''{HEADER}# %% [markdown]
# # A lesson of three cells
#
# It prints and draws.

# %%
{SAY}

# %% [markdown]
# ## Numbers

# %% tags=["headline"]
import os
memory = bytearray(200 * 2**20)
memory[:] = b"x" * len(memory)
print(os.environ["COURSE_PROFILE"], os.path.isdir(os.environ["COURSE_CACHE"]), "   ")
say("digits", kind="data", embedded=os.environ["COURSE_PROFILE"] == "quick")
expect("error of $x$", 0.5, published="0.6, Someone 2006")
expect("KL[p || q]", 0.25)

# %% tags=["picture"]
import base64
import importlib.util
picture = base64.b64decode("{base64.b64encode(_png()).decode()}")
display({{"image/png": picture}}, metadata={{"image/png": {{"alt": "{ALT}"}}}}, raw=True)
'''

FAILING = f"""# %% [markdown]
# # A lesson that fails

# %%
{SAY}
expect("accuracy", 0.5, met=False)
raise ValueError("accuracy is 0.5\\nand more")

# %%
expect("never reached", 1)
"""

PYPROJECT = '[project.urls]\nRepository = "https://github.com/OWNER/autoencoder-course"\n'
README = """Before
<!-- lessons -->
old
<!-- /lessons -->
After: git clone https://github.com/OWNER/autoencoder-course.git
Site: https://owner.github.io/autoencoder-course/explorer.html
"""
BADGE = "https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/91_small.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small course for the tool to work in; returns a function that adds a lesson to it."""
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("README.md", "CITATION.cff", "docs/instructors.md", "docs/students.md"):
        (tmp_path / name).write_text(README)

    def add(name, text):
        path = tmp_path / "notebooks" / "src" / f"{name}.py"
        path.write_text(text)
        return path

    add("91_small", LESSON)
    return add


def test_run_makes_pages_and_a_table_in_order_and_ends_with_an_error_if_a_lesson_fails(course, tmp_path, capsys):
    course("90_failing", FAILING)
    course("92_tiny", HEADER + "# %% [markdown]\n# # Tiny\n")
    with pytest.raises(SystemExit, match="1 of 3 lessons did not reach their end: 90_failing"):
        lessons.run(None, "quick", jobs=2)
    captured = capsys.readouterr()
    head, failing, small, tiny = [line for line in captured.out.splitlines() if line.startswith(("lesson", "9"))]
    assert head.split() == ["lesson", "seconds", "peak", "MiB", "expectations"]
    assert small.split()[0] == "91_small" and small.endswith("all 2 met") and tiny.split()[0] == "92_tiny"
    assert 200 < int(small.split()[2]) < 1000, "the kernel's peak, which held 200 MiB"
    words = "0 met, 1 MISSED; ended below “A lesson that fails” with ValueError: accuracy is 0.5"
    assert failing.split()[0] == "90_failing" and failing.endswith(words)
    assert "8/8" in captured.err and "91 Numbers" in captured.err, "the line names lesson and cell"
    assert "quick True" in (tmp_path / "build" / "91_small.html").read_text()
    assert ALT in (tmp_path / "build" / "91_small.html").read_text()
    assert "accuracy is 0.5" in (tmp_path / "build" / "90_failing.html").read_text()


def test_two_lessons_run_at_once_on_a_share_of_the_cores(course, tmp_path, capsys):
    """Each waits for the other's file, so one after another they would never end."""
    waiting = """# %%
import os, pathlib, time
pathlib.Path("{mine}").write_text(os.environ.get("OMP_NUM_THREADS", "all"))
for _ in range(200):
    if pathlib.Path("{other}").exists(): break
    time.sleep(0.1)
else: raise TimeoutError
"""
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    title = "# %% [markdown]\n# # Waits\n\n"
    lessons_there = [
        course("93_one", title + waiting.format(mine=one, other=other)),
        course("94_other", title + waiting.format(mine=other, other=one)),
    ]
    records = []
    runs.run_all(lessons_there, "quick", 2, lambda source, notebook, record: records.append(record))
    assert [record["error"] for record in records] == [None, None]
    assert int(Path(one).read_text()) == max(1, runs.os.cpu_count() // 2)
    assert "OMP_NUM_THREADS" not in set(runs.environment_for("full", 1)) - set(runs.os.environ)


@pytest.mark.posix
def test_an_interrupt_ends_every_kernel(course, tmp_path):
    """In a process of its own, with two lessons that write down who they are and then sleep."""
    for name in ("95_sleeping", "96_sleeping"):
        pid = tmp_path / name
        cell = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(120)"
        course(name, f"# %% [markdown]\n# # Sleeps\n\n# %%\n{cell}\n")
    (tmp_path / "notebooks" / "src" / "91_small.py").unlink()
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's background jobs don't
    program = f"import pathlib; from tools import lessons, sources; sources.ROOT = pathlib.Path({str(tmp_path)!r})"
    arguments = [sys.executable, "-c", f"{heeds}; {program}; lessons.main()", "run", "--jobs", "2"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    pids = [tmp_path / name for name in ("95_sleeping", "96_sleeping")]
    deadline = time.monotonic() + 60
    while not all(path.exists() and path.read_text() for path in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "Interrupted; every kernel has been ended." in errors
    assert "Traceback" not in errors
    assert not any(psutil.pid_exists(int(path.read_text())) for path in pids)


def test_an_error_ends_a_lesson_and_is_recorded(course):
    notebook, record = runs.run_alone(course("92_failing", FAILING.replace("met=False", "")), "quick")
    assert record["error"].startswith("ValueError: accuracy is 0.5") and record["missed"] == 0
    assert record["heading"] == "A lesson that fails" and record["peak_mib"] > 10
    assert notebook.cells[-1].outputs == [] and notebook.cells[-1].execution_count is None


def test_a_slider_that_draws_into_its_own_output_runs_and_leaves_no_state_behind(course, monkeypatch):
    sent = []
    monkeypatch.setattr(OutputWidget, "send", lambda *args, **kwargs: sent.append(args))  # it may cost the reply
    slider = "from ipywidgets import IntSlider, interact\ndrawn = interact(lambda x: print(x), x=IntSlider(3))"
    notebook, record = runs.run_alone(course("95_slider", f"# %% [markdown]\n# # Slider\n\n# %%\n{slider}\n"), "quick")
    assert record["error"] is None and "widgets" not in notebook.metadata and not sent


def test_the_peak_is_the_kernels_own_and_not_that_of_the_process_that_started_it(course):
    source = course("94_tiny", "# %% [markdown]\n# # Tiny\n\n# %%\nprint(1)\n")
    ours = bytearray(700 * 2**20)
    ours[:] = b"x" * len(ours)
    _, record = runs.run_alone(source, "quick")
    assert 10 < record["peak_mib"] < 500 and len(ours) > 500 * 2**20


def test_a_kernel_that_dies_is_recorded(course):
    _, record = runs.run_alone(
        course("93_dying", "# %% [markdown]\n# # Dies\n\n# %%\nimport os\nos._exit(9)\n"), "quick"
    )
    assert "kernel died" in record["error"] and record["heading"] == "Dies"


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_kernel_that_does_not_start_is_started_once_more_and_said(course, monkeypatch, capsys, deaths):
    start, started = runs.NotebookClient.async_start_new_kernel, []

    async def start_and_kill(client, **kwargs):
        await start(client, **kwargs)
        started.append(client)
        if len(started) <= deaths:
            client.km.provisioner.process.kill()

    monkeypatch.setattr(runs.NotebookClient, "async_start_new_kernel", start_and_kill)
    _, record = runs.run_alone(course("94_tiny", "# %% [markdown]\n# # Tiny\n\n# %%\nprint(1)\n"), "quick")
    said = capsys.readouterr().err
    assert "94_tiny: its kernel did not start (Kernel died before replying" in said and "started once more" in said
    assert len(started) == 2
    if deaths == 1:
        assert record["error"] is None
    else:
        assert record["error"].startswith("its kernel did not start, twice: Kernel died")


def test_the_header_is_put_on_top_of_the_source(course, tmp_path):
    source = tmp_path / "notebooks" / "src" / "91_small.py"
    opening, setup = sources.read_source(source).cells[:2]
    assert opening.source.startswith("# A lesson of three cells\n\n[![Open in Colab](")
    assert (
        f"]({BADGE})\n\nIt prints and draws.\n\n**Time:** 40 minutes of reading and 50 of exercises." in opening.source
    )
    assert opening.source.count("a time not measured yet") == 2
    assert setup.metadata["tags"] == ["setup"] and setup.source == sources.setup_cell([])
    measured = {"seconds": 283, "quick_seconds": 41, "reading": 1}
    notebook = sources.read_source(source, measured)
    assert "40 minutes of reading" in notebook.cells[0].source, "the source's minutes, not stored ones"
    assert "in 5 minutes on a 2-core CPU" in notebook.cells[0].source
    assert "in 40 seconds in the *quick profile*" in notebook.cells[0].source
    assert notebook.metadata["course"] == {"seconds": 283, "quick_seconds": 41, "reading": 40, "doing": 50}


def test_a_lesson_gets_the_packages_that_it_needs_besides(course):
    source = course("97_needy", "# %% [markdown]\n# # Needs a coder\n")
    source.write_text("# ---\n# jupyter:\n#   course: {needs: [constriction]}\n# ---\n\n" + source.read_text())
    assert sources.read_source(source).cells[1].source == sources.setup_cell(["constriction"])


def test_a_lesson_of_the_explorer_links_to_it(course):
    source = course("97_walk", "# %% [markdown]\n# # Walks\n")
    assert "explorer" not in sources.read_source(source).cells[0].source
    source.write_text("# ---\n# jupyter:\n#   course: {explorer: true}\n# ---\n\n" + source.read_text())
    assert "](https://owner.github.io/autoencoder-course/explorer.html)" in sources.read_source(source).cells[0].source


@pytest.fixture
def opened_alone(course, tmp_path, monkeypatch):
    """Runs a setup cell where some packages are here and others not; returns what it asked pip to install."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "")  # so that what the cell sets is undone
    monkeypatch.delenv("KERAS_BACKEND")

    def run(*here, needs=()):
        found, asked = set(here), []

        class Shell:
            def run_line_magic(self, magic, line):
                asked.append(line)
                found.update({"course_utils", "constriction"})

        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in found or None)
        exec(sources.setup_cell(needs), {"get_ipython": Shell})
        return asked

    return run


def test_the_setup_cell_does_nothing_where_all_is_here(opened_alone, tmp_path):
    (tmp_path / "course_utils-1.0.0-py3-none-any.whl").touch()
    assert opened_alone("course_utils", "constriction", needs=["constriction"]) == []


def test_the_setup_cell_takes_a_wheel_before_the_repository(opened_alone, tmp_path):
    sources.link("a/b")
    assert opened_alone() == ["install --quiet --no-deps git+https://github.com/a/b"]
    (tmp_path / "course_utils-1.0.0-py3-none-any.whl").touch()
    assert opened_alone() == ["install --quiet --no-deps course_utils-1.0.0-py3-none-any.whl"]


def test_the_setup_cell_fetches_what_is_missing_alone(opened_alone):
    assert opened_alone("course_utils", needs=["constriction"]) == ["install --quiet --no-deps constriction"]


def test_the_setup_cell_says_what_to_upload_while_there_is_no_repository(opened_alone):
    with pytest.raises(ModuleNotFoundError, match=r"Upload course_utils-….whl beside this notebook"):
        opened_alone()


def test_the_setup_cell_chooses_jax_where_there_is_no_tensorflow(opened_alone):
    opened_alone("course_utils", "tensorflow")
    assert "KERAS_BACKEND" not in os.environ
    opened_alone("course_utils")
    assert os.environ["KERAS_BACKEND"] == "jax"
    os.environ["KERAS_BACKEND"] = "torch"
    opened_alone("course_utils")
    assert os.environ["KERAS_BACKEND"] == "torch", "what somebody has chosen stays"


def test_with_another_backend_lessons_that_need_tensorflow_are_left_out_and_say_so(course, monkeypatch, capsys):
    source = course("92_tensorflow", "# %% [markdown]\n# # Tapes\n\n# %%\nimport tensorflow as tf\n")
    assert "Some cells are TensorFlow's own" in sources.read_source(source).cells[0].source
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    lessons.run(None, "quick", 1)
    said = capsys.readouterr().out
    assert "Left out, since they need TensorFlow: 92" in said and "91_small" in said and "92_tensorflow" not in said


def test_build_stores_notebook_picture_and_tables(course, tmp_path, capsys):
    lessons.build("91", jobs=1)
    notebook = nbformat.read(tmp_path / "notebooks" / "91_small.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[2].outputs[0].text == "full True\n", "the full profile, no spaces at the end of lines"
    record = notebook.metadata["course"]
    assert record["met"] == 2 and record["jobs"] == 1 and record["reading"] == 40 and "quick_seconds" in record
    assert f"All cells run in {sources.in_words(record['seconds'])} on" in notebook.cells[0].source
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert (tmp_path / "docs" / "91_small.png").read_bytes() == _png()

    readme, results = (tmp_path / "README.md").read_text(), (tmp_path / "docs" / "results.md").read_text()
    assert "[91. A lesson of three cells](notebooks/91_small.ipynb)" in readme and f'alt="{ALT}"' in readme
    assert "| error of $x$: **0.5 nats** (published: 0.6, Someone 2006) | 40 + 50 min |" in readme
    assert "KL" not in readme and "old" not in readme
    assert readme.startswith("Before\n") and "After: git clone" in readme
    assert (
        "| error of $x$ | 0.5 nats | at most 1 | 0.6, Someone 2006 |\n| KL[p \\|\\| q] | 0.25 nats | at most 1 |  |"
        in results
    )
    assert f"Full run {record['seconds']} s" in results

    course("91_small", LESSON.replace("## Numbers", "## Figures and numbers").replace("reading: 40", "reading: 45"))
    lessons.refresh_text("91")
    refreshed = nbformat.read(tmp_path / "notebooks" / "91_small.ipynb", as_version=4)
    assert (
        refreshed.cells[3].source == "## Figures and numbers"
        and refreshed.cells[4].outputs == notebook.cells[4].outputs
    )
    assert (
        "**Time:** 45 minutes" in refreshed.cells[0].source
        and "| 45 + 50 min |" in (tmp_path / "README.md").read_text()
    )
    course("91_small", LESSON.replace("200 *", "100 *"))
    with pytest.raises(SystemExit, match="needs a new run"):
        lessons.refresh_text("91")


def test_another_number_for_the_quick_profile_asks_for_a_quick_run_only(course, tmp_path, monkeypatch):
    record = {"error": None, "embedded": False, "seconds": 1, "peak_mib": 1, "met": 1, "missed": 0}

    def pretend(lessons, profile, jobs, finished, read=sources.read_source):
        profiles.append(profile)
        for source in lessons:
            notebook = sources.read_source(source)
            notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=profile)]
            finished(source, notebook, record | {"seconds": {"quick": 20 + len(profiles), "full": 90}[profile]})

    monkeypatch.setattr(runs, "run_all", pretend)
    profiles, path = [], tmp_path / "notebooks" / "91_small.ipynb"
    opening = HEADER + "# %% [markdown]\n# # Title\n\n# %%\n"
    course("91_small", opening + "n = budget(8, quick=4)\n")
    lessons.build("91", jobs=1)
    course("91_small", opening + "n = budget(8, quick=2)  # fewer\n")
    lessons.refresh_text("91")
    cell = nbformat.read(path, as_version=4).cells[-1]
    assert cell.source == "n = budget(8, quick=2)  # fewer" and cell.outputs[0].text == "full"
    assert profiles == ["quick", "full", "quick"]
    assert nbformat.read(path, as_version=4).metadata["course"]["quick_seconds"] == 23
    course("91_small", opening + "n = budget(8, quick=2)  # other words\n")
    lessons.refresh_text("91")
    assert nbformat.read(path, as_version=4).cells[-1].source.endswith("other words")
    assert profiles == ["quick", "full", "quick"], "a comment asks for no run"
    for edited in ("n = budget(9, quick=2)\n", "n = least(8, quick=4)\n", "n = budget(8, quick=2)\nprint(n)\n"):
        course("91_small", opening + edited)
        with pytest.raises(SystemExit, match="needs a new run"):
            lessons.refresh_text("91")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda profile: {"error": "ValueError: no"} if profile == "full" else {}, "was not stored: ValueError: no"),
        (
            lambda profile: {"error": "ValueError: no"} if profile == "quick" else {},
            "its quick run ended with ValueError",
        ),
        (lambda profile: {"embedded": True}, "ran without the full data set"),
    ],
    ids=["a lesson that failed", "a quick run that failed", "without the full data"],
)
def test_build_stores_nothing_of_a_run_that_is_not_whole(course, tmp_path, monkeypatch, spoil, words):
    record = {"error": None, "embedded": False, "seconds": 1, "peak_mib": 1, "met": 1, "missed": 0}

    def pretend(lessons, profile, jobs, finished):
        for source in lessons:
            finished(source, sources.read_source(source), record | spoil(profile))

    monkeypatch.setattr(runs, "run_all", pretend)
    with pytest.raises(SystemExit, match=words):
        lessons.build("91", jobs=1)
    assert not list((tmp_path / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    ("stream", "text"), [("stderr", "RuntimeWarning: mean of an empty slice\n"), ("stdout", "error\n 2.0 ± nan\n")]
)
@pytest.mark.parametrize("spoilt", ["quick", "full"])
def test_build_and_text_refuse_a_run_that_warns_or_prints_a_number_that_is_none(
    course, tmp_path, monkeypatch, stream, text, spoilt
):
    record = {"error": None, "embedded": False, "seconds": 1, "peak_mib": 1, "met": 1, "missed": 0}

    def pretend(lessons, profile, jobs, finished, read=sources.read_source):
        for source in lessons:
            notebook = sources.read_source(source)
            if profile == spoilt:
                notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", name=stream, text=text)]
            finished(source, notebook, dict(record))

    monkeypatch.setattr(runs, "run_all", pretend)
    with pytest.raises(SystemExit, match=r"a warning: RuntimeWarning|a number that is none: 2\.0 ± nan"):
        lessons.build("91", jobs=1)
    assert not list((tmp_path / "notebooks").glob("*.ipynb"))
    if spoilt == "quick":
        with pytest.raises(SystemExit, match=r"a warning|none"):
            lessons.quick_seconds(tmp_path / "notebooks" / "src" / "91_small.py")


def test_a_run_that_speaks_of_nanometres_is_stored():
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", name="stdout", text="3 nanometres\n")])
    assert lessons.fault(nbformat.v4.new_notebook(cells=[cell]), {"error": None}) == ""


def test_controls_that_died_with_their_kernel_are_not_stored():
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "interactive(...)"}
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", view)])
    lessons.tidy(nbformat.v4.new_notebook(cells=[cell]))
    assert cell.outputs == []


def test_seconds_in_words():
    assert [sources.in_words(seconds) for seconds in (3, 44, 89, 90, 283, None)] == [
        "10 seconds", "40 seconds", "90 seconds", "2 minutes", "5 minutes", "a time not measured yet",
    ]  # fmt: skip
    assert tables.measured({"value": None, "unit": "dB"}) == "not finite"
    assert [tables.clock(seconds) for seconds in (44, 283, None)] == ["44 s", "5 min", "?"]


def test_the_package_says_its_facts_where_the_tools_look_for_them():
    """Compared as text: to import the package takes seconds, which the tools need not spend."""
    assert f'"{MIME}"' in (ROOT / "course_utils" / "lesson.py").read_text(encoding="utf-8")


def test_link_rewrites_pages_notebooks_and_the_one_url(course, tmp_path, capsys):
    innocent = "a/b stands in data/batch and github.com/a/b-other\n"
    source = tmp_path / "notebooks" / "src" / "91_small.py"
    nbformat.write(sources.read_source(source), sources.stored_path(source))
    sources.link("a/b")
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text() + innocent)
    sources.link("someone-else/my.course")
    stored = json.loads(sources.stored_path(source).read_text())
    assert "github/someone-else/my.course/blob/main/notebooks/91_small.ipynb" in "".join(stored["cells"][0]["source"])
    assert '"git+https://github.com/someone-else/my.course"' in "".join(stored["cells"][1]["source"])
    assert sources.read_source(source).cells[1].source == "".join(stored["cells"][1]["source"])
    assert sources.repository() == "https://github.com/someone-else/my.course"
    for name in ("README.md", "CITATION.cff", "docs/students.md"):
        assert "git clone https://github.com/someone-else/my.course.git" in (tmp_path / name).read_text()
        assert "Site: https://someone-else.github.io/my.course/explorer.html" in (tmp_path / name).read_text()
    assert innocent in readme.read_text() and source.read_text() == LESSON
    assert "now point at https://github.com/someone-else/my.course" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["course", "a/b/c", "https://github.com/a/b"])
def test_link_refuses_what_is_no_repository(course, name):
    with pytest.raises(SystemExit, match="REPO must be owner/name"):
        sources.link(name)


@pytest.mark.parametrize(
    "address",
    ["https://github.com/me/my-course.git", "git@github.com:me/my-course.git", "https://github.com/me/my-course"],
)
def test_link_takes_the_repository_from_gits_origin(course, tmp_path, address):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", address], check=True)
    sources.link()
    assert sources.repository() == "https://github.com/me/my-course"


def test_link_without_an_origin_asks_for_the_name(course, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    with pytest.raises(SystemExit, match="make links REPO=owner/name"):
        sources.link()


def test_an_unknown_lesson_names_those_there_are(course):
    with pytest.raises(SystemExit, match=r"No lesson 55\. There are: 91_small"):
        sources.find_lessons("55")


@pytest.mark.parametrize("number", ["9", "1", "091", "small", "9*"])
def test_a_lesson_is_two_digits(course, number):
    with pytest.raises(SystemExit, match="LESSON must be two digits, such as 07"):
        sources.find_lessons(number)


@pytest.mark.posix
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_hands_lesson_and_profile_on():
    def commands(*arguments):
        result = subprocess.run(["make", "-n", *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
        return result.stdout

    assert "-m tools.lessons run --lesson 07 --profile full" in commands("run", "LESSON=07", "PROFILE=full")
    assert "-m tools.lessons run  --profile quick" in commands("run")
    assert "-m tools.lessons build --lesson 07" in commands("notebooks", "LESSON=07")
    assert '-m tools.lessons link --repo "a/b"' in commands("links", "REPO=a/b")
    assert "run --lesson 07 --profile quick --jobs 1" in commands("run", "LESSON=07", "JOBS=1")
    assert "build  --jobs 2" in commands("notebooks", "JOBS=2")
    assert "notebooks/07_variational_autoencoder.ipynb" in commands("test", "LESSON=07")
    assert "notebooks/1.ipynb" in commands("test", "LESSON=1"), "which is not there, and not lesson 10"
    tested = commands("test")
    assert (
        "-m pytest tests" in tested and "--nbval-lax --nbval-current-env" in tested and tested.count("notebooks") >= 1
    )


@pytest.mark.posix
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_other_pythons(tmp_path):
    """A Python that says it is 3.10, in a copy without a virtual environment."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    old = tmp_path / "python3.10"
    wrap = "import sys; sys.version_info = (3, 10, 13); exec(sys.argv[2])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{wrap}" "$@"\n')
    old.chmod(0o755)
    result = subprocess.run(["make", "run", f"PYTHON={old}"], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode != 0 and "needs Python 3.11 to 3.13; this is 3.10" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_calls_make_test_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -euo pipefail" and commands[-1] == "make test" and len(commands) == 3
    assert "make test" in (ROOT / ".github" / "workflows" / "validate.yml").read_text()
