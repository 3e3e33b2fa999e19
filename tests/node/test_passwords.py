"""The password file of a standalone node."""

from __future__ import annotations

import hashlib
import hmac
import stat

import pytest

from broker_runtime.passwords import PasswordFileError, load, set_password, verifier

KEY = "ab" * 32
DIGEST = "cd" * 32


def test_the_verifier_is_the_one_of_the_contract():
    expected = hmac.new(bytes.fromhex(KEY), b"sensor\0secret", hashlib.sha256).hexdigest()

    assert verifier(KEY, "sensor", "secret") == expected


def test_a_user_is_added_and_a_password_changed(tmp_path):
    file = tmp_path / "passwords"
    set_password(file, "sensor", "one")
    set_password(file, "plant:line:1", "two")
    before = load(file)
    set_password(file, "sensor", "three")

    after = load(file)

    assert [user.username for user in after.users] == ["sensor", "plant:line:1"]
    assert after.verifier_key == before.verifier_key
    assert after.users[0].verifier == verifier(after.verifier_key, "sensor", "three")
    assert after.users[1] == before.users[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"three" not in file.read_bytes()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1"),
        ("sensor:" + DIGEST, "line 1"),
        (f"key:{KEY[:-1]}\nsensor:{DIGEST}", "line 1"),
        (f"key:{KEY}\n", "no users"),
        (f"key:{KEY}\nsensor:plain", "line 2"),
        (f"key:{KEY}\nsensor:{DIGEST}\n\n:{DIGEST}", "line 4"),
        (f"key:{KEY}\nsensor:{DIGEST}\nsensor:{DIGEST}", "twice"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_never_skipped(tmp_path, content, words):
    file = tmp_path / "passwords"
    file.write_text(content)

    with pytest.raises(PasswordFileError, match=words):
        load(file)


def test_what_is_no_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    for name in ("binary", "nowhere"):
        with pytest.raises(PasswordFileError, match=name):
            load(tmp_path / name)


@pytest.mark.parametrize("username", ["", "a\nb", "a\0b", "x" * 65_536])
def test_a_name_that_cannot_be_a_line_is_refused(tmp_path, username):
    with pytest.raises(PasswordFileError):
        set_password(tmp_path / "passwords", username, "secret")
