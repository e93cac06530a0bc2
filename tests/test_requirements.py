"""The three lists of what the course needs agree: pyproject.toml, requirements.txt, constraints/tested.txt."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def _listed(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


REQUIREMENTS = _listed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
TESTED = _listed((ROOT / "constraints" / "tested.txt").read_text(encoding="utf-8"))
PACKAGE = _listed("\n".join(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]))


def _floor(requirement):
    return next(part.version for part in requirement.specifier if part.operator in (">=", "=="))


def test_the_packages_floors_are_those_of_the_requirements():
    assert {name: _floor(part) for name, part in PACKAGE.items()} == {
        name: _floor(REQUIREMENTS[name]) for name in PACKAGE
    }


def test_what_was_tested_lies_in_the_ranges():
    for name, requirement in REQUIREMENTS.items():
        version = _floor(TESTED[name])
        assert requirement.specifier.contains(version), (
            f"{name}: {version} was tested, {requirement.specifier} is asked"
        )
