"""What the supervisor makes of the command that prepares the database and the owner."""

from __future__ import annotations

import os

import pytest

from console.supervisor.first_start import FirstStartFailed, Owner, run_first_start
from console.supervisor.leash import make_leash


@pytest.fixture
def first_start(tmp_path):
    """Run a ``manage.py`` with the given body."""

    async def run(body):
        (tmp_path / "manage.py").write_text(f"import json, sys\n{body}\n")
        return await run_first_start(
            folder=tmp_path,
            variables=os.environ,
            leash=make_leash(),
            log_path=tmp_path / "first_start.log",
        )

    return run


async def test_a_generated_password_is_returned(first_start):
    line = '{"event": "owner_created", "username": "owner", "password": "s3cret"}'
    assert await first_start(f"print('hello'); print({line!r})") == Owner("owner", "s3cret")


async def test_a_chosen_password_is_not_repeated(first_start):
    line = '{"event": "owner_created", "username": "owner", "password": null}'
    assert await first_start(f"print({line!r})") == Owner("owner", "")


async def test_a_later_start_makes_no_owner(first_start):
    assert await first_start("print(json.dumps({'event': 'migrated', 'applied': 0}))") is None


async def test_a_refusal_is_told_in_its_own_words(first_start):
    body = "print(json.dumps({'event': 'refused', 'message': 'Too short.'})); sys.exit(1)"
    with pytest.raises(FirstStartFailed, match=r"^Too short\.$"):
        await first_start(body)


async def test_a_crash_is_told_by_its_last_line_and_logged_whole(first_start, tmp_path):
    with pytest.raises(FirstStartFailed, match="ZeroDivisionError"):
        await first_start("1 / 0")
    assert "Traceback" in (tmp_path / "first_start.log").read_text()


async def test_the_password_is_in_no_log_and_in_no_representation(first_start, tmp_path):
    line = '{"event": "owner_created", "username": "owner", "password": "s3cret"}'
    owner = await first_start(f"print({line!r}); print('migrating', file=sys.stderr)")
    assert "s3cret" not in (tmp_path / "first_start.log").read_text()
    assert "s3cret" not in repr(owner)
