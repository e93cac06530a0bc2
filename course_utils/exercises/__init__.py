"""Exercises with feedback. A lesson imports its own: `from course_utils.exercises import lesson_07 as ex`."""

from course_utils.exercises.exercise import Exercise, exercise, is_affine, refuses_tensors

__all__ = ["Exercise", "exercise", "is_affine", "refuses_tensors"]
