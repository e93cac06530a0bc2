"""What the cells of a lesson say in a form for programs: `course_utils.lesson.say` puts it beside the printed line."""

MIME = "application/vnd.course+json"


def facts(cells, kind):
    """The facts of one kind that the outputs of cells hold, in their order: `"setup"`, `"data"` or `"expectation"`."""
    said = [output.get("data", {}).get(MIME, {}) for cell in cells for output in cell.get("outputs", [])]
    return [fact for fact in said if fact.get("kind") == kind]
