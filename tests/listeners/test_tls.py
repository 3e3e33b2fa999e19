"""MQTT over TLS: paho-mqtt as the client, the ssl module as the hostile one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings

import pytest

from broker_runtime.contract.configuration import Listener
from tests.listeners.certificates import make
from tests.listeners.stand import Node, device, until

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s"
CONNACK = b"\x20\x02\x00\x00"
CERTIFICATE = make("default")


def tls(kind="tls", **changes):
    return Listener(kind=kind, host="127.0.0.1", port=0, certificate="default", **changes)


@pytest.fixture
async def secure():
    node = await Node(connect_timeout_s=0.5).start()
    await node.listen(tls(), certificates=(CERTIFICATE,))
    yield node
    await node.stop()


def trusting(certificate, minimum=None, maximum=None):
    context = ssl.create_default_context(cadata=certificate.chain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tested
        if minimum is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = minimum
        if maximum is not None:
            context.maximum_version = maximum
    return context


@contextlib.asynccontextmanager
async def connected(node, context):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def say_hello(reader, writer):
    writer.write(CONNECT)
    assert await reader.readexactly(4) == CONNACK


@pytest.mark.parametrize("version", [4, 5])
async def test_the_main_walk_over_tls(secure, version):
    options = {"trusted": CERTIFICATE.chain}
    async with (
        device(secure, "anna", version, **options) as anna,
        device(secure, "ben", version, **options) as ben,
    ):
        await anna.subscribe("a/#", 2)
        for qos in (0, 1, 2):
            await ben.publish("a/b", b"x" * 10, qos)
        big = b"0123456789abcdef" * 150_000
        await ben.publish("a/big", big, 1)
        await until(lambda: len(anna.messages) == 4)
        assert {m[1] for m in anna.messages} == {b"x" * 10, big}
    await until(lambda: not secure.broker.gauges()["connections"])
    assert secure.listeners.counters() == {}


@pytest.mark.parametrize(
    ("version", "works"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
async def test_a27_only_the_configured_versions_negotiate(secure, version, works):
    context = trusting(CERTIFICATE, version, version)
    if works:
        async with connected(secure, context) as (reader, writer):
            assert (
                writer.get_extra_info("ssl_object").version()
                == {
                    ssl.TLSVersion.TLSv1_2: "TLSv1.2",
                    ssl.TLSVersion.TLSv1_3: "TLSv1.3",
                }[version]
            )
            await say_hello(reader, writer)
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(secure, context):
                pass
        await until(lambda: secure.counted("transport_refused_tls_"))
        assert secure.counted("transport_refused_tls_") == {"unsupported_protocol": 1}


async def test_old_versions_work_where_they_are_asked_for(secure):
    await secure.listen(tls(tls_minimum="1.0", tls_maximum="1.1"), certificates=(CERTIFICATE,))
    old = trusting(CERTIFICATE, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    async with connected(secure, old) as (reader, writer):
        await say_hello(reader, writer)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with connected(secure, trusting(CERTIFICATE)):
            pass


async def test_a27_plain_bytes_on_the_tls_port_are_refused_with_a_reason(secure):
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(CONNECT)
    await reader.read()
    writer.close()
    await until(lambda: secure.events)

    assert secure.counted("transport_refused_tls_") == {"wrong_version_number": 1}
    assert secure.events[0].event == "refused"
    assert "TLS handshake: wrong version number" in secure.events[0].reason


async def test_a27_tls_bytes_on_the_plain_port_are_closed(node):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with connected(node, trusting(CERTIFICATE)):
            pass
    await until(lambda: node.broker.counters()["connect_failure"] == 1)


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_p29_silence_in_the_handshake_ends_at_the_connect_timeout(secure, hello):
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(hello)

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await until(lambda: secure.counted("transport_refused_tls_"))
    assert secure.counted("transport_refused_tls_") == {"timeout": 1}


async def test_p29_silence_after_the_handshake_ends_at_the_same_timeout(secure):
    async with connected(secure, trusting(CERTIFICATE)) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    assert secure.events[-1].reason == "no CONNECT within the time allowed"


async def test_handshakes_count_as_connections_without_connect__E1():
    node = await Node(max_handshakes=2).start()
    await node.listen(tls(), certificates=(CERTIFICATE,))
    waiting = [await asyncio.open_connection("127.0.0.1", node.port) for _ in range(2)]
    await until(lambda: len(node.broker._core.open_links) == 2)

    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)

    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    assert node.counted("transport_refused_tls_") == {"not_admitted": 1}
    for _, one in [*waiting, (reader, writer)]:
        one.close()
    await node.stop()


async def test_a_new_certificate_counts_for_new_handshakes_and_disturbs_nobody(secure):
    renewed = make("default")
    port = secure.port
    async with connected(secure, trusting(CERTIFICATE)) as (reader, writer):
        await say_hello(reader, writer)
        listener = tls().__class__(kind="tls", host="127.0.0.1", port=0, certificate="default")
        await secure.listen(listener, certificates=(renewed,))
        assert secure.port == port
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connected(secure, trusting(CERTIFICATE)):
                pass
        async with connected(secure, trusting(renewed)) as (other_reader, other):
            other.write(CONNECT.replace(b"\x01s", b"\x01t"))
            assert await other_reader.readexactly(4) == CONNACK
        writer.write(b"\xc0\x00")
        assert await reader.readexactly(2) == b"\xd0\x00"


async def test_a_close_notify_ends_the_connection(secure):
    async with connected(secure, trusting(CERTIFICATE)) as (reader, writer):
        await say_hello(reader, writer)
    await until(lambda: not secure.broker._core.open_links)


async def test_bytes_that_come_one_by_one_are_put_together(secure):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = trusting(CERTIFICATE)
    client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.get_extra_info("socket").setsockopt(6, 1, 1)

    async def drip():
        for byte in outgoing.read():
            writer.write(bytes([byte]))
            await writer.drain()

    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            await drip()
            incoming.write(await reader.read(4096))
    client.write(CONNECT)
    await drip()
    answer = b""
    while len(answer) < 4:
        try:
            answer += client.read(4)
        except ssl.SSLWantReadError:
            incoming.write(await reader.read(4096))
    assert answer == CONNACK
    writer.close()


async def test_a_broken_record_ends_the_connection_alone(secure):
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    async with connected(secure, trusting(CERTIFICATE)) as (good_reader, good_writer):
        await say_hello(good_reader, good_writer)
        raw = good_writer.transport.get_extra_info("socket")
        assert raw is not None
        writer.write(b"\x16\x03\x01\x00\x05" + b"\xff" * 5)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        good_writer.write(b"\xc0\x00")
        assert await good_reader.readexactly(2) == b"\xd0\x00"
    writer.close()
    await until(lambda: secure.counted("transport_refused_tls_"))
