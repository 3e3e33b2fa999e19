"""Checks the patterns of a policy before the runtime ever sees them (CONTRACT Z3, Z4)."""

from __future__ import annotations

import ipaddress
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

VARIABLES = frozenset(
    (
        "Username",
        "ClientId",
        *(
            f"Certificate.Subject.{part}"
            for part in (
                "Country",
                "Organization",
                "OrganizationalUnit",
                "State",
                "CommonName",
                "SerialNumber",
            )
        ),
    )
)
MAX_TOPICS = 50
MAX_TOPIC_BYTES = 1024
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def check_topic_pattern(pattern: str) -> None:
    """Raise ``ValidationError`` for a pattern that could never match."""
    if not pattern or "\0" in pattern or len(pattern.encode()) > MAX_TOPIC_BYTES:
        raise ValidationError(
            _("a topic pattern has 1 to %(most)s bytes and no NUL."),
            params={"most": MAX_TOPIC_BYTES},
        )
    check_variables(pattern)
    levels = pattern.split("/")
    for number, level in enumerate(levels, start=1):
        if "#" in level and (level != "#" or number != len(levels)):
            raise ValidationError(
                _("%(pattern)s: # must be the whole last level."), params={"pattern": pattern[:80]}
            )
        if "+" in level and level != "+":
            raise ValidationError(
                _("%(pattern)s: + must be a whole level."), params={"pattern": pattern[:80]}
            )


def check_variables(pattern: str) -> None:
    """Raise ``ValidationError`` for a ``${…}`` that is not one of the known variables, or not
    closed.
    """
    for name in _VARIABLE.findall(pattern):
        if name not in VARIABLES:
            raise ValidationError(
                _("unknown variable ${%(name)s}; known: %(known)s."),
                params={"name": name[:80], "known": ", ".join(sorted(VARIABLES))},
            )
    if "${" in _VARIABLE.sub("", pattern):
        raise ValidationError(_("a variable is written ${Name}; the closing brace is missing."))


def check_address(text: str) -> None:
    """Raise ``ValidationError`` for what is neither an IP address nor a CIDR."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValidationError(
            _("%(text)s is neither an IP address nor a CIDR such as 192.168.0.0/16."),
            params={"text": text[:64]},
        ) from None
