"""``manage.py act``: the same answers as the API, from the command line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.models import AuditEntry
from tests.api.caller import caller_for

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def act(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and what stands under ``Response``."""
    output = io.StringIO()
    try:
        call_command("act", *arguments, stdout=output)
        status = 0
    except SystemExit as end:
        status = int(str(end.code))
    return status, json.loads(output.getvalue())["Response"]


def test_an_action_is_done_as_the_owner(owner: Actor, outsider: Actor) -> None:
    status, response = act("CreateSubUser", '{"Username": "ada"}')
    entry = AuditEntry.objects.get(action="cam:CreateSubUser")
    assert (status, response["Username"]) == (0, "ada")
    assert (entry.actor_name, entry.entrance, entry.request_id) == (
        "owner",
        "cli",
        response["RequestId"],
    )


def test_parameters_may_be_left_out(owner: Actor, nobody: Actor) -> None:
    assert act("DescribeSubUsers")[1]["TotalCount"] == 1


def test_parameters_may_come_on_the_standard_input(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a password shows in no list of processes."""
    given = '{"Username": "ada", "Password": "correct horse battery"}'
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    assert act("CreateSubUser", "-")[0] == 0


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("CreateSubUser", {"Username": "x"}),
        ("CreateSubUser", {"Nmae": "x"}),
        ("DeleteSubUser", {"Username": "unknown"}),
        ("CreateTopic", {"InstanceId": "mqtt-unknown1", "Topic": "home"}),
        ("CreateOwner", {}),
        ("NoSuchAction", {}),
    ],
)
def test_a_refusal_is_the_one_of_the_api_with_exit_code_1(
    owner: Actor, action: str, parameters: dict[str, Any]
) -> None:
    """Every refusal looks the same in page, API and command line."""
    status, response = act(action, json.dumps(parameters))
    assert status == 1
    assert response["Error"] == caller_for(owner).call(action, **parameters)["Error"]


def test_another_user_acts_with_its_own_rights(reader: Actor, running_cluster: Cluster) -> None:
    named = json.dumps({"InstanceId": running_cluster.public_id, "Topic": "home"})
    status, response = act("CreateTopic", named, "--as", "reader")
    assert (status, response["Error"]["Code"]) == (1, "UnauthorizedOperation")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"a": 1, "a": 2}'])
def test_parameters_that_cannot_be_read_are_refused(owner: Actor, text: str) -> None:
    status, response = act("DescribeSubUsers", text)
    assert (status, response["Error"]["Code"]) == (1, "InvalidParameter")


@pytest.mark.parametrize(
    ("arguments", "words"), [((), "first_start"), (("--as", "no-such-user"), "'no-such-user'")]
)
def test_without_a_user_nothing_is_tried(db: None, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        act("DescribeSubUsers", *arguments)
    assert caught.value.returncode == 2
