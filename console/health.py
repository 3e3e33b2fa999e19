"""``GET /healthz``: 200 when everything the console needs is up, else 503 with what is missing.

Cheap, open to everybody, and without a secret: it names parts and clusters' nodes, nothing else.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from clusters.gateway import GetNodeState, NodeRefused, NodeUnreachable
from clusters.models import Node
from clusters.nodes import gateway_of
from console.core.tasks import PULSE_KEY

logger = logging.getLogger(__name__)

PULSE_MAX_AGE_S = 30
PROCESSES = ("worker", "beat")
"""What the supervisor must run beside the runtimes; the web process is the one that answers."""
STATUS_MAX_AGE_S = 10
"""The supervisor writes each second; an older file means that it is gone."""


ASKED_AT_ONCE = 16
READY_TIMEOUT_S = 1.0


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Ask every part; a missing one is named with its reason."""
    missing = find_missing(settings.ENVIRONMENT.home, now_s=time.time())
    body = {"status": "unavailable", "missing": missing} if missing else {"status": "ok"}
    return JsonResponse(body, status=503 if missing else 200)


def find_missing(home: Path, *, now_s: float) -> dict[str, str]:
    """Part → why it counts as missing; empty when all is well.

    Args:
        home: Folder of the installation; its ``run/supervisor.json`` says what runs.
    """
    missing: dict[str, str] = {}
    wanted: list[Node] = []
    for part, check in (("database", lambda: wanted.extend(_wanted_nodes())), ("valkey", _ping)):
        reason = _reason(part, check)
        if reason:
            missing[part] = reason
    processes = _processes(home, now_s=now_s)
    if processes is None:
        return {**missing, "supervisor": "does not report"}
    for name in (*PROCESSES, *(node.node_id for node in wanted)):
        state = str(processes.get(name, {}).get("state", "absent"))
        if state != "running":
            missing[name] = state
    serving = [node for node in wanted if node.cluster.is_serving and node.node_id not in missing]
    missing |= dict.fromkeys(_unready(serving), "not ready")
    if not missing.keys() & {"valkey", *PROCESSES} and _is_idle(processes, now_s=now_s):
        missing["worker"] = "does not work"
    return missing


def _reason(part: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception:
        logger.exception("health check failed part=%s", part)
        return "does not answer"
    return ""


def _wanted_nodes() -> list[Node]:
    """Nodes that should run; those of clusters that are being made need not serve yet."""
    running = Node.objects.filter(desired_state=Node.DesiredState.RUNNING)
    return list(running.select_related("cluster"))


def _unready(nodes: Sequence[Node]) -> list[str]:
    """Nodes whose process runs and that do not serve clients; all are asked at once."""
    if not nodes:
        return []
    with ThreadPoolExecutor(max_workers=min(len(nodes), ASKED_AT_ONCE)) as threads:
        answers = threads.map(_is_ready, nodes)
        return [node.node_id for node, ready in zip(nodes, answers, strict=True) if not ready]


def _is_ready(node: Node) -> bool:
    try:
        return gateway_of(node).query(GetNodeState(), timeout_s=READY_TIMEOUT_S).ready
    except (NodeUnreachable, NodeRefused):
        return False


def _ping() -> None:
    cache.get("healthz")


def _is_idle(processes: dict[str, Any], *, now_s: float) -> bool:
    """Whether beat and worker run without getting anything done.

    Beat asks for a sweep every 5 s; a start has ``PULSE_MAX_AGE_S`` to show the first.
    """
    since_s = max(float(processes[name].get("since_ms", 0)) for name in PROCESSES) / 1000
    pulse_s = float(cache.get(PULSE_KEY) or 0)
    return now_s - max(since_s, pulse_s) > PULSE_MAX_AGE_S


def _processes(home: Path, *, now_s: float) -> dict[str, Any] | None:
    """Processes as the supervisor last wrote them; None when it has stopped to."""
    try:
        status = json.loads((home / "run" / "supervisor.json").read_text())
        age_s = now_s - status["at_ms"] / 1000
        processes = status["processes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if age_s > STATUS_MAX_AGE_S or not isinstance(processes, dict):
        return None
    return processes
