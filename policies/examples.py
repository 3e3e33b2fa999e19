"""The worked examples of policies that fill the form (CONTRACT Z9; the source lists ten)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A statement to start from; empty texts mean "any", as in the form.

    Args:
        key: Name in the address, and of the policy until it is changed.
        label: What it does, for people.
    """

    key: str
    label: Promise
    effect: str
    actions: tuple[str, ...]
    topics: tuple[str, ...] = ()
    username: str = ""
    client_id: str = ""
    ip: str = ""


EXAMPLES: tuple[Example, ...] = (
    Example(
        key="allow-everything",
        label=_("Allow everything to every client"),
        effect="allow",
        actions=("connect", "pub", "sub"),
        topics=("#",),
    ),
    Example(
        key="deny-everything",
        label=_("Deny everything to every client"),
        effect="deny",
        actions=("connect", "pub", "sub"),
        topics=("#",),
    ),
    Example(
        key="publish-to-one-topic",
        label=_("Publish to one topic"),
        effect="allow",
        actions=("connect", "pub"),
        topics=("home/room",),
    ),
    Example(
        key="publish-to-several-topics",
        label=_("Publish to several topics"),
        effect="allow",
        actions=("connect", "pub"),
        topics=("home/room", "home/kitchen"),
    ),
    Example(
        key="publish-below-a-topic",
        label=_("Publish to any topic below another"),
        effect="allow",
        actions=("connect", "pub"),
        topics=("home/#", "device/+"),
    ),
    Example(
        key="publish-by-prefix-or-suffix",
        label=_("Publish to topics that begin or end with a text"),
        effect="allow",
        actions=("connect", "pub"),
        topics=("home*", "*temperature"),
    ),
    Example(
        key="client-id-holds-username",
        label=_("Connect only if the client ID contains the username"),
        effect="allow",
        actions=("connect",),
        client_id="*${Username}*",
    ),
    Example(
        key="deny-username-root",
        label=_("Refuse usernames that contain “root”"),
        effect="deny",
        actions=("connect",),
        username="*root*",
    ),
    Example(
        key="subscribe-from-a-network",
        label=_("Subscribe only from one network"),
        effect="allow",
        actions=("sub",),
        topics=("#",),
        ip="192.168.1.0/24",
    ),
    Example(
        key="client-id-holds-certificate-name",
        label=_("Client ID matches the name in the client's certificate"),
        effect="allow",
        actions=("connect", "pub", "sub"),
        topics=("home/#",),
        client_id="*${Certificate.Subject.CommonName}*",
        ip="192.168.0.0/16",
    ),
)
EXAMPLE_BY_KEY = {example.key: example for example in EXAMPLES}
