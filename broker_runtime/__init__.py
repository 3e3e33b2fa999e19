"""The Signalbox MQTT broker: one process per cluster node, knows nothing of the console."""

from __future__ import annotations

from importlib.util import find_spec

__version__ = "0.1.0"


def build() -> str:
    """``compiled`` when the engine's modules are extension modules, ``pure`` when they are not."""
    spec = find_spec("broker_runtime.broker.hot.hot_path")
    return "pure" if spec and str(spec.origin).endswith(".py") else "compiled"
