"""The frame around every page of one cluster: its head, its tabs, and what they show.

A view of a tab asks for the context and shows a template that extends ``clusters/frame.html``
(which says how):

    @page
    def topic_list(request: PageRequest, cluster_id: str) -> HttpResponse:
        frame = cluster_frame(request, cluster_id, tab="topics")
        topics = perform(request, DescribeTopicListForm, {"InstanceId": cluster_id})
        return show(request, "topics/list.html", {**frame, "topics": topics})
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clusters.forms import DescribeInstanceForm, DescribeInstanceRuntimeForm
from clusters.gateway import NodeState
from clusters.resources import resource_of
from clusters.selectors import InstanceDetails
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.pages import PageRequest, perform
from console.core.rights import Resource

TABS: tuple[tuple[str, Promise, str], ...] = (
    ("basic", _("Basic information"), "cluster-detail"),
    ("topics", _("Topics"), "topic-list"),
    ("clients", _("Clients"), "client-list"),
    ("users", _("Users"), "user-list"),
    ("policies", _("Policies"), "policy-list"),
    ("messages", _("Messages"), "cluster-message-list"),
)
"""Name of a tab, its text, and the name of its URL, which takes the cluster's public id."""


@dataclass(frozen=True, slots=True)
class Configured:
    """Whether the runtime holds what was written last.

    ``state`` is ``applied``, ``waiting``, ``silent`` (the runtime does not answer) or ``off`` (the
    cluster is not meant to serve).
    """

    state: str
    ago_ms: int | None = None
    """How long ago it was applied."""
    obstacle: str = ""
    """What is in the way, in the reader's language; empty when nothing is known."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the reader may do with a cluster, for templates: ``{% if may.DeleteTopic %}``. A page
    does not offer what the gate would refuse.
    """

    actor: Actor
    resource: Resource

    def __getitem__(self, action: str) -> bool:
        return self.actor.may(f"mqtt:{action}", self.resource)


def cluster_frame(request: PageRequest, cluster_id: str, *, tab: str) -> dict[str, Any]:
    """What ``clusters/frame.html`` needs: ``cluster``, ``details``, ``runtime``, ``uptime_s``,
    ``configured``, ``may``, ``tab`` and ``tabs``.

    Args:
        tab: Name in ``TABS`` of the open tab.

    Raises:
        ActionError: the cluster is unknown in this account, or may not be seen.
    """
    details: InstanceDetails = perform(request, DescribeInstanceForm, {"InstanceId": cluster_id})
    cluster = details.cluster
    runtime = _runtime(request, details)
    return {
        "cluster": cluster,
        "details": details,
        "runtime": runtime,
        "uptime_s": _uptime_s(runtime),
        "configured": _configured(details, runtime),
        "may": Abilities(request.actor, resource_of(cluster)),
        "tab": tab,
        "tabs": _tabs(details, tab),
    }


def _runtime(request: PageRequest, details: InstanceDetails) -> NodeState | None:
    """What the runtime says of itself; None when it is not meant to run, does not answer, or the
    reader may not ask.
    """
    cluster = details.cluster
    allowed = request.actor.may("mqtt:DescribeInstanceRuntime", resource_of(cluster))
    if not (cluster.is_serving and allowed):
        return None
    try:
        state: NodeState = perform(
            request, DescribeInstanceRuntimeForm, {"InstanceId": cluster.public_id}
        )
    except ActionError:
        return None
    return state


def _uptime_s(runtime: NodeState | None) -> int | None:
    if runtime is None:
        return None
    return max(0, int(timezone.now().timestamp()) - runtime.started_ms // 1000)


def _configured(details: InstanceDetails, runtime: NodeState | None) -> Configured:
    if not details.cluster.is_serving:
        return Configured("off")
    waiting = details.waiting_nodes
    if waiting:
        obstacle = next((node.obstacle for node in waiting if node.obstacle), "")
        return Configured("waiting", obstacle=gettext(obstacle) if obstacle else "")
    if runtime is None:
        return Configured("silent")
    applied = [node.applied_at for node in details.nodes if node.applied_at]
    if not applied:
        return Configured("applied")
    ago = timezone.now() - max(applied)
    return Configured("applied", ago_ms=max(0, int(ago.total_seconds() * 1000)))


def _tabs(details: InstanceDetails, tab: str) -> list[dict[str, Any]]:
    counts = {"topics": details.topic_count}
    return [
        {
            "url": reverse(url_name, args=[details.cluster.public_id]),
            "label": label,
            "is_open": name == tab,
            "count": counts.get(name),
        }
        for name, label, url_name in TABS
    ]
