"""Performs actions in tests as the cloud API does: through the action's form, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.forms import FORMS
from console.core.payloads import payload_of


def perform(actor: Actor, action: str, **parameters: Any) -> dict[str, Any]:
    """The response of an action without ``RequestId``."""
    form = FORMS[action].from_parameters(parameters)
    return payload_of(action, actor, form.perform(actor))


def refusal_of(actor: Actor, action: str, **parameters: Any) -> ActionError:
    """The refusal that the action must answer; fails when it is carried out."""
    with pytest.raises(ActionError) as refusal:
        perform(actor, action, **parameters)
    return refusal.value


def call(actor: Actor, action: str, cluster: Cluster, **parameters: Any) -> dict[str, Any]:
    """``perform`` on a cluster."""
    return perform(actor, action, InstanceId=cluster.public_id, **parameters)


def refused(actor: Actor, action: str, cluster: Cluster, **parameters: Any) -> ActionError:
    """``refusal_of`` on a cluster."""
    return refusal_of(actor, action, InstanceId=cluster.public_id, **parameters)
