"""Every client library talks through our node to every other, at both versions of the protocol."""

from __future__ import annotations

import itertools
import uuid

import pytest

from tests.clients.device import Call, Got, Library
from tests.clients.with_aiomqtt import Aiomqtt
from tests.clients.with_gmqtt import Gmqtt
from tests.clients.with_mosquitto import Mosquitto
from tests.clients.with_paho import Paho

LIBRARIES: tuple[Library, ...] = (Paho(), Aiomqtt(), Gmqtt(), Mosquitto())
PAIRS = tuple(itertools.product(LIBRARIES, repeat=2))
VERSIONS = (4, 5)
TAGS = (("site", "a"), ("site", "b"), ("unit", "C"))
pytestmark = [
    pytest.mark.xdist_group("clients"),
    pytest.mark.needs("mosquitto_sub"),
    pytest.mark.needs("mosquitto_pub"),
]


def _name(value: object) -> str:
    return str(getattr(value, "name", value))


@pytest.fixture
def topic() -> str:
    """A topic that no other test of the module uses."""
    return f"cross/{uuid.uuid4().hex}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("sender", "receiver"), PAIRS, ids=_name)
async def test_a_message_of_each_qos_arrives_as_it_was_sent(
    sender: Library, receiver: Library, version: int, port: int, topic: str
) -> None:
    listening = await receiver.open(Call(port, version, subscribe=f"{topic}/#"))
    sending = await sender.open(Call(port, version))
    for qos in (0, 1, 2):
        await sending.publish(f"{topic}/{qos}", f"message {qos}".encode(), qos=qos)
        got = await listening.inbox.next()
        assert got == Got(f"{topic}/{qos}", f"message {qos}".encode(), qos, retain=False)
    await sending.close()
    await listening.close()


@pytest.mark.parametrize(("sender", "receiver"), PAIRS, ids=_name)
async def test_user_properties_arrive_in_order_and_repeated(
    sender: Library, receiver: Library, port: int, topic: str
) -> None:
    listening = await receiver.open(Call(port, 5, subscribe=topic))
    sending = await sender.open(Call(port, 5))
    await sending.publish(topic, b"tagged", qos=1, user_properties=TAGS)
    assert (await listening.inbox.next()).user_properties == TAGS
    await sending.close()
    await listening.close()


@pytest.mark.parametrize(("sender", "receiver"), ((4, 5), (5, 4)))
@pytest.mark.parametrize("library", LIBRARIES, ids=_name)
async def test_the_versions_of_the_protocol_understand_each_other(
    library: Library, sender: int, receiver: int, port: int, topic: str
) -> None:
    listening = await library.open(Call(port, receiver, subscribe=topic))
    sending = await library.open(Call(port, sender))
    await sending.publish(topic, b"across", qos=2)
    assert await listening.inbox.next() == Got(topic, b"across", 2, retain=False)
    await sending.close()
    await listening.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", LIBRARIES, ids=_name)
async def test_a_retained_message_waits_for_the_next_subscriber(
    library: Library, version: int, port: int, topic: str
) -> None:
    sending = await library.open(Call(port, version))
    await sending.publish(topic, b"kept", qos=1, retain=True)
    listening = await library.open(Call(port, version, subscribe=topic))
    assert await listening.inbox.next() == Got(topic, b"kept", 1, retain=True)
    await sending.close()
    await listening.close()


@pytest.mark.parametrize("qos", (1, 2))
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", LIBRARIES, ids=_name)
async def test_a_session_keeps_what_comes_while_its_client_is_away(
    library: Library, version: int, qos: int, port: int, topic: str
) -> None:
    call = Call(port, version, session=f"sleeper-{uuid.uuid4().hex[:8]}", subscribe=topic)
    await (await library.open(call)).close()
    sending = await Paho().open(Call(port, version))
    for number in range(20):
        await sending.publish(topic, str(number).encode(), qos=qos)
    await sending.close()
    awake = await library.open(call)
    assert [(await awake.inbox.next()).payload for _ in range(20)] == [
        str(number).encode() for number in range(20)
    ]
    await awake.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", (Paho(), Gmqtt(), Mosquitto()), ids=_name)
async def test_the_will_of_a_client_that_vanishes_is_published(
    library: Library, version: int, port: int, topic: str
) -> None:
    listening = await Paho().open(Call(port, version, subscribe=f"{topic}/will"))
    doomed = await library.open(
        Call(port, version, subscribe=topic, will=(f"{topic}/will", b"gone"))
    )
    await doomed.vanish()
    assert (await listening.inbox.next()).payload == b"gone"
    await listening.close()
