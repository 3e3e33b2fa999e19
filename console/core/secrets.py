"""Secrets at rest: AES-256-GCM under a key derived from the master key, bound to the row they
belong to.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """The ciphertext does not belong to this row or this installation's key."""


def seal(plain: str, *, row: str) -> bytes:
    """Encrypt; ``row`` names table, row and column (``authn.user:17:password``) and must be given
    again to open.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher().encrypt(nonce, plain.encode(), row.encode())


def unseal(sealed: bytes, *, row: str) -> str:
    """Decrypt what ``seal`` made for the same row; raise ``SecretUnreadable`` for anything else."""
    data = bytes(sealed)
    try:
        return _cipher().decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], row.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable(
            f"The secret of {row} cannot be read: the master key is not the one it was stored with."
        ) from error


def _cipher() -> AESGCM:
    return AESGCM(settings.KEYRING.derive("secrets-at-rest"))
