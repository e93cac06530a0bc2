"""The small package behind the autoencoder course: data, layers, models, metrics, figures, exercises."""

import os

# TensorFlow reads this once, at import; without it every notebook opens with a page of start-up notices.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "2.0.0"
