"""Why a runtime refused, dropped or ended something, in the reader's language.

A runtime writes its reasons in English, whoever reads them later. What it says often is known here
word by word; what a packet did wrong is said in the words of MQTT and shown as it is.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_lazy, gettext_noop

RESULTS = {
    "queue_full": gettext_lazy("more messages were waiting for the client than are kept for it"),
    "too_large": gettext_lazy("it is larger than the client accepts"),
    "expired": gettext_lazy("its expiry time had passed"),
    "not_authorized": gettext_lazy("no policy allows the client to receive this topic"),
    "shared_group_unserved": gettext_lazy("no member of the shared group could take it"),
    "offline_qos_0": gettext_lazy("the client was away, and QoS 0 is not kept"),
    "not_stored": gettext_lazy("it could not be stored"),
    "unknown_topic": gettext_lazy("its first-level topic does not exist"),
    "topic_quota": gettext_lazy("its first-level topic would exceed the topic quota"),
    "message_too_large": gettext_lazy("it is larger than the cluster accepts"),
    "retained_quota": gettext_lazy("there are too many retained messages"),
}
"""Machine name of a result (``broker_runtime.contract.queries.TraceStep.result``) → words."""

SENTENCES = frozenset(
    (
        gettext_noop("a message cannot be stored"),
        gettext_noop("an authenticator failed"),
        gettext_noop("an empty client identifier needs a clean session"),
        gettext_noop("another connection came with the same client id"),
        gettext_noop("another connection took the client identifier over"),
        gettext_noop("bad username or password"),
        gettext_noop("connection lost"),
        gettext_noop("disconnected by the client"),
        gettext_noop("disconnected from the console"),
        gettext_noop("disconnected, will to be published"),
        gettext_noop("enhanced authentication is not supported"),
        gettext_noop("internal error"),
        gettext_noop("message rate too high"),
        gettext_noop("more messages in flight than the receive maximum"),
        gettext_noop("no policy allows all topics of this filter"),
        gettext_noop("no policy allows this client to connect"),
        gettext_noop("no policy allows this client to publish here"),
        gettext_noop("no policy allows this client to receive this topic"),
        gettext_noop("no way to authenticate accepts this client"),
        gettext_noop("not authorized"),
        gettext_noop("nothing was received within 1.5 times the keep-alive"),
        gettext_noop("quota exceeded"),
        gettext_noop("the CONNECT could not be decided in time"),
        gettext_noop("the client id is in use by another user"),
        gettext_noop("the cluster is isolated"),
        gettext_noop("the first packet is not CONNECT"),
        gettext_noop("the message log cannot be read"),
        gettext_noop("the node is stopping"),
        gettext_noop("the session cannot be stored"),
        gettext_noop("the session was resumed"),
        gettext_noop("the topic filter is not valid"),
        gettext_noop("the user was removed, disabled or has another password"),
        gettext_noop("the will is larger than a message may be"),
        gettext_noop("there are too many retained messages"),
        gettext_noop("too many connections"),
        gettext_noop("too many subscriptions in the cluster"),
        gettext_noop("too many subscriptions of this client"),
        gettext_noop("topics that begin with '$' belong to the server"),
        gettext_noop("unspecified error"),
    )
)
"""Whole sentences of the runtime that never vary."""

_TEXT = r"(?:'.*'|\".*\")"
_FRAMES = tuple(
    (re.compile(pattern, re.DOTALL), frame)
    for pattern, frame in (
        (r"(?P<why>.+) \((?P<n>\d+) more times\)", gettext_noop("%(why)s (%(n)s more times)")),
        (
            rf"publish to (?P<topic>{_TEXT}): (?P<why>.+)",
            gettext_noop("publish to %(topic)s: %(why)s"),
        ),
        (
            rf"subscribe to (?P<topic>{_TEXT}): (?P<why>.+)",
            gettext_noop("subscribe to %(topic)s: %(why)s"),
        ),
        (rf"will to (?P<topic>{_TEXT}): (?P<why>.+)", gettext_noop("will to %(topic)s: %(why)s")),
        (
            r"messages to this client were dropped: (?P<why>.+)",
            gettext_noop("messages to this client were dropped: %(why)s"),
        ),
        (
            r"the right to connect was withdrawn: (?P<why>.+)",
            gettext_noop("the right to connect was withdrawn: %(why)s"),
        ),
        (rf"policy (?P<name>{_TEXT}) denies it", gettext_noop("policy %(name)s denies it")),
        (
            rf"the first-level topic (?P<name>{_TEXT}) does not exist",
            gettext_noop("the first-level topic %(name)s does not exist"),
        ),
        (
            rf"the first-level topic (?P<name>{_TEXT}) would exceed the topic quota",
            gettext_noop("the first-level topic %(name)s would exceed the topic quota"),
        ),
        (
            r"the message is larger than (?P<n>\d+) bytes",
            gettext_noop("the message is larger than %(n)s bytes"),
        ),
        (
            r"the topic is longer than (?P<n>\d+) bytes",
            gettext_noop("the topic is longer than %(n)s bytes"),
        ),
        (
            r"the topic has more than (?P<n>\d+) levels",
            gettext_noop("the topic has more than %(n)s levels"),
        ),
        (
            r"more clients were refused or denied than are listed one by one: (?P<n>\d+)",
            gettext_noop("more clients were refused or denied than are listed one by one: %(n)s"),
        ),
        (
            r"(?P<what>connection lost|disconnected by the client|a message cannot be stored"
            r"|the session cannot be stored): (?P<why>.+)",
            gettext_noop("%(what)s: %(why)s"),
        ),
    )
)
"""Reasons with something put in → the same to be translated."""
OF_DEVICES = frozenset(("subscribed", "unsubscribed"))
"""Events whose reason is what a device wrote, topic filters: nothing to translate."""


def in_words(event: str, reason: str) -> str:
    """The reason of a client's event in the reader's language; an unknown one as it is."""
    return reason if event in OF_DEVICES else _translated(reason)


def _translated(reason: str) -> str:
    if reason in SENTENCES:
        return gettext(reason)
    if reason in RESULTS:
        return str(RESULTS[reason])
    for pattern, frame in _FRAMES:
        if match := pattern.fullmatch(reason):
            parts: dict[str, str] = match.groupdict()
            for name in parts.keys() & {"what", "why"}:
                parts[name] = _translated(parts[name])
            return gettext(frame) % parts
    return reason
