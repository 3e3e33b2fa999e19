"""A stage for every scenario."""

from __future__ import annotations

from tests.broker.conftest import held, stage

__all__ = ["held", "stage"]
