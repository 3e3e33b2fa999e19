"""Gauges and counters of a node as Prometheus text, exposition format 0.0.4."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "signalbox_"

_HELP = {
    "connections": "Clients connected now.",
    "sessions": "Sessions, connected or not.",
    "subscriptions": "Subscriptions of all sessions.",
    "retained": "Retained messages.",
    "inflight": "Messages sent that await their acknowledgement.",
    "backlog": "Messages that wait for their session.",
    "rss_bytes": "Resident memory of the node.",
    "publish": "PUBLISH packets by direction and QoS.",
    "unstored_bytes": "Messages given to the disk that it has not confirmed.",
    "handshakes": "Connections that have not said CONNECT, or wait for its answer.",
    "open_connections": "TCP connections of clients, those that are closing included.",
    "loop_stall_ms": "The longest that the event loop kept everybody waiting lately.",
    "messages_received": "PUBLISH packets taken from clients.",
    "messages_sent": "PUBLISH packets sent to clients.",
    "bytes_received": "Bytes read from clients.",
    "bytes_sent": "Bytes written to clients.",
    "tps_units": "Weighted messages in and out, the unit of the TPS limit.",
    "connect_success": "CONNECT packets accepted.",
    "connect_failure": "CONNECT packets refused.",
    "connect_throttled": "CONNECT packets refused by a limit.",
    "auth_success": "Authentications that succeeded.",
    "auth_failure": "Authentications that failed.",
    "packets_received": "Packets received by type.",
    "packets_sent": "Packets sent by type.",
    "acl": "Authorization decisions by action and result.",
    "dropped": "Messages dropped by reason.",
    "transport_refused": "Connections that TLS or WebSocket ended, by layer and reason.",
    "journal_lost": "Records of the message log that could not be written.",
    "journal_discarded": "Messages that the size limit of the message log deleted early.",
    "journal_lag_bytes": "Bytes of the message log that are written and not indexed yet.",
    "journal_bytes": "Bytes that the message log takes on the disk.",
    "telemetry_left_out_events": "Client events given up because the console was away.",
    "telemetry_left_out_metrics": "Metrics reports given up because the console was away.",
    "telemetry_connected": "Whether the console takes telemetry now.",
    "ready": "Whether clients are served as configured.",
    "configuration_revision": "Revision of the configuration in force.",
    "build_info": "How the engine was built: compiled by mypyc, or pure Python.",
    "start_time_seconds": "When the process started, in seconds since 1970.",
}
_FAMILIES: tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...] = (
    (re.compile(r"packets_received_(.+)"), "packets_received", ("type",)),
    (re.compile(r"packets_sent_(.+)"), "packets_sent", ("type",)),
    (re.compile(r"acl_(connect|publish|subscribe)_(success|failure)"), "acl", ("action", "result")),
    (re.compile(r"build_(compiled|pure)"), "build_info", ("build",)),
    (re.compile(r"publish_(received|sent)_qos([012])"), "publish", ("direction", "qos")),
    (re.compile(r"dropped_(.+)"), "dropped", ("reason",)),
    (
        re.compile(r"transport_refused_(tls|ws)_(.+)"),
        "transport_refused",
        ("layer", "reason"),
    ),
)
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(slots=True)
class _Family:
    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], int]] = field(default_factory=list)


def render(
    labels: Mapping[str, str], gauges: Mapping[str, int], counters: Mapping[str, int]
) -> str:
    """The text; ``labels`` go on every sample, counters of one family become one metric."""
    families: dict[str, _Family] = {}
    for name, value in gauges.items():
        base, own = _split(name)
        _add(families, base, own, "gauge", value)
    for name, value in counters.items():
        base, own = _split(name)
        _add(families, base, own, "counter", value)
    return "".join(_lines(family, labels) for family in families.values())


def _split(name: str) -> tuple[str, dict[str, str]]:
    for pattern, base, keys in _FAMILIES:
        match = pattern.fullmatch(name)
        if match is not None:
            return base, dict(zip(keys, match.groups(), strict=True))
    return name, {}


def _add(
    families: dict[str, _Family], base: str, own: dict[str, str], kind: str, value: int
) -> None:
    name = _PREFIX + _NOT_A_NAME.sub("_", base) + ("_total" if kind == "counter" else "")
    text = _HELP.get(base, f"{base.replace('_', ' ').capitalize()}.")
    families.setdefault(name, _Family(name, kind, text)).samples.append((own, value))


def _lines(family: _Family, labels: Mapping[str, str]) -> str:
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {family.name} {help_text}", f"# TYPE {family.name} {family.kind}"]
    lines += [f"{family.name}{_braces({**labels, **own})} {value}" for own, value in family.samples]
    return "\n".join(lines) + "\n"


def _braces(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(_pairs(labels.items())) + "}" if labels else ""


def _pairs(labels: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, value in labels:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'{name}="{escaped}"'
