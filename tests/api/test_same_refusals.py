"""The same wish through page, API and command line: refused with the same code, nothing written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from clusters.models import Cluster
from console.core.actors import Actor
from tests.api.caller import caller_for
from tests.cast import browser_of, make_cluster, user_of
from topics.models import Topic

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db,
    pytest.mark.usefixtures("empty_cache"),
]


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants a topic in a cluster."""

    who: Actor
    cluster: Cluster
    topic: str


def by_page(wish: Wish) -> str:
    """Send the form; whether the page that comes back names this code is asked for each code."""
    address = f"/clusters/{wish.cluster.public_id}/create-topic/"
    answer = browser_of(wish.who).post(address, {"topic": wish.topic})
    shown = answer.content.decode()
    assert answer.status_code in (403, 404, 422), shown
    return next(code for code in CODES if f">{code}" in shown)


def by_api(wish: Wish) -> str:
    """Call with a key of the person's own."""
    return str(caller_for(wish.who).call("CreateTopic", **_parameters(wish))["Error"]["Code"])


def by_command_line(wish: Wish) -> str:
    """``manage.py act --as``."""
    output = io.StringIO()
    arguments = ("CreateTopic", json.dumps(_parameters(wish)), "--as", user_of(wish.who).username)
    with pytest.raises(SystemExit) as end:
        call_command("act", *arguments, stdout=output)
    assert end.value.code == 1
    return str(json.loads(output.getvalue())["Response"]["Error"]["Code"])


def _parameters(wish: Wish) -> dict[str, str]:
    """A name that is left empty on the page is not there at all elsewhere."""
    named = {"Topic": wish.topic} if wish.topic else {}
    return {"InstanceId": wish.cluster.public_id, **named}


@pytest.fixture
def wishes(
    owner: Actor, reader: Actor, running_cluster: Cluster, other_cluster: Cluster
) -> dict[str, Wish]:
    """What cannot be granted, by the code that says why."""
    Topic.objects.create(cluster=running_cluster, name="taken")
    young = make_cluster(owner.account_uin, name="young", state=Cluster.State.CREATING)
    return {
        "UnauthorizedOperation": Wish(reader, running_cluster, "home"),
        "ResourceNotFound.Instance": Wish(owner, other_cluster, "home"),
        "MissingParameter": Wish(owner, running_cluster, ""),
        "InvalidParameterValue": Wish(owner, running_cluster, "two words"),
        "UnsupportedOperation.ResourceAlreadyExists": Wish(owner, running_cluster, "taken"),
        "FailedOperation.InstanceNotReady": Wish(owner, young, "home"),
    }


CODES = (
    *("UnauthorizedOperation", "ResourceNotFound.Instance", "MissingParameter"),
    *("InvalidParameterValue", "UnsupportedOperation.ResourceAlreadyExists"),
    "FailedOperation.InstanceNotReady",
)


@pytest.mark.parametrize("ask", [by_page, by_api, by_command_line])
@pytest.mark.parametrize("code", CODES)
def test_a_refusal_has_the_same_code_by_every_entrance(
    wishes: dict[str, Wish], code: str, ask: Callable[[Wish], str]
) -> None:
    assert ask(wishes[code]) == code
    assert Topic.objects.count() == 1
