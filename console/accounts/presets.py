"""The preset rights policies (CONTRACT R4)."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "QcloudMQTTFullAccess": {
        "version": "2.0",
        "statement": [{"effect": "allow", "action": ["mqtt:*"], "resource": ["*"]}],
    },
    "QcloudMQTTReadOnlyAccess": {
        "version": "2.0",
        "statement": [{"effect": "allow", "action": ["mqtt:Describe*"], "resource": ["*"]}],
    },
}
