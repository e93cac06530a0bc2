"""Exercises of lesson 04: denoising."""

from course_utils.exercises.lesson_04.damage import mixed_damage
from course_utils.exercises.lesson_04.networks import build_denoiser, build_residual, weak_noise_winner
from course_utils.exercises.lesson_04.noise import add_noise, best_guess, error_left, walk_end

__all__ = [
    "add_noise",
    "best_guess",
    "build_denoiser",
    "build_residual",
    "error_left",
    "mixed_damage",
    "walk_end",
    "weak_noise_winner",
]
