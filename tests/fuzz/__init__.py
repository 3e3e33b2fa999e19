"""Coverage-guided fuzzing of what a stranger can reach: ``python -m tests.fuzz TARGET``.

What it found and what leads it deep lives in ``corpus/``; the ordinary tests run all of it.
"""
