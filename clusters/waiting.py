"""Waiting for nodes: what a job looks at until a node has come up, taken its configuration, or
gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from clusters import node_folder
from clusters.gateway import GetNodeState, NodeRefused, NodeState, NodeUnreachable
from clusters.models import Cluster, Node
from clusters.nodes import gateway_of
from clusters.resources import node_seen
from console.core.errors import ResourceUnavailable

ANSWER_TIMEOUT_S = 1.0
LOOK_EVERY_S = 0.2
BEAT_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time, and letting it pass."""

    now_s: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


def wait_for(
    obstacle: Callable[[], str],
    *,
    what: str,
    limit_s: float,
    beat: Callable[[], None],
    clock: Clock,
) -> None:
    """Look again and again until nothing is in the way.

    Args:
        obstacle: Says what is in the way now; empty when nothing is.
        what: What is waited for, as a sentence for the failure message.
        beat: Called every ``BEAT_EVERY_S``; raises when the caller shall stop.

    Raises:
        ResourceUnavailable: after ``limit_s``, with the last obstacle.
    """
    started_s = beaten_s = clock.now_s()
    while reason := obstacle():
        now_s = clock.now_s()
        if now_s - started_s >= limit_s:
            raise ResourceUnavailable(
                _("%(what)s within %(limit)s s: %(reason)s")
                % {"what": what, "limit": f"{limit_s:g}", "reason": reason}
            )
        if now_s - beaten_s >= BEAT_EVERY_S:
            beat()
            beaten_s = now_s
        clock.pause(LOOK_EVERY_S)


def silence_of(node: Node) -> str:
    """Why the node does not answer; empty when it does."""
    try:
        _state_of(node)
    except (NodeUnreachable, NodeRefused) as problem:
        return str(problem)
    return ""


def backlog_of(cluster: Cluster, node: Node) -> str:
    """Why the node does not serve MQTT as configured; empty when it does. Has what it lacks pushed
    to it.
    """
    wanted = Cluster.objects.values_list("revision", flat=True).get(pk=cluster.pk)
    try:
        state = _state_of(node)
        if state.revision != wanted:
            node_seen.send(Node, node_id=node.node_id, revision=state.revision)
            state = _state_of(node)
    except (NodeUnreachable, NodeRefused) as problem:
        return str(problem)
    if state.revision == wanted and state.ready:
        return ""
    node.refresh_from_db(fields=["obstacle"])
    return (
        node.obstacle or state.reason or _("It has not applied revision %(n)s yet.") % {"n": wanted}
    )


def life_of(node: Node) -> str:
    """What shows that the node still runs; empty when nothing does."""
    if node_folder.is_in_use(node.node_id):
        return _("Its process still works in its folder.")
    if not silence_of(node):
        return _("It still answers.")
    return ""


def _state_of(node: Node) -> NodeState:
    state = gateway_of(node).query(GetNodeState(), timeout_s=ANSWER_TIMEOUT_S)
    assert isinstance(state, NodeState)  # the gateway decodes the answer as the query's own
    return state
