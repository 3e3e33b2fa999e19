"""The master key: made once, kept private, never shared between purposes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from console.keyring import Keyring, KeyringInvalid


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALBOX_SECRET_KEY", raising=False)


def test_the_first_start_makes_a_private_key_and_the_second_finds_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Keyring.load(home)
    assert Keyring.load(home) == first
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in home.iterdir()] == ["secret.key"]


def test_starters_at_the_same_time_agree_on_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1, 100))
    monkeypatch.setattr("console.keyring.os.getpid", lambda: next(numbers))
    found: list[Keyring] = []
    threads = [
        threading.Thread(target=lambda: found.append(Keyring.load(tmp_path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({keyring.master for keyring in found}) == 1


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_SECRET_KEY", "ab" * 32)
    assert Keyring.load(tmp_path).master == b"\xab" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "zz", "ab" * 31, "ab" * 33, "ab" * 31 + "a"])
def test_a_damaged_key_is_refused_and_never_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(text)
    with pytest.raises(KeyringInvalid, match=r"secret\.key: expected 64 hex digits.*backup"):
        Keyring.load(tmp_path)
    assert path.read_text() == text


def test_each_purpose_and_each_node_has_its_own_key() -> None:
    keyring = Keyring(bytes(32))
    keys = {
        keyring.derive("a"),
        keyring.derive("a", "b"),
        keyring.derive("a", "b", "c"),
        keyring.derive("a", "bc"),
        bytes.fromhex(keyring.node_token("n0")),
        bytes.fromhex(keyring.node_token("n1")),
        bytes.fromhex(keyring.telemetry_token("n0")),
    }
    assert len(keys) == 7
    assert {len(key) for key in keys} == {32}


def test_the_key_does_not_show_when_it_is_printed() -> None:
    assert "abab" not in repr(Keyring(b"\xab" * 32))
