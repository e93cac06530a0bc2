"""What docs/instructors.md says of the lessons is what their sources say."""

import re

import jupytext
import pytest

from tools import sources

GUIDE = (sources.ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d\d) .*?\| (\d+) \| (\d+) \| ([\d, ]*)\|$", GUIDE, re.M)


def _course(source):
    return jupytext.read(source).metadata["course"]


@pytest.mark.parametrize("source", sources.find_lessons(), ids=lambda path: path.stem)
def test_each_lesson_has_its_minutes_and_what_it_builds_on(source):
    (row,) = [row for row in ROWS if row[0] == source.stem[:2]]
    course = _course(source)
    assert row[1:3] == (str(course["reading"]), str(course["doing"]))
    (needs,) = re.findall(r"^# \*\*You need\*\* (.*?)(?:\n#\n|\n#$)", source.read_text(encoding="utf-8"), re.M | re.S)
    assert set(re.findall(r"\d\d", row[3])) == set(re.findall(r"\b[01]\d\b", needs.split(";")[0])), needs


@pytest.mark.parametrize("hours", ["Two", "Six", "Twelve"])
def test_a_plan_adds_up_and_teaches_nothing_before_what_it_builds_on(hours):
    minutes = {row[0]: (int(row[1]), int(row[1]) + int(row[2])) for row in ROWS}
    needs = {row[0]: set(re.findall(r"\d\d", row[3])) for row in ROWS}
    plan = re.findall(
        r"^\| (\d\d) \| (all|read) \| (\d+) \|$", GUIDE.split(f"**{hours} hours**")[1].split("**")[0], re.M
    )
    for number, part, given in plan:
        assert int(given) == minutes[number][part == "all"]
    wanted = {"Two": 2, "Six": 6, "Twelve": 12}[hours]
    assert wanted - 0.5 <= sum(int(given) for *_, given in plan) / 60 <= wanted
    for place, (number, _, _) in enumerate(plan):
        assert needs[number] <= {other for other, _, _ in plan[:place]}, number
