"""The lists of what the course needs agree: pyproject.toml, requirements.txt, constraints/tested.txt, uv.lock."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def _listed(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


REQUIREMENTS = _listed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
TESTED = _listed((ROOT / "constraints" / "tested.txt").read_text(encoding="utf-8"))
SITE = _listed((ROOT / "constraints" / "site.txt").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE = _listed("\n".join(PROJECT["project"]["dependencies"]))
LOCK = (ROOT / "uv.lock").read_text(encoding="utf-8")


def _floor(requirement):
    return next(part.version for part in requirement.specifier if part.operator in (">=", "=="))


def test_the_package_asks_for_what_was_tested():
    """Caps as well: where pip was free to choose, a wheel without them brought a Keras that lesson 17 did not know."""
    assert {name: REQUIREMENTS[name] for name in PACKAGE} == PACKAGE


def test_what_was_tested_lies_in_the_ranges():
    for name, requirement in REQUIREMENTS.items():
        version = _floor(TESTED[name])
        assert requirement.specifier.contains(version), (
            f"{name}: {version} was tested, {requirement.specifier} is asked"
        )


def test_uv_installs_what_the_requirements_list():
    assert _listed("\n".join(PROJECT["dependency-groups"]["dev"])) == REQUIREMENTS


def test_uv_locks_what_was_tested_from_the_public_index():
    locked = {(part["name"], part.get("version")) for part in tomllib.loads(LOCK)["package"]}
    assert locked - {("course-utils", None)} == {(name, _floor(part)) for name, part in (TESTED | SITE).items()}
    assert all(str(TESTED.get(name, part).specifier) == str(part.specifier) for name, part in SITE.items())
    assert set(re.findall(r"https?://([^/\"]+)", LOCK)) == {"pypi.org", "files.pythonhosted.org"}
