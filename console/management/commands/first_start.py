"""``manage.py first_start``: brings the database up to date and makes the account's owner, once.

The supervisor runs it before everything else and reads its standard output: JSON lines with an
``event`` (``console.supervisor.first_start``). It may run any number of times, also twice at once.
"""

from __future__ import annotations

import fcntl
import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from console.accounts.credentials import account_owner
from console.accounts.models import User
from console.accounts.numbers import new_password, new_uin
from console.accounts.services.owner import OWNER_NAME, create_owner, reset_owner_password
from console.core.actors import system_actor
from console.environment import Environment

ADVISORY_LOCK = 0x51_67_6E_61_6C
"""Number under which two first starts of one PostgreSQL database wait for each other."""
SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MIN_SECRET_KEY, MAX_SECRET_KEY = 16, 128
EXIT_REFUSED = 1
WHERE_IT_IS = "DATABASE_URL says where it is; without it, console.sqlite3 in SIGNALBOX_HOME."


class Refused(Exception):
    """The environment or the database does not allow it; the message says what to change."""


class Command(BaseCommand):
    """Migrate when needed, make the owner when there is none."""

    help = "Bring the database up to date and make the owner of the account, when there is none."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A way back in for who has lost the owner's password."""
        parser.add_argument(
            "--new-password",
            action="store_true",
            help="also give the owner a new generated password; all its sessions end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was done as JSON lines; exit with 1 and the reason when it was refused."""
        environment: Environment = settings.ENVIRONMENT
        try:
            with _alone(environment.home):
                _migrate()
                owner = account_owner()
                if owner is None:
                    self._create_owner(environment)
                elif options["new_password"]:
                    self._reset_password(owner)
        except Refused as error:
            self._refuse(str(error))
        except DatabaseError as error:
            self._refuse(f"The database cannot be used: {str(error).strip()}\n  {WHERE_IT_IS}")

    def _create_owner(self, environment: Environment) -> None:
        password = environment.owner_password or new_password()
        secret_id, secret_key = environment.api_secret_id, environment.api_secret_key
        _check(environment)
        create_owner(
            system_actor(new_uin()), password=password, secret_id=secret_id, secret_key=secret_key
        )
        generated = "" if environment.owner_password else password
        self._say(event="owner_created", username=OWNER_NAME, password=generated)
        if secret_id:
            self._say(event="api_key_created", secret_id=secret_id)

    def _reset_password(self, owner: User) -> None:
        password = new_password()
        reset_owner_password(system_actor(owner.uin), password=password)
        self._say(event="password_reset", username=owner.username, password=password)

    def _refuse(self, message: str) -> NoReturn:
        self._say(event="refused", message=message)
        sys.exit(EXIT_REFUSED)

    def _say(self, **line: str) -> None:
        self.stdout.write(json.dumps(line))
        self.stdout.flush()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Wait until no other first start of this home, or of this PostgreSQL database, runs."""
    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "first_start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        # Both locks end with what holds them: the file and the connection.
        yield


def _migrate() -> None:
    """Migrate; the plan is looked at first because the command itself takes seconds."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _check(environment: Environment) -> None:
    """Refuse an owner's password or a first API key that pages would refuse, too."""
    if environment.owner_password:
        try:
            validate_password(environment.owner_password, User(username=OWNER_NAME))
        except ValidationError as error:
            raise Refused(f"SIGNALBOX_OWNER_PASSWORD: {' '.join(error.messages)}") from None
    secret_id, secret_key = environment.api_secret_id, environment.api_secret_key
    if bool(secret_id) != bool(secret_key):
        raise Refused("SIGNALBOX_API_SECRET_ID and SIGNALBOX_API_SECRET_KEY: set both or none.")
    if not secret_id:
        return
    if not SECRET_ID.fullmatch(secret_id):
        raise Refused('SIGNALBOX_API_SECRET_ID: 1 to 64 letters, digits, "-" and "_".')
    if not MIN_SECRET_KEY <= len(secret_key) <= MAX_SECRET_KEY:
        raise Refused(f"SIGNALBOX_API_SECRET_KEY: {MIN_SECRET_KEY} to {MAX_SECRET_KEY} characters.")
