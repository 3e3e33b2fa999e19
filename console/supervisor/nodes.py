"""Which runtimes should run: the rows of ``clusters_node``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from console.supervisor.database import Row

NODE_ID = re.compile(r"mqtt-[a-z0-9]{8}-n\d{1,3}")
QUERY = (
    "SELECT node_id, cluster_public_id, control_host, control_port FROM clusters_node"
    " WHERE desired_state = 'running' ORDER BY node_id"
)


@dataclass(frozen=True, slots=True)
class DesiredNode:
    """A runtime that should run, with the address of its control API."""

    node_id: str
    cluster_id: str
    control_host: str
    control_port: int


def accept(rows: Iterable[Row]) -> tuple[tuple[DesiredNode, ...], tuple[str, ...]]:
    """Sort rows into nodes and complaints: a row names files and ports, so it is checked first."""
    nodes, complaints = [], []
    for row in rows:
        node = _node(row)
        if node is None:
            complaints.append(f"clusters_node holds a row that cannot be a node: {row!r:.200}")
        else:
            nodes.append(node)
    return tuple(nodes), tuple(complaints)


def _node(row: Row) -> DesiredNode | None:
    node_id, cluster_id, host, port = row
    if not isinstance(node_id, str) or not NODE_ID.fullmatch(node_id):
        return None
    if not isinstance(cluster_id, str) or not node_id.startswith(f"{cluster_id}-n"):
        return None
    if not isinstance(host, str) or not host or host.startswith("-"):
        return None
    if not isinstance(port, int) or not 0 < port < 65_536:
        return None
    return DesiredNode(node_id, cluster_id, host, port)
