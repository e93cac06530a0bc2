"""Exercises with feedback. A lesson imports its own: `from course_utils.exercises import lesson_07 as ex`."""

from course_utils.exercises.answers import as_array, as_arrays, as_number, as_whole, fitting
from course_utils.exercises.exercise import Exercise, exercise
from course_utils.exercises.prediction import Prediction

__all__ = ["Exercise", "Prediction", "as_array", "as_arrays", "as_number", "as_whole", "exercise", "fitting"]
