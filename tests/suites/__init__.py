"""Suites that nobody here wrote, run against our runtime: ``python -m tests.suites``.

Their code is fetched at a fixed commit into a folder outside the project and never becomes part
of it. Every case that does not pass must be explained in ``explained.toml``; a case that is
explained and passes is a mistake as well. Read ``docs/conformance.md`` for what our own tests
cover.
"""
