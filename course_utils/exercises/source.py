"""What the text of an answer tells: whether it still holds the gap, and in which of its lines it failed."""

import ast
import inspect
import re
import textwrap
import traceback


def has_gap(answer):
    """Whether the answer still holds a `...` that a student is to replace: `return ...`, `name = ...` or a bare one."""
    return answer is ... or any(_function_has_gap(function) for function in _functions(answer))


def _functions(answer):
    """The answer itself, or the methods of a class: a notebook has the source of these only."""
    parts = vars(answer).values() if inspect.isclass(answer) else [inspect.unwrap(answer)] if callable(answer) else []
    return [part for part in (getattr(part, "__func__", part) for part in parts) if inspect.isfunction(part)]


def _function_has_gap(function):
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # typed at a prompt, or a lambda from the middle of an expression
        return Ellipsis in function.__code__.co_consts
    return any(_is_gap(node) for node in ast.walk(tree))


def _is_gap(node):
    if isinstance(node, ast.Lambda):
        value = node.body
    elif isinstance(node, (ast.Return, ast.Assign, ast.AnnAssign, ast.Expr)):
        value = node.value
    else:
        return False
    parts = value.elts if isinstance(value, ast.Tuple) and value.elts else [value]
    return all(isinstance(part, ast.Constant) and part.value is ... for part in parts)


def line_that_failed(answer, error):
    """The last line of the student's own code in an error's traceback, as " in line 3, `…`", or "" if there is none."""
    files = {function.__code__.co_filename for function in _functions(answer)}
    frames = [
        (frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename in files
    ]
    if not frames:
        return ""
    summary = traceback.StackSummary.extract(frames[-1:])[0]
    return f" in line {summary.lineno}" + (f", `{summary.line}`" if summary.line else "")


def said_by(error, answer=None):
    """Type, line of the answer and first words of an error, without what Keras puts around an error in a layer."""
    plain = re.sub(r"\x1b\[\d+m", "", str(error))
    # Keras prints the whole input into the line.
    plain = re.sub(r"(Invalid input shape) for input .*? (Expected shape)", r"\1. \2", plain, flags=re.DOTALL)
    lines = [line.strip() for line in plain.split("\n") if line.strip()]
    said = []
    for line in [line for line in lines if not line.startswith("Exception encountered when")] or ["no message"]:
        said.append(line)
        if not line.endswith(":"):  # "Error encountered:" goes on in the next line
            break
    return f"{type(error).__name__}{line_that_failed(answer, error)}: {' '.join(said).rstrip('.')}"
