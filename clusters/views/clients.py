"""The clients of a cluster, live, and the order to disconnect one (CONTRACT section 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from clusters.forms import DescribeClientForm, DescribeClientListForm, KickOutClientForm
from clusters.frame import cluster_frame
from clusters.gateway import Client, ClientPage
from clusters.selectors import MOST_CLIENTS
from clusters.tab_parts import dialog_context, form_dialog, read
from console.core.errors import MissingParameter
from console.core.listing import Fetched, csv_download, search_text, table_page, wants_csv
from console.core.pages import PageRequest, form_data, page, perform, show

TAB = "clients"
STATES = (
    ("", gettext_lazy("All clients")),
    ("1", gettext_lazy("Connected")),
    ("2", gettext_lazy("Not connected")),
)
PROTOCOLS = {3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0"}


@dataclass(frozen=True, slots=True)
class Row:
    """A client as the table shows it; ``key`` tells rows apart in the page's markup."""

    key: str
    client: Client
    protocol: str


@require_GET
@page
def client_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Sessions, newest connection first; without a search a sample of them (CONTRACT K3)."""
    search = search_text(request)
    state = request.GET.get("state", "")
    parameters: dict[str, Any] = {"InstanceId": cluster_id}
    if search:
        parameters["ClientId"] = search
    if state in ("1", "2"):
        parameters["OnlineStatus"] = int(state)
    found: ClientPage
    if wants_csv(request):
        found = perform(request, DescribeClientListForm, parameters)
        return csv_download(f"clients-{cluster_id}", _headings(), map(_cells, found.clients))
    frame = cluster_frame(request, cluster_id, tab=TAB)
    nothing = ClientPage(clients=(), total=0)
    found, obstacle = read(request, DescribeClientListForm, parameters, instead=nothing)

    def fetch(offset: int, limit: int) -> Fetched[Row]:
        rows = [_row(client) for client in found.clients[offset : offset + limit]]
        return rows, len(found.clients)

    context = {
        **frame,
        "page": table_page(request, fetch),
        "search": search,
        "state": state,
        "states": STATES,
        "total": found.total,
        "most": MOST_CLIENTS,
        "is_sample": found.total > len(found.clients),
        "obstacle": obstacle,
    }
    return show(request, "clients/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def client_kick(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Disconnect a client, asked twice; its session goes too when ticked (CONTRACT K10)."""
    client_id = request.GET.get("client", "")
    if not client_id:
        raise MissingParameter(_("Say which client: the address ends with ?client=…"))
    context = dialog_context(request, cluster_id, tab=TAB, dialog="clients/_kick.html")
    if request.method != "POST":
        perform(request, DescribeClientForm, {"InstanceId": cluster_id, "ClientId": client_id})
    return form_dialog(
        request,
        KickOutClientForm(form_data(request, instance_id=cluster_id, client_id=client_id)),
        {**context, "client_id": client_id},
        fixed=("client_id",),
        then=reverse("client-list", args=[cluster_id]),
        done=_("The client is disconnected."),
        changed="clients-changed",
    )


def protocol_name(version: int) -> str:
    """Name of a protocol version as in CONNECT."""
    return PROTOCOLS.get(version, f"MQTT ({version})")


def _row(client: Client) -> Row:
    key = hashlib.sha256(client.client_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Row(key, client, protocol_name(client.protocol_version))


def _headings() -> Sequence[str]:
    return (
        _("Client ID"),
        _("Connected"),
        _("Username"),
        _("Address"),
        _("Protocol"),
        _("Subscriptions"),
        _("Session created"),
        _("Last connected"),
        _("Last disconnected"),
    )


def _cells(client: Client) -> Sequence[object]:
    return (
        client.client_id,
        _("yes") if client.connected else _("no"),
        client.username,
        client.address,
        protocol_name(client.protocol_version),
        len(client.subscriptions),
        _written(client.created_ms),
        _written(client.connected_ms),
        _written(client.disconnected_ms),
    )


def _written(instant_ms: int) -> str:
    """An instant in the reader's time zone; empty for never."""
    if not instant_ms:
        return ""
    instant = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return timezone.localtime(instant).isoformat(timespec="milliseconds")
