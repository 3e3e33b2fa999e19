"""Random names of accounts' things: uins, SecretIds and SecretKeys."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_uin() -> str:
    """Twelve digits; the table's unique column refuses the one in 10¹¹ that is taken."""
    return str(secrets.randbelow(9 * 10**11) + 10**11)


def new_secret_id() -> str:
    """``AKID`` and 32 letters and digits, the form that the SDKs' users know."""
    return "AKID" + _letters(32)


def new_secret_key() -> str:
    """40 letters and digits: 238 random bits."""
    return _letters(40)


def new_password() -> str:
    """24 letters and digits: 142 random bits."""
    return _letters(24)


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
