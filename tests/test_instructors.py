"""The plans of docs/instructors.md add up, and teach nothing before what it builds on."""

import re

import pytest

from tools import sources, tables

GUIDE = (sources.ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
LESSONS = {name[:2]: notebook for name, notebook in tables.stored_notebooks()}


@pytest.mark.parametrize(("hours", "number"), [("Two", 2), ("Six", 6), ("Twelve", 12)])
def test_a_plan_adds_up_and_teaches_nothing_before_what_it_builds_on(hours, number):
    section = GUIDE.split(f"**{hours} hours**")[1].split("**")[0]
    plan = re.findall(r"^\| (\d\d) \| (all|read) \| (\d+) \|$", section, re.M)
    taught = set()
    for lesson, part, given in plan:
        course = LESSONS[lesson].metadata["course"]
        assert int(given) == course["reading"] + (course["doing"] if part == "all" else 0), lesson
        assert set(tables.builds_on(LESSONS[lesson])) <= taught, lesson
        taught.add(lesson)
    assert number - 0.5 <= sum(int(given) for *_, given in plan) / 60 <= number


def test_what_a_lesson_builds_on_comes_before_it():
    for lesson, notebook in LESSONS.items():
        assert all(other < lesson for other in tables.builds_on(notebook)), lesson
    assert tables.builds_on(LESSONS["16"]) == ["05", "07", "09"]
