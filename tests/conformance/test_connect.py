"""CONNECT and CONNACK, who may come in, and keep-alive."""

from __future__ import annotations

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage
from tests.conformance.test_packets import connect, framed, text

BOTH = pytest.mark.parametrize("version", [4, 5])


def packet(version, **fields):
    values = {"client_id": "c", "clean_start": True, "keep_alive_s": 0, **fields}
    return encode(p.Connect(protocol_version=version, **values), version)


# -- the first packet ----------------------------------------------------------------------------


@BOTH
async def test_anything_before_connect_ends_the_connection__P01(stage, version):
    """[MQTT-3.1.0-1] [MQTT3-3.1.0-1] [MQTT-3.14.0-1] [MQTT-3.2.0-1] [MQTT3-3.2.0-1]"""
    for first in (p.PingReq(), p.Publish(topic="a", payload=b""), p.Disconnect()):
        peer = stage.connection(version=version)
        await peer.send(first)
        assert not peer.is_open
        assert peer.take() == []


@BOTH
async def test_a_second_connect_ends_the_connection__P02(stage, version):
    """[MQTT-3.1.0-2] [MQTT3-3.1.0-2] [MQTT-3.2.0-2]"""
    peer = await stage.client("c", version=version)
    await peer.raw(packet(version))
    assert not peer.is_open
    assert peer.take(p.ConnAck) == []
    assert peer.goodbye() == (R.PROTOCOL_ERROR if version == 5 else None)


async def test_another_protocol_name_ends_the_connection_without_a_word(stage):
    """[MQTT-3.1.2-1] [MQTT3-3.1.2-1]"""
    for name in (b"MQTTX", b"mqtt", b"", b"HTTP"):
        peer = stage.connection()
        await peer.raw(framed(0x10, text(name) + b"\x04\x02\x00\x00" + text(b"c")))
        assert not peer.is_open
        assert peer.take() == []


@pytest.mark.parametrize(("level", "answer"), [(1, 1), (2, 1), (6, 0x84), (127, 0x84)])
async def test_another_protocol_level_is_answered_in_its_own_words__P25(stage, level, answer):
    """[MQTT-3.1.2-2] [MQTT3-3.1.2-2]"""
    peer = stage.connection(version=5 if answer == 0x84 else 4)
    await peer.raw(framed(0x10, text(b"MQTT") + bytes((level, 2, 0, 0)) + text(b"c")))
    assert [x.reason for x in peer.take(p.ConnAck)] == [answer]
    assert not peer.is_open


# -- flags and payload ---------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (0x03, "reserved"),
        (0x0A, "a will QoS without a will"),
        (0x22, "will retain without a will"),
        (0x1E, "will QoS 3"),
    ],
)
async def test_contradictory_flags_end_the_connection__P24(stage, version, flags, what):
    """[MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] [MQTT-3.1.4-1]
    [MQTT3-3.1.2-3] [MQTT3-3.1.2-11] [MQTT3-3.1.2-13] [MQTT3-3.1.2-14] [MQTT3-3.1.2-15]
    [MQTT3-3.1.4-1] [MQTT3-3.2.2-6]"""
    none = b"\x00" if version == 5 else b""
    rest = none + text(b"w") + text(b"") if flags & 4 else b""
    peer = stage.connection(version=version)
    await peer.raw(connect(version, flags=flags, rest=rest))
    assert not peer.is_open, what
    assert [x.reason for x in peer.take()] == ([R.MALFORMED_PACKET] if version == 5 else [])


@BOTH
@pytest.mark.parametrize(
    ("flags", "rest"),
    [
        (0x82, b""),
        (0xC2, text(b"user")),
        (0x02, text(b"user")),
        (0x82, text(b"user") + text(b"password")),
        (0x06, b""),
        (0x02, text(b"w") + text(b"")),
    ],
)
async def test_fields_are_there_as_their_flags_say(stage, version, flags, rest):
    """[MQTT-3.1.2-9] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19]
    [MQTT-3.1.3-1] [MQTT-3.1.3-3] [MQTT3-3.1.2-9] [MQTT3-3.1.2-11] [MQTT3-3.1.2-18]
    [MQTT3-3.1.2-19] [MQTT3-3.1.2-20] [MQTT3-3.1.2-21] [MQTT3-3.1.3-1] [MQTT3-3.1.3-3]"""
    peer = stage.connection(version=version)
    await peer.raw(connect(version, flags=flags, rest=rest))
    assert not peer.is_open


@BOTH
async def test_a_password_without_a_user_name_is_for_mqtt_5(stage, version):
    """[MQTT3-3.1.2-22]"""
    peer = stage.connection(version=version)
    await peer.raw(connect(version, flags=0x42, rest=text(b"token")))
    assert peer.is_open == (version == 5)


# -- the client identifier -----------------------------------------------------------------------


@BOTH
async def test_letters_and_digits_are_a_client_identifier(stage, version):
    """[MQTT-3.1.3-5] [MQTT3-3.1.3-5] [MQTT-3.1.4-5] [MQTT3-3.1.4-4]"""
    for client_id in ("a", "Z9", "abcdefghijklmnopqrstuvw"):
        peer = stage.connection(version=version)
        assert (await peer.connect(client_id)).reason == 0
        assert stage.get_client(client_id).connected


@BOTH
async def test_an_empty_client_identifier_is_replaced__S20(stage, version):
    """[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT3-3.1.3-6]"""
    names = set()
    for _ in range(3):
        peer = stage.connection(version=version)
        answer = await peer.connect("")
        assert answer.reason == 0
        session = peer.protocol.owner
        assert answer.properties.assigned_client_id == (session.client_id if version == 5 else None)
        names.add(session.client_id)
    assert len(names) == 3


async def test_an_empty_client_identifier_needs_a_clean_session__S20(stage):
    """[MQTT3-3.1.3-8] [MQTT3-3.1.3-9] [MQTT3-3.2.2-4] [MQTT3-3.2.2-5]"""
    peer = stage.connection(version=4)
    answer = await peer.connect("", clean=False)
    assert (answer.reason, answer.session_present) == (2, False)
    assert not peer.is_open


@BOTH
async def test_a_client_identifier_that_is_too_long_is_refused__S19(stage, version):
    """[MQTT-3.1.3-8] [MQTT3-3.1.3-9] [MQTT-3.2.2-8]"""
    peer = stage.connection(version=version)
    answer = await peer.connect("c" * 2_000)
    assert answer.reason == (R.CLIENT_IDENTIFIER_NOT_VALID if version == 5 else 2)
    assert not peer.is_open


@BOTH
async def test_the_older_connection_of_a_client_identifier_ends__S1(stage, version):
    """[MQTT-3.1.4-3] [MQTT3-3.1.4-2] [MQTT-3.1.3-2] [MQTT3-3.1.3-2] [MQTT-3.14.4-1]
    [MQTT-3.14.4-2]"""
    older = await stage.client("c", version=version)
    other = await stage.client("d", version=version)
    newer = await stage.client("c", version=version)
    assert not older.is_open
    assert newer.is_open
    assert other.is_open
    received = older.take()
    assert [type(x) for x in received] == ([p.Disconnect] if version == 5 else [])
    assert version == 4 or received[0].reason == R.SESSION_TAKEN_OVER


# -- refusing ------------------------------------------------------------------------------------


@BOTH
async def test_what_follows_a_refused_connect_is_not_handled(stage, version):
    """[MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-4.13.2-1]
    [MQTT3-3.1.4-5] [MQTT3-3.2.2-4] [MQTT3-3.2.2-5]"""
    watcher = await stage.client("watcher")
    await watcher.subscribe("#")
    stage.set(cluster=stage.cluster(max_connections=1))
    peer = stage.connection(version=version)
    await peer.raw(
        packet(version, clean_start=False) + encode(p.Publish(topic="a", payload=b"x"), version)
    )
    (answer,) = peer.take()
    assert (answer.reason, answer.session_present) == (
        R.QUOTA_EXCEEDED if version == 5 else 3,
        False,
    )
    assert not peer.is_open
    assert watcher.messages() == []


async def test_where_no_return_code_fits_there_is_no_connack():
    """[MQTT3-3.2.2-6]"""
    settings = BrokerSettings(allow_anonymous=True, without_retained=True)
    stage = await Stage(settings=settings).start()
    will = p.Will(topic="w", payload=b"", qos=0, retain=True)
    peer = stage.connection(version=4)
    assert await peer.connect("c", will=will) is None
    assert not peer.is_open
    await stage.stop()


async def test_an_authentication_method_is_refused__A30(stage):
    """[MQTT-4.12.0-1]"""
    peer = stage.connection(version=5)
    properties = p.Properties(authentication_method="SCRAM-SHA-256", authentication_data=b"x")
    answer = await peer.connect("c", properties=properties)
    assert answer.reason == R.BAD_AUTHENTICATION_METHOD
    assert not peer.is_open


async def test_without_a_method_there_is_no_authentication_exchange__A30(stage):
    """[MQTT-4.12.0-6]"""
    peer = stage.connection(version=5)
    answer = await peer.connect("c")
    assert answer.properties.authentication_method is None
    assert peer.take(p.Auth) == []
    properties = p.Properties(authentication_method="SCRAM-SHA-256")
    await peer.send(p.Auth(reason=0x19, properties=properties))
    assert peer.goodbye() == R.PROTOCOL_ERROR


# -- session present -----------------------------------------------------------------------------


@BOTH
async def test_session_present_says_whether_there_was_one(stage, version):
    """[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT3-3.2.2-1] [MQTT3-3.2.2-2]
    [MQTT3-3.2.2-3] [MQTT-3.1.4-4] [MQTT3-3.1.4-3]"""
    keep = p.Properties(session_expiry_s=60 if version == 5 else None)
    seen = []
    for clean in (False, False, True, False):
        peer = await stage.client("c", version=version, clean=clean, properties=keep)
        seen.append(peer.session_present)
        if clean and version == 5:
            await peer.send(p.Disconnect(properties=p.Properties(session_expiry_s=0)))
        await peer.vanish()
    assert seen == [False, True, False, False]


# -- keep-alive ----------------------------------------------------------------------------------


@BOTH
async def test_a_silent_client_is_cut_off_after_one_and_a_half_keep_alives__S18(stage, version):
    """[MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT3-3.1.2-24]"""
    will = p.Will(topic="w", payload=b"gone", qos=0, retain=False)
    watcher = await stage.client("watcher")
    await watcher.subscribe("w")
    peer = await stage.client("c", version=version, keep_alive=10, will=will)
    await stage.pass_time(14)
    assert peer.is_open
    await peer.send(p.PingReq())
    await stage.pass_time(14)
    assert peer.is_open
    await stage.pass_time(2)
    assert not peer.is_open
    assert peer.goodbye() == (R.KEEP_ALIVE_TIMEOUT if version == 5 else None)
    assert watcher.messages() == [("w", b"gone", 0)], "as if the network had failed"


@BOTH
async def test_a_ping_is_answered(stage, version):
    """[MQTT-3.12.4-1] [MQTT3-3.12.4-1]"""
    peer = await stage.client("c", version=version)
    await peer.send(p.PingReq(), p.PingReq())
    assert len(peer.take(p.PingResp)) == 2
