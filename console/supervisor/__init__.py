"""Starts and keeps alive every process of one installation; knows nothing of Django."""
