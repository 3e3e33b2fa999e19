"""Client events in words, for the timeline of a cluster."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, gettext_noop

from clusters.gateway import ClientEvent
from monitoring.reasons import in_words

SENTENCES = {
    "connected": ("ok", gettext_noop("%(client)s connected")),
    "disconnected": ("info", gettext_noop("%(client)s disconnected")),
    "refused": ("bad", gettext_noop("%(client)s was refused")),
    "subscribed": ("info", gettext_noop("%(client)s subscribed")),
    "unsubscribed": ("info", gettext_noop("%(client)s unsubscribed")),
    "denied": ("bad", gettext_noop("%(client)s was denied")),
    "kicked": ("warn", gettext_noop("%(client)s was disconnected by an operator")),
    "taken_over": ("warn", gettext_noop("%(client)s connected elsewhere")),
    "dropped": ("warn", gettext_noop("%(client)s lost a message")),
}
"""Event of the runtime → level of its dot and what it says."""
MOST_SHOWN = 160
"""Characters of what a device wrote; its own page shows all."""


def shown_event(event: ClientEvent) -> dict[str, Any]:
    """An entry of ``components/timeline.html``; an unknown event shows as named."""
    unknown = ("info", "%(client)s: " + event.event.replace("%", "%%"))
    level, sentence = SENTENCES.get(event.event, unknown)
    text = gettext(sentence) % {"client": event.client_id[:MOST_SHOWN] or "—"}
    reason = in_words(event.event, event.reason)[:MOST_SHOWN]
    return {
        "level": level,
        "at_ms": event.at_ms,
        "text": f"{text} — {reason}" if reason else text,
    }
