"""The password file of a standalone node."""

from __future__ import annotations

import hashlib
import hmac
import stat

import pytest

from broker_runtime.auth.hashes import HashInvalid, parse_hash
from broker_runtime.passwords import PasswordFileError, load, set_password, verifier

KEY = "ab" * 32
DIGEST = "cd" * 32
PBKDF2 = (
    "$7$101$FNPJ0syWxH2WpeaV$3wKWZd1npE8f14YRwqBGJfcFYaOuQ03KeGgZMbw1w/jkhmIL0w1Ms44A+qqnvvDjXCOrf"
    "P+fAEpFpkW/39NWwg=="
)
SHA512 = (
    "$6$T3JKRvTG+KtuP4dP$mtKMbXUU3pZgx4MKvmnFfLggpqJifv/0vZ3HAQ692ftU+z7s2n6a6u8GVgub+IwHYR3Y1Pigm"
    "YM6/cTn0BeO8g=="
)
"""Both are ``secret``, as mosquitto_passwd 2.0.11 wrote them."""


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
        ("", "no users"),
        ("sensor:$7$101$c2FsdA==$c2hvcnQ=", "line 1"),
        ("sensor:$5$c2FsdA==$c2hvcnQ=", "line 1"),
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


def test_a_file_of_mosquitto_passwd_is_understood_and_may_be_added_to(tmp_path):
    file = tmp_path / "passwords"
    file.write_text(f"ben:{PBKDF2}\nanna:{SHA512}\n")
    assert [(u.username, u.verifier) for u in load(file).users] == [
        ("ben", PBKDF2),
        ("anna", SHA512),
    ]

    set_password(file, "carl", "three")

    section = load(file)
    assert [u.username for u in section.users] == ["ben", "anna", "carl"]
    assert section.users[2].verifier == verifier(section.verifier_key, "carl", "three")


def test_hashes_of_mosquitto_passwd_match_their_password_and_no_other():
    for text in (PBKDF2, SHA512):
        parsed = parse_hash(text)
        assert parsed.matches(b"secret")
        assert not parsed.matches(b"Secret")
        assert not parsed.matches(b"")


@pytest.mark.parametrize(
    "text",
    [
        *("", "$", "$7$", "$7$$$", "$6$$", "$5$c2FsdA==$eA==", "$7$101$c2FsdA==$eA=="),
        PBKDF2.replace("$101$", "$0$"),
        PBKDF2.replace("$101$", "$-1$"),
        PBKDF2.replace("$101$", "$2000000$"),
        PBKDF2.replace("==", "=*"),
        SHA512.replace("T3JKRvTG+KtuP4dP", ""),
    ],
)
def test_what_is_no_hash_is_refused(text):
    with pytest.raises(HashInvalid):
        parse_hash(text)
