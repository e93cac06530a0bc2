"""Grading of handed-in notebooks: whatever stands in an answer costs its own line and nothing else."""

import csv
import shutil

import nbformat
import pytest

from tools import report

pytestmark = pytest.mark.system

IMPORTS = "import os\nimport numpy as np\nfrom course_utils.exercises import lesson_06 as ex"
RIGHT = """def log_mean_exp(values):
    # the largest first
    largest = top(values)
    return largest[..., 0] + np.log(np.mean(np.exp(values - largest), axis=-1))

log_mean_exp = ex.log_mean_exp.check(log_mean_exp)"""
FILL_IN = """def fill_in(x, seen, W, mu, sigma):
    mean, _ = posterior(x[seen], W[seen], mu[seen], sigma)
    return np.where(seen, x, mu + W @ mean)"""
POSTERIOR = """def posterior(x, W, mu, sigma):
    inverse = np.linalg.inv(W.T @ W + sigma**2 * np.eye(W.shape[1]))
    return inverse @ W.T @ (x - mu), sigma**2 * inverse"""


def hand_in(folder, name, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / name)


def answer(body):
    return f"def log_mean_exp(values):\n    {body}"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The line and the outcome of each student and exercise of a small class."""
    folder = tmp_path_factory.mktemp("class")
    helper = "%matplotlib inline\ndef top(values):\n    return values.max(axis=-1, keepdims=True)"
    hand_in(folder, "anna.ipynb", "wide_guess = 8.1", helper, IMPORTS, RIGHT, "1 / 0")
    hand_in(folder, "ben.ipynb", IMPORTS, answer("# no\n    return values.nonsense()"), POSTERIOR, FILL_IN)
    hand_in(folder, "cleo.ipynb", IMPORTS, "wide_guess = ...", answer("return ...  # your code"), "def fill_in(:")
    (folder / "dora.ipynb").write_text("no notebook")
    if shutil.which("bwrap"):
        outside = folder / "spoilt"
        hand_in(folder, "endless.ipynb", IMPORTS, answer("while True: pass"), POSTERIOR, FILL_IN)
        hand_in(folder, "greedy.ipynb", IMPORTS, answer("return np.ones(10**10)"))
        hand_in(folder, "leaving.ipynb", IMPORTS, answer("os._exit(0)"))
        hand_in(folder, "writing.ipynb", IMPORTS, answer(f"open('{outside}', 'w')"))
        connect = "import socket; socket.create_connection(('1.1.1.1', 80), 2)"
        hand_in(folder, "calling.ipynb", IMPORTS, answer(connect))
    rows = report.report(folder, seconds=40, memory_mib=1024, unprotected=not shutil.which("bwrap"))
    report.write(rows, folder / "report")
    with open(folder / "report" / "report.csv", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows
    page = (folder / "report" / "report.html").read_text()
    assert page.count("<tr") == len(rows) + 1
    assert not (folder / "spoilt").exists()
    return {(row["file"].removesuffix(".ipynb"), row["exercise"]): (row["outcome"], row["line"]) for row in rows}


def test_an_answer_is_found_by_its_name_wherever_it_stands(table):
    assert table["anna", "log_mean_exp"][0] == "correct"
    assert table["anna", "wide_guess"] == ("predicted", "8.1")
    assert table["anna", "fill_in"] == ("missing", "")
    assert table["ben", "fill_in"][0] == "correct", "after another answer that raises"


def test_the_line_is_that_of_the_check(table):
    outcome, line = table["ben", "log_mean_exp"]
    assert outcome == "wrong" and "in line 3, `return values.nonsense()`" in line


def test_what_is_not_answered_is_told_from_what_is_wrong(table):
    assert table["cleo", "log_mean_exp"][0] == "not attempted" == table["cleo", "wide_guess"][0]
    assert table["cleo", "fill_in"] == ("wrong", "its cell is no valid Python")
    assert table["dora", ""][0] == "unreadable"


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("endless", "stopped", "not finished after 40 seconds"),
        ("greedy", "wrong", "Unable to allocate"),
        ("leaving", "stopped", "ended without an answer"),
        ("writing", "wrong", "Read-only file system"),
        ("calling", "wrong", "unreachable"),
    ],
)
def test_a_hostile_answer_costs_its_own_line(table, name, outcome, words):
    assert table[name, "log_mean_exp"][0] == outcome and words in table[name, "log_mean_exp"][1]


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_an_endless_answer_leaves_the_others_alone(table):
    assert table["endless", "fill_in"][0] == "correct"


def test_without_bwrap_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install bubblewrap"):
        report.report(tmp_path)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(SystemExit, match="No notebook"):
        report.report(tmp_path, unprotected=True)
