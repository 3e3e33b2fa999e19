"""Reads of what happens in clusters, by noun."""

from __future__ import annotations

from monitoring.selectors import messages, metrics

__all__ = ["messages", "metrics"]
