"""One client: its session, its subscriptions, what it did of late (CONTRACT K4–K6, K8)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from clusters.forms import DescribeClientForm
from clusters.frame import cluster_frame
from clusters.gateway import Client, ClientEventList
from clusters.tab_parts import read
from console.core.errors import ActionError, MissingParameter, ResourceNotFound
from console.core.pages import PageRequest, page, perform, show
from monitoring.forms import DescribeEventForm
from monitoring.wording import told_event

RECENT_EVENTS = 50


@require_GET
@page
def client_detail(request: PageRequest, cluster_id: str) -> HttpResponse:
    """``?client=`` names it: a client id may hold anything, also slashes and dots.

    A client without a session that left events behind is shown by these: they say why it is not
    there.
    """
    client_id = request.GET.get("client", "")
    if not client_id:
        raise MissingParameter(_("Say which client: the address ends with ?client=…"))
    frame = cluster_frame(request, cluster_id, tab="clients")
    parameters = {"InstanceId": cluster_id, "ClientId": client_id}
    events = _events(request, parameters)
    client: Client | None
    obstacle: ActionError | None = None
    try:
        client, obstacle = read(request, DescribeClientForm, parameters, instead=None)
    except ResourceNotFound:
        if not events:
            raise
        client = None
    context: dict[str, Any] = {
        **frame,
        "client": client,
        "client_id": client_id,
        "obstacle": obstacle,
        "events": events,
        "received": [count for count in client.packets if count.direction == "received"]
        if client
        else [],
        "sent": [count for count in client.packets if count.direction == "sent"] if client else [],
    }
    return show(request, "clients/detail.html", context)


def _events(request: PageRequest, parameters: dict[str, str]) -> list[dict[str, Any]]:
    """Newest first; none when they cannot be read, which must not hide the client."""
    try:
        found: ClientEventList = perform(
            request, DescribeEventForm, {**parameters, "Limit": RECENT_EVENTS}
        )
    except ActionError:
        return []
    return [told_event(event) for event in found.events]
