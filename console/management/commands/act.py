"""``manage.py act``: any action from the command line, by the same form and gate as the API."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from console.accounts.actors import actor_of
from console.accounts.credentials import account_owner
from console.accounts.models import User
from console.api.dispatch import answer, dispatch, refusal
from console.core.errors import ActionError, InvalidParameter
from console.core.strict_json import JsonInvalid, strict_loads

EXIT_REFUSED = 1


class Command(BaseCommand):
    """Perform one action and print the API's answer."""

    help = (
        "Perform an action of the cloud API as the owner, or as another user, and print its answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The action, its parameters, and who acts."""
        parser.add_argument("action", help="its name, for example DescribeInstanceList")
        parser.add_argument(
            "parameters",
            nargs="?",
            default="{}",
            help='a JSON object, for example \'{"InstanceId": "mqtt-..."}\'; "-" reads it from the '
            "standard input, where no other user of the machine sees it",
        )
        parser.add_argument(
            "--as", dest="username", default="", help="user name; default: the owner"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 0 when it was done, 1 when it was refused, 2 when it could not be tried."""
        actor = actor_of(_user(options["username"]), entrance="cli")
        try:
            envelope = answer(
                actor.request_id,
                dispatch(actor, options["action"], _parameters(options["parameters"])),
            )
        except ActionError as error:
            self.stdout.write(_json(refusal(actor.request_id, error)))
            sys.exit(EXIT_REFUSED)
        self.stdout.write(_json(envelope))


def _user(username: str) -> User:
    try:
        user = User.objects.filter(username=username).first() if username else account_owner()
    except DatabaseError as error:
        raise CommandError(
            f"The database of {settings.ENVIRONMENT.home} cannot be read: {error}. Is this the "
            "SIGNALBOX_HOME of the installation, and was it started once (python3 run.py)?",
            returncode=2,
        ) from error
    if user is None:
        nobody = "There is no owner yet; manage.py first_start makes one."
        raise CommandError(f"There is no user {username!r}." if username else nobody, returncode=2)
    return user


def _parameters(text: str) -> dict[str, Any]:
    try:
        parameters = strict_loads(sys.stdin.read() if text == "-" else text)
    except JsonInvalid as error:
        raise InvalidParameter(f"The parameters cannot be read: {error}.") from None
    if not isinstance(parameters, dict):
        raise InvalidParameter("The parameters must be a JSON object.")
    return parameters


def _json(envelope: dict[str, Any]) -> str:
    return json.dumps(envelope, ensure_ascii=False, indent=2)
