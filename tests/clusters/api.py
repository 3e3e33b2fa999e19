"""Actions as the cloud API performs them, and their answers as the official SDK reads them."""

from __future__ import annotations

from typing import Any

import pytest
from tencentcloud.mqtt.v20240516 import models

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.forms import FORMS
from console.core.payloads import payload_of


def perform(actor: Actor, action: str, **parameters: Any) -> dict[str, Any]:
    """The response of an action without ``RequestId``."""
    form = FORMS[action].from_parameters(parameters)
    return payload_of(action, actor, form.perform(actor))


def call(actor: Actor, action: str, cluster: Cluster, **parameters: Any) -> dict[str, Any]:
    """``perform`` on a cluster."""
    return perform(actor, action, InstanceId=cluster.public_id, **parameters)


def refusal_of(actor: Actor, action: str, **parameters: Any) -> ActionError:
    """The refusal that the action must answer."""
    with pytest.raises(ActionError) as refusal:
        perform(actor, action, **parameters)
    return refusal.value


def read_by_sdk(action: str, payload: dict[str, Any]) -> Any:
    """The payload as the SDK's response model; the SDK warns of a field that it does not know, and
    a warning fails the test.
    """
    response = getattr(models, f"{action}Response")()
    response._deserialize(payload)
    return response
