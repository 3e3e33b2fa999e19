"""Secrets at rest: bound to their row, to this installation, and to every bit."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.secrets import SecretUnreadable, seal, unseal
from console.keyring import Keyring

ROW = "authn.user:17:password"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_what_was_sealed_is_unsealed(plain: str) -> None:
    assert unseal(seal(plain, row=ROW), row=ROW) == plain


def test_the_stored_bytes_do_not_hold_the_secret() -> None:
    """SECURITY C12."""
    assert b"correct horse" not in seal("correct horse", row=ROW)


def test_equal_secrets_look_different() -> None:
    assert seal("same", row=ROW) != seal("same", row=ROW)


def test_a_secret_moved_to_another_row_is_unreadable() -> None:
    with pytest.raises(SecretUnreadable, match="user:18"):
        unseal(seal("secret", row=ROW), row="authn.user:18:password")


def test_a_changed_bit_anywhere_makes_it_unreadable() -> None:
    sealed = seal("secret", row=ROW)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SecretUnreadable):
            unseal(bytes(changed), row=ROW)


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_cut_secret_is_unreadable(length: int) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(seal("secret", row=ROW)[:length], row=ROW)


def test_another_master_key_does_not_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    sealed = seal("secret", row=ROW)
    other = dataclasses.replace(settings.KEYRING, master=bytes(32))
    assert isinstance(other, Keyring)
    monkeypatch.setattr(settings, "KEYRING", other)
    with pytest.raises(SecretUnreadable, match="master key"):
        unseal(sealed, row=ROW)
