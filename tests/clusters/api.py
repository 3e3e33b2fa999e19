"""Answers of actions as the official SDK reads them."""

from __future__ import annotations

from typing import Any

from tencentcloud.mqtt.v20240516 import models


def read_by_sdk(action: str, payload: dict[str, Any]) -> Any:
    """The payload as the SDK's response model; the SDK warns of a field that it does not know, and
    a warning fails the test.
    """
    response = getattr(models, f"{action}Response")()
    response._deserialize(payload)
    return response
