"""Exercises of lesson 12: registration and joint learning."""

from course_utils.exercises.lesson_12.classes import ascended, classified
from course_utils.exercises.lesson_12.fields import (
    composed,
    direction,
    higher_dice,
    integrated,
    jacobian_determinant,
)

__all__ = [
    "ascended",
    "classified",
    "composed",
    "direction",
    "higher_dice",
    "integrated",
    "jacobian_determinant",
]
