"""Metrics, charts, message query, traces and client events."""
