"""The package as a whole: imports, order of modules, docstrings."""

import ast
import importlib
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import course_utils

ROOT = Path(__file__).parents[1]


PACKAGE = Path(course_utils.__file__).parent


# The package as a whole


def _modules():
    names = [path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    return [".".join(name.parts).removesuffix(".__init__") for name in names]


def test_no_module_imports_tensorflow():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("tensorflow", "jax", "torch") for name in names), path


@pytest.mark.system
def test_importing_the_package_loads_nothing_heavy_besides_keras():
    modules = [name for name in _modules() if ".lesson_" not in name]
    code = f"""
        import os, sys
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import keras
        before = set(sys.modules)
        import importlib
        for name in {modules}:
            importlib.import_module(name)
        print(*(set(sys.modules) - before))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    added = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"matplotlib", "skimage", "sklearn", "scipy", "tensorflow", "PIL", "IPython", "ipywidgets"}
    assert "course_utils.models" in added and not [name for name in added if name.split(".")[0] in heavy]


def test_a_release_is_named_alike_where_it_is_named():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version, date = (re.search(rf'^{key}: "?([^"\n]+)', citation, re.M)[1] for key in ("version", "date-released"))
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    assert version == course_utils.__version__ and newest in (f"{version} ({date})", "Unreleased")


def test_a_module_imports_only_from_those_above_it():
    order = [
        "checks",
        "lesson",
        "batches",
        "photographs",
        "data",
        "corruptions",
        "watermarks",
        "scenes",
        "signals",
        "grammar",
        "losses",
        "metrics",
    ]
    order += ["layers", "models"]
    order += ["checkpoints", "fingerprint", "resume", "training", "plotting", "exercises"]
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils."):
                used = node.module.split(".")[1]
                assert used == own or order.index(used) < order.index(own), f"{path.name} imports from {used}"


def test_every_public_function_and_class_says_what_it_does():
    for name in _modules():
        module = importlib.import_module(name)
        assert module.__doc__, name
        for thing in vars(module).values() if ".lesson_" not in name else ():
            if getattr(thing, "__module__", None) == name and not getattr(thing, "__name__", "_").startswith("_"):
                assert thing.__doc__, f"{name}.{thing.__name__}"


@pytest.mark.system
def test_jax(tmp_path):
    """The same models on JAX, in a process of their own."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "COURSE_CACHE": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(ROOT)
    script = Path(__file__).with_name("jax_check.py")
    result = subprocess.run(
        [sys.executable, script, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "all well on jax"
