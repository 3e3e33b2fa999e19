"""Changes of clusters and orders to their runtimes, by noun."""

from __future__ import annotations

from clusters.services import clients, instances, lifecycle, specification

__all__ = ["clients", "instances", "lifecycle", "specification"]
