"""Further seeds of a lesson: what is run, and what is stored of it."""

import csv

import pytest

from course_utils import checkpoints
from tools import runs, seeds, sources

LESSON = """# ---
# jupyter:
#   course: {reading: 1, doing: 1}
# ---

# %% [markdown]
# # Title

# %%
SEED = 7

# %%
from course_utils.lesson import expect

expect("twice the seed", 2 * SEED, at_most=14)
expect("the seed", SEED, at_least=1)
"""


pytestmark = [pytest.mark.system, pytest.mark.posix]  # links


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A function that writes a lesson 91 into a course of its own."""
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "course_utils"):
        (tmp_path / name).symlink_to(sources.ROOT / name)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["seeds", "--lesson", "91"])
    return (tmp_path / "notebooks" / "src" / "91_small.py").write_text


SHOWN = 'from course_utils.checkpoints import stored_table\n\nprint(stored_table("seeds_91"))'
READ = 'from course_utils.checkpoints import folder\n\nprint((folder() / "seeds_91.csv").read_text())'


@pytest.mark.parametrize("last_cell", [SHOWN, READ])
def test_two_further_seeds_are_stored_and_a_missed_bound_is_a_finding(lesson, tmp_path, last_cell):
    lesson(f"{LESSON}\n# %%\n{last_cell}\n")
    seeds.main()  # though the table that the last cell shows is not there yet
    with open(tmp_path / "seeds_91.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["what", "seed 8", "seed 9"], ["twice the seed", "16", "18"], ["the seed", "8", "9"]]


def test_a_lesson_that_fails_otherwise_stores_nothing(lesson, tmp_path):
    lesson(LESSON + "\n# %%\n1 / 0\n")
    with pytest.raises(SystemExit, match="ZeroDivisionError: division by zero; nothing was stored"):
        seeds.main()
    assert not (tmp_path / "seeds_91.csv").exists()


@pytest.mark.parametrize("text", [LESSON.replace("SEED = 7", "SEED = int('7')"), LESSON + "\n# %%\nSEED = 3\n"])
def test_a_lesson_without_one_seed_is_refused(lesson, text):
    lesson(text)
    with pytest.raises(SystemExit, match="has the line `SEED = …` in one cell"):
        seeds.main()


def test_nothing_is_stored_of_a_run_without_the_full_data(lesson, tmp_path, monkeypatch):
    lesson(LESSON)

    def pretend(lessons, profile, jobs, finished, read):
        assert profile == "full"
        finished(lessons[0], read(lessons[0]), {"error": None, "embedded": True})

    monkeypatch.setattr(runs, "run_all", pretend)
    with pytest.raises(SystemExit, match="without the full data set; nothing was stored"):
        seeds.main()
    assert not (tmp_path / "seeds_91.csv").exists()
