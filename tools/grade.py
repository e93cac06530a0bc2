"""Checks one answer of one student, in a process that `tools.report` has shut in: a task on stdin, a line on stdout."""

import contextlib
import importlib
import io
import json
import linecache
import re
import sys

from course_utils.exercises import Exercise

try:
    import resource  # not on Windows
except ImportError:
    resource = None

SIGNS = "✓✗○"


def main():
    task = json.load(sys.stdin)
    exercises = importlib.import_module(f"course_utils.exercises.lesson_{task['lesson']}")
    limit(task["memory_mib"])
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        failed = check(exercises, task["name"], task["pieces"])
    lines = [line for line in said.getvalue().splitlines() if line[:1] in tuple(SIGNS)]
    print(json.dumps(failed or (lines[-1] if lines else "✗ the check said nothing")))


def check(exercises, name, pieces):
    """Runs the pieces of a notebook that lead to an answer, then its check; returns what ended the answer, or None."""
    answers = {other: kind.reference for other, kind in vars(exercises).items() if isinstance(kind, Exercise)}
    known = {**answers, "ex": exercises, "__name__": "__main__"}
    for number, piece in enumerate(pieces):
        file = f"<cell {number}>"
        linecache.cache[file] = (len(piece), None, piece.splitlines(keepends=True), file)  # for its lines in messages
        try:
            exec(compile(piece, file, "exec"), known)
        except (Exception, SystemExit) as error:
            if number == len(pieces) - 1:
                return f"✗ {name}: its cell raised {type(error).__name__}: {error}"
    getattr(exercises, name).check(known.get(name))
    return None


def limit(memory_mib):
    """Lets the process take so much more memory than it has now, and write no more than 100 MB into a file."""
    if resource is None or not sys.platform.startswith("linux"):
        return
    with open("/proc/self/status", encoding="utf-8") as status:
        (now,) = re.findall(r"VmData:\s+(\d+) kB", status.read())
    for kind, most in {
        resource.RLIMIT_DATA: int(now) * 1024 + memory_mib * 2**20,
        resource.RLIMIT_FSIZE: 10**8,
    }.items():
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
