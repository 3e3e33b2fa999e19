"""``manage.py first_start``: the database and the owner, made once."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from console.accounts.credentials import find_credential
from console.accounts.models import ApiKey, User
from console.core.models import AuditEntry
from tests.cast import acting, browser_of, make_owner

pytestmark = pytest.mark.database

PASSWORD = "correct horse battery"
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets what the environment says: ``environment(owner_password=...)``."""

    def change(**values: Any) -> None:
        changed = dataclasses.replace(settings.ENVIRONMENT, home=tmp_path, **values)
        monkeypatch.setattr(settings, "ENVIRONMENT", changed)

    change()
    return change


def first_start(*arguments: str) -> tuple[int, list[dict[str, str]]]:
    output = io.StringIO()
    try:
        call_command("first_start", *arguments, stdout=output)
        status = 0
    except SystemExit as end:
        status = int(str(end.code))
    return status, [json.loads(line) for line in output.getvalue().splitlines()]


def test_the_first_start_makes_an_owner_with_a_password_that_is_told_once(environment: Any) -> None:
    status, lines = first_start()
    owner = User.objects.get()
    assert status == 0
    assert [line["event"] for line in lines] == ["owner_created"]
    assert lines[0]["username"] == owner.username == "owner"
    assert owner.is_owner
    assert re.fullmatch(r"[A-Za-z0-9]{24}", lines[0]["password"])
    assert owner.check_password(lines[0]["password"])
    assert first_start() == (0, [])


def test_the_owner_is_audited_without_the_password(environment: Any) -> None:
    password = first_start()[1][0]["password"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome) == ("cam:CreateOwner", "done")
    assert password not in str(vars(entry))


def test_a_chosen_password_is_never_printed(environment: Any) -> None:
    environment(owner_password=PASSWORD)
    _status, lines = first_start()
    assert lines == [{"event": "owner_created", "username": "owner", "password": ""}]
    assert User.objects.get().check_password(PASSWORD)


def test_the_first_api_key_comes_from_the_environment(environment: Any) -> None:
    environment(api_secret_id="AKIDfirst", api_secret_key="0123456789abcdef")
    _status, lines = first_start()
    assert lines[1] == {"event": "api_key_created", "secret_id": "AKIDfirst"}
    found = find_credential("AKIDfirst")
    assert found
    assert found[1] == "0123456789abcdef"
    assert "0123456789abcdef" not in str(lines)


def test_a_later_start_changes_nothing_of_the_owner(environment: Any) -> None:
    """A deleted key, perhaps a stolen one, does not come back."""
    environment(owner_password=PASSWORD, api_secret_id="AKIDx", api_secret_key="0" * 16)
    first_start()
    ApiKey.objects.all().delete()
    environment(owner_password=PASSWORD + "2", api_secret_id="AKIDx", api_secret_key="0" * 16)
    assert first_start() == (0, [])
    assert not ApiKey.objects.exists()
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"owner_password": "short"}, "SIGNALBOX_OWNER_PASSWORD: .*12 characters"),
        ({"owner_password": "password1234"}, "SIGNALBOX_OWNER_PASSWORD: .*common"),
        ({"api_secret_id": "AKIDx"}, "set both or none"),
        ({"api_secret_key": "0" * 16}, "set both or none"),
        ({"api_secret_id": "AKID/x", "api_secret_key": "0" * 16}, "letters"),
        ({"api_secret_id": "ä", "api_secret_key": "0" * 16}, "letters"),
        ({"api_secret_id": "x" * 65, "api_secret_key": "0" * 16}, "64"),
        ({"api_secret_id": "x", "api_secret_key": "0" * 15}, "16 to 128"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_variable_and_nobody_is_made(
    environment: Any, values: dict[str, str], words: str
) -> None:
    environment(**values)
    status, lines = first_start()
    assert status == 1
    assert lines[0]["event"] == "refused"
    assert re.search(words, lines[0]["message"])
    assert not User.objects.exists()


def test_a_database_that_is_away_is_refused_with_the_variable(
    environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("connection refused\n")

    monkeypatch.setattr(MigrationExecutor, "__init__", refuse)
    status, (line,) = first_start()
    assert status == 1
    assert line["event"] == "refused"
    assert re.fullmatch(r".*: connection refused\n  DATABASE_URL says .*", line["message"])


def test_who_holds_the_machine_gives_a_lost_password_anew(environment: Any) -> None:
    owner = make_owner()
    browser = browser_of(acting(owner))
    status, lines = first_start("--new-password")
    owner.refresh_from_db()
    assert (status, lines[0]["event"]) == (0, "password_reset")
    assert owner.check_password(lines[0]["password"])
    assert browser.get("/account/keys/").status_code == 302


def test_two_first_starts_at_once_make_one_database_and_one_owner(tmp_path: Path) -> None:
    """Real processes, a real empty home."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DATABASE")},
        "SIGNALBOX_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "console.settings",
    }
    starts = [
        subprocess.Popen(
            [sys.executable, "manage.py", "first_start"],
            cwd=PROJECT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _start in range(2)
    ]
    outputs = [start.communicate(timeout=100) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], outputs
    lines = [json.loads(line) for output, _error in outputs for line in output.splitlines()]
    assert [line["event"] for line in lines] == ["owner_created"]
    assert (tmp_path / "home" / "console.sqlite3").exists()
