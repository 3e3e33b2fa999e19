"""Performs actions in tests as the cloud API does: through the action's form, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.forms import FORMS
from console.core.payloads import payload_of


def call(actor: Actor, action: str, cluster: Cluster, **parameters: Any) -> dict[str, Any]:
    """The response of an action on a cluster."""
    form = FORMS[action].from_parameters({"InstanceId": cluster.public_id, **parameters})
    return payload_of(action, actor, form.perform(actor))


def refused(actor: Actor, action: str, cluster: Cluster, **parameters: Any) -> ActionError:
    """The refusal of an action on a cluster; fails when it is carried out."""
    with pytest.raises(ActionError) as refusal:
        call(actor, action, cluster, **parameters)
    return refusal.value
