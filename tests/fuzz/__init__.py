"""Coverage-guided fuzzing of what a stranger can reach: ``python -m tests.fuzz TARGET``.

What it found and what leads it deep is in the ``.corpus`` files; the ordinary tests run all of it.
"""
