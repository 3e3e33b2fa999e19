"""Carries desired configuration from the rows to the runtimes."""
