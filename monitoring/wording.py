"""What happened to a message or a client, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.gateway import ClientEvent, Trace, TraceStep
from monitoring.reasons import RESULTS, in_words

_PRODUCED = {
    "success": ("ok", gettext_lazy("accepted")),
    "no_subscriber": ("warn", gettext_lazy("accepted, no subscriber")),
}
_CONSUMED = {
    ("PUBLISH", "success"): ("info", gettext_lazy("sent to the client")),
    ("PUBLISH", "sent_again"): ("info", gettext_lazy("sent again after a new connection")),
    ("PUBACK", "success"): ("ok", gettext_lazy("confirmed by the client")),
    ("PUBREC", "success"): ("ok", gettext_lazy("received by the client")),
    ("PUBREL", "success"): ("info", gettext_lazy("released to the client")),
    ("PUBCOMP", "success"): ("ok", gettext_lazy("completed by the client")),
    ("QUEUE", "success"): ("info", gettext_lazy("kept until the client can take it")),
}

EVENTS = {
    "connected": ("ok", gettext_lazy("connected")),
    "disconnected": ("info", gettext_lazy("disconnected")),
    "refused": ("bad", gettext_lazy("connection refused")),
    "subscribed": ("info", gettext_lazy("subscribed")),
    "unsubscribed": ("info", gettext_lazy("unsubscribed")),
    "denied": ("bad", gettext_lazy("denied by the policies")),
    "kicked": ("warn", gettext_lazy("disconnected by an operator")),
    "taken_over": ("warn", gettext_lazy("replaced by a newer connection")),
    "dropped": ("warn", gettext_lazy("messages lost")),
}
"""Event of the runtime → level and words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trace."""

    at_ms: int
    packet_type: str
    qos: int
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What happened to a message on its way to one client."""

    client_id: str
    qos: int
    last_ms: int
    """When it was last sent, Unix milliseconds; 0 = never."""
    level: str
    text: str
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Told:
    """A trace in words (CONTRACT M5)."""

    produced: list[tuple[str, Step]]
    """Client id and step, of which there is one unless the message came twice."""
    deliveries: list[Delivery]
    """By client, in the order in which they were first served."""
    nobody: str
    """Why nobody got it; empty when somebody did, or will."""


def told(trace: Trace) -> Told:
    """A trace in words."""
    produced = [step for step in trace.steps if step.stage == "produce"]
    by_client: dict[str, list[TraceStep]] = {}
    for step in trace.steps:
        if step.stage == "consume":
            by_client.setdefault(step.client_id, []).append(step)
    deliveries = [_delivery(client_id, steps) for client_id, steps in by_client.items()]
    return Told(
        produced=[(step.client_id, _produced(step)) for step in produced],
        deliveries=deliveries,
        nobody="" if deliveries else _nobody(produced),
    )


def told_event(event: ClientEvent) -> dict[str, Any]:
    """An event of one client as an entry of ``components/timeline.html``."""
    level, words = EVENTS.get(event.event, ("info", event.event.replace("_", " ")))
    reason = in_words(event.event, event.reason)
    text = _("%(what)s: %(why)s") % {"what": words, "why": reason} if reason else str(words)
    return {"level": level, "at_ms": event.at_ms, "text": capfirst(text)}


def _produced(step: TraceStep) -> Step:
    level, words = _PRODUCED.get(step.result, ("bad", _because(step.result)))
    return Step(step.at_ms, step.packet_type, step.qos, level, str(words))


def _consumed(step: TraceStep) -> Step:
    known = _CONSUMED.get((step.packet_type, step.result))
    if known is not None:
        level, words = known[0], str(known[1])
    elif step.packet_type == "DROP":
        level, words = "bad", _("not delivered: %(reason)s") % {"reason": _because(step.result)}
    elif step.result == "success":
        level, words = "info", step.packet_type.lower()
    else:
        level = "bad"
        words = _("refused by the client: %(reason)s") % {"reason": _because(step.result)}
    return Step(step.at_ms, step.packet_type, step.qos, level, words)


def _delivery(client_id: str, steps: Sequence[TraceStep]) -> Delivery:
    last = steps[-1]
    pushed = [step.at_ms for step in steps if step.packet_type == "PUBLISH"]
    level, text = _outcome(last)
    return Delivery(
        client_id=client_id,
        qos=last.qos,
        last_ms=pushed[-1] if pushed else 0,
        level=level,
        text=text,
        steps=[_consumed(step) for step in steps],
    )


def _outcome(last: TraceStep) -> tuple[str, str]:
    """How it stands with this client, from the last thing that happened."""
    if last.packet_type == "DROP" or last.result not in ("success", "sent_again"):
        return "bad", _consumed(last).text
    if last.packet_type == "PUBLISH":
        if last.qos == 0:
            return "ok", _("sent; QoS 0 is not confirmed")
        return "warn", _("sent, not confirmed yet")
    if last.packet_type == "QUEUE":
        return "info", _("waiting for the client")
    if last.packet_type in ("PUBREC", "PUBREL"):
        return "ok", _("received, QoS 2 not completed yet")
    return "ok", _("delivered")


def _nobody(produced: Sequence[TraceStep]) -> str:
    result = produced[-1].result if produced else ""
    if result == "no_subscriber":
        return _(
            "No session was subscribed to this topic when the message came. Who subscribes later "
            "gets it only if it is retained."
        )
    if result in ("success", ""):
        return _(
            "No delivery is recorded. Clients that were away and do not keep a session get "
            "nothing, and QoS 0 is not kept for anybody."
        )
    return _("It was not handed on: %(reason)s.") % {"reason": _because(result)}


def _because(result: str) -> str:
    return str(RESULTS.get(result, result.replace("_", " ")))
