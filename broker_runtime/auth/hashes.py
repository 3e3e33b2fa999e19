"""Salted password hashes in the form of ``mosquitto_passwd``: ``$7$…`` and ``$6$…``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

MAX_ITERATIONS = 1_000_000
QUICK_ITERATIONS = 1_000
"""Up to here a check takes less than a millisecond, so that it need not leave the event loop."""
_DIGEST_BYTES = 64
_MAX_SALT_BYTES = 64


class HashInvalid(ValueError):
    """The text is no such hash."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of a password.

    ``$7$<iterations>$<salt>$<digest>`` is PBKDF2 with HMAC-SHA512, ``$6$<salt>$<digest>`` one
    SHA-512 over password and salt (``iterations`` 0); salt and digest are base64.
    """

    iterations: int
    salt: bytes
    digest: bytes

    def matches(self, password: bytes) -> bool:
        """Whether it is the hash of this password; takes as long as the iterations ask for."""
        if self.iterations:
            shown = hashlib.pbkdf2_hmac("sha512", password, self.salt, self.iterations)
        else:
            shown = hashlib.sha512(password + self.salt).digest()
        return hmac.compare_digest(shown, self.digest)

    @property
    def is_quick(self) -> bool:
        """Whether the check may be made on the event loop."""
        return self.iterations <= QUICK_ITERATIONS


def parse_hash(text: str) -> PasswordHash:
    """Raises ``HashInvalid``; the message does not show the text."""
    fields = text.split("$")
    try:
        if fields[:2] == ["", "7"] and len(fields) == 5 and fields[2].isdecimal():
            iterations, salt, digest = int(fields[2][:9]), fields[3], fields[4]
        elif fields[:2] == ["", "6"] and len(fields) == 4:
            iterations, salt, digest = 0, fields[2], fields[3]
        else:
            raise HashInvalid("$7$ITERATIONS$SALT$DIGEST or $6$SALT$DIGEST expected")
        parsed = PasswordHash(
            iterations,
            base64.b64decode(salt, validate=True),
            base64.b64decode(digest, validate=True),
        )
    except binascii.Error:
        raise HashInvalid("salt and digest are not base64") from None
    if len(parsed.digest) != _DIGEST_BYTES or not 0 < len(parsed.salt) <= _MAX_SALT_BYTES:
        raise HashInvalid("salt or digest is not of the right length")
    if parsed.iterations > MAX_ITERATIONS or (fields[1] == "7" and not parsed.iterations):
        raise HashInvalid(f"1 to {MAX_ITERATIONS} iterations expected")
    return parsed
