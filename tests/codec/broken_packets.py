"""What a peer must not send, and the reason that must come of it (SECURITY group P)."""

from __future__ import annotations

from dataclasses import dataclass

from broker_runtime.codec.reasons import ReasonCode

MALFORMED = ReasonCode.MALFORMED_PACKET
PROTOCOL = ReasonCode.PROTOCOL_ERROR


@dataclass(frozen=True)
class Broken:
    """Bytes of a whole packet and what is wrong with them."""

    name: str
    version: int
    raw: bytes
    reason: ReasonCode
    from_server: bool = False
    reply_version: int = 0


def connect(flags: int, rest: bytes, version: int = 5, properties: bytes = b"\x00") -> bytes:
    """A CONNECT with these flags and everything behind the keep-alive."""
    body = b"\x00\x04MQTT" + bytes((version, flags)) + b"\x00\x3c"
    body += (properties if version == 5 else b"") + rest
    return bytes((0x10, len(body))) + body


def hello(name: bytes, level: int) -> bytes:
    """A CONNECT with another protocol name or level."""
    body = len(name).to_bytes(2, "big") + name + bytes((level, 2)) + b"\x00\x3c\x00\x01c"
    return bytes((0x10, len(body))) + body


def publish5(properties: bytes, topic: bytes = b"\x00\x01a") -> bytes:
    """A PUBLISH of MQTT 5 at QoS 0 with these properties."""
    body = topic + bytes((len(properties),)) + properties
    return bytes((0x30, len(body))) + body


def publish4(topic: bytes) -> bytes:
    """A PUBLISH of 3.1.1 at QoS 0 with these bytes as topic."""
    return bytes((0x30, len(topic) + 2)) + len(topic).to_bytes(2, "big") + topic


BROKEN: list[Broken] = [
    # P03, P04: lengths are proved in test_framing
    Broken("P06 SUBSCRIBE with flags 0", 4, b"\x80\x06\x00\x01\x00\x01a\x00", MALFORMED),
    Broken("P06 PUBREL with flags 0", 4, b"\x60\x02\x00\x01", MALFORMED),
    Broken("P06 PINGREQ with flags 1", 4, b"\xc1\x00", MALFORMED),
    Broken("P06 UNSUBSCRIBE with flags 0", 5, b"\xa0\x06\x00\x01\x00\x00\x01a", MALFORMED),
    Broken(
        "P06 CONNECT with flags 1", 4, b"\x11\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", MALFORMED
    ),
    Broken("P06 PUBREL with DUP after 3.1", 4, b"\x6a\x02\x00\x01", MALFORMED),
    Broken("P07 PUBLISH with QoS 3", 4, b"\x36\x05\x00\x01a\x00\x01", MALFORMED),
    Broken("P08 PUBLISH at QoS 0 with DUP", 4, b"\x38\x03\x00\x01a", MALFORMED),
    Broken("P09 CONNACK from a client", 4, b"\x20\x02\x00\x00", PROTOCOL),
    Broken("P09 SUBACK from a client", 4, b"\x90\x03\x00\x01\x00", PROTOCOL),
    Broken("P09 UNSUBACK from a client", 4, b"\xb0\x02\x00\x01", PROTOCOL),
    Broken("P09 PINGRESP from a client", 4, b"\xd0\x00", PROTOCOL),
    Broken("P09 packet type 0", 5, b"\x00\x00", MALFORMED),
    Broken("P09 packet type 15 before MQTT 5", 4, b"\xf0\x00", MALFORMED),
    Broken("P09 SUBSCRIBE from a server", 4, b"\x82\x06\x00\x01\x00\x01a\x00", PROTOCOL, True),
    Broken("P09 DISCONNECT from a server of 3.1.1", 4, b"\xe0\x00", PROTOCOL, True),
    Broken("P10 PUBLISH at QoS 1 with packet id 0", 4, b"\x32\x05\x00\x01a\x00\x00", PROTOCOL),
    Broken("P10 PUBLISH at QoS 2 with packet id 0", 4, b"\x34\x05\x00\x01a\x00\x00", PROTOCOL),
    Broken("P10 SUBSCRIBE with packet id 0", 4, b"\x82\x06\x00\x00\x00\x01a\x00", PROTOCOL),
    Broken("P10 UNSUBSCRIBE with packet id 0", 4, b"\xa2\x05\x00\x00\x00\x01a", PROTOCOL),
    Broken("P10 PUBACK with packet id 0", 4, b"\x40\x02\x00\x00", PROTOCOL),
    Broken("P11 PUBLISH cut inside the topic length", 4, b"\x30\x01\x00", MALFORMED),
    Broken("P11 PUBLISH cut inside the topic", 4, b"\x30\x03\x00\x02a", MALFORMED),
    Broken("P11 PUBLISH of 5.0 without property length", 5, b"\x30\x03\x00\x01a", MALFORMED),
    Broken("P11 PUBLISH of 5.0 cut inside the packet id", 5, b"\x32\x04\x00\x01a\x00", MALFORMED),
    Broken("P11 properties longer than the packet", 5, b"\x30\x04\x00\x01a\x01", MALFORMED),
    Broken("P11 a property cut short", 5, publish5(b"\x02\x00\x00"), MALFORMED),
    Broken(
        "P11 property length of five bytes", 5, b"\x30\x08\x00\x01a\xff\xff\xff\xff\x01", MALFORMED
    ),
    Broken("P12 empty topic in 3.1.1", 4, publish4(b""), PROTOCOL),
    Broken("P12 empty topic without properties", 5, b"\x30\x03\x00\x00\x00", PROTOCOL),
    Broken("P12 empty topic without alias", 5, publish5(b"\x01\x00", b"\x00\x00"), PROTOCOL),
    Broken("P13 U+0000 in the topic", 4, publish4(b"a\x00b"), MALFORMED),
    Broken("P13 a lone surrogate in the topic", 4, publish4(b"\xed\xa0\x80"), MALFORMED),
    Broken("P13 an overlong form in the topic", 4, publish4(b"\xc0\x80"), MALFORMED),
    Broken("P13 a stray byte in the topic", 4, publish4(b"\xff"), MALFORMED),
    Broken("P13 beyond U+10FFFF in the topic", 4, publish4(b"\xf4\x90\x80\x80"), MALFORMED),
    Broken("P13 U+0000 in a topic filter", 4, b"\x82\x06\x00\x01\x00\x01\x00\x00", MALFORMED),
    Broken("P13 bad UTF-8 in a client id", 5, connect(2, b"\x00\x01\xff"), MALFORMED, False, 5),
    Broken("P13 bad UTF-8 in a user property", 5, publish5(b"\x26\x00\x01\xff\x00\x00"), MALFORMED),
    Broken("P13 U+0000 in a user property", 5, publish5(b"\x26\x00\x00\x00\x01\x00"), MALFORMED),
    Broken("P15 topic with a plus", 4, publish4(b"a/+"), ReasonCode.TOPIC_NAME_INVALID),
    Broken("P15 topic with a hash", 4, publish4(b"#"), ReasonCode.TOPIC_NAME_INVALID),
    Broken("P15 response topic with a wildcard", 5, publish5(b"\x08\x00\x01#"), PROTOCOL),
    Broken("P15 empty response topic", 5, publish5(b"\x08\x00\x00"), PROTOCOL),
    Broken("P17 SUBSCRIBE without filters", 4, b"\x82\x02\x00\x01", PROTOCOL),
    Broken("P17 SUBSCRIBE of 5.0 without filters", 5, b"\x82\x03\x00\x01\x00", PROTOCOL),
    Broken("P17 UNSUBSCRIBE without filters", 4, b"\xa2\x02\x00\x01", PROTOCOL),
    Broken("P19 alias twice", 5, publish5(b"\x23\x00\x01\x23\x00\x01"), PROTOCOL),
    Broken("P19 receive maximum in PUBLISH", 5, publish5(b"\x21\x00\x01"), PROTOCOL),
    Broken(
        "P19 will delay in CONNECT",
        5,
        connect(2, b"\x00\x01c", properties=b"\x05\x18\x00\x00\x00\x01"),
        PROTOCOL,
        False,
        5,
    ),
    Broken("an unknown property", 5, publish5(b"\x7f"), MALFORMED),
    Broken("a property number of two bytes", 5, publish5(b"\x81\x01"), MALFORMED),
    Broken("a property number not in its shortest form", 5, publish5(b"\x81\x00\x01"), MALFORMED),
    Broken("payload format 2", 5, publish5(b"\x01\x02"), PROTOCOL),
    Broken("P20 alias 0", 5, publish5(b"\x23\x00\x00"), ReasonCode.TOPIC_ALIAS_INVALID),
    Broken(
        "P21 receive maximum 0",
        5,
        connect(2, b"\x00\x01c", properties=b"\x03\x21\x00\x00"),
        PROTOCOL,
        False,
        5,
    ),
    Broken(
        "P21 maximum packet size 0",
        5,
        connect(2, b"\x00\x01c", properties=b"\x05\x27\x00\x00\x00\x00"),
        PROTOCOL,
        False,
        5,
    ),
    Broken("P24 reserved connect flag", 4, connect(3, b"\x00\x01c", 4), MALFORMED, False, 4),
    Broken("P24 will QoS without will", 5, connect(0x0A, b"\x00\x01c"), MALFORMED, False, 5),
    Broken("P24 will retain without will", 5, connect(0x22, b"\x00\x01c"), MALFORMED, False, 5),
    Broken(
        "P24 will QoS 3", 5, connect(0x1E, b"\x00\x01c\x00\x00\x01w\x00\x00"), MALFORMED, False, 5
    ),
    Broken(
        "P24 password without user name in 3.1.1",
        4,
        connect(0x42, b"\x00\x01c\x00\x01p", 4),
        MALFORMED,
        False,
        4,
    ),
    Broken(
        "P25 MQIsdp of level 4",
        0,
        hello(b"MQIsdp", 4),
        ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
        False,
        4,
    ),
    Broken(
        "P25 level 3 of MQTT",
        0,
        hello(b"MQTT", 3),
        ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
        False,
        4,
    ),
    Broken("P25 level 6", 0, hello(b"MQTT", 6), ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, False, 5),
    Broken(
        "P25 level 0x84", 0, hello(b"MQTT", 0x84), ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, False, 4
    ),
    Broken("P25 another protocol", 0, hello(b"HTTP", 4), ReasonCode.UNSUPPORTED_PROTOCOL_VERSION),
    Broken("P25 an empty CONNECT", 0, b"\x10\x00", MALFORMED),
    Broken(
        "S17 will topic with a wildcard",
        5,
        connect(6, b"\x00\x01c\x00\x00\x01#\x00\x00"),
        ReasonCode.TOPIC_NAME_INVALID,
        False,
        5,
    ),
    Broken(
        "S17 empty will topic",
        4,
        connect(6, b"\x00\x01c\x00\x00\x00\x00", 4),
        ReasonCode.TOPIC_NAME_INVALID,
        False,
        4,
    ),
    Broken("bytes after a CONNECT", 4, connect(2, b"\x00\x01c!", 4), MALFORMED, False, 4),
    Broken(
        "authentication data without a method",
        5,
        connect(2, b"\x00\x01c", properties=b"\x03\x16\x00\x00"),
        PROTOCOL,
        False,
        5,
    ),
    Broken("a subscription identifier in a client's PUBLISH", 5, publish5(b"\x0b\x01"), PROTOCOL),
    Broken("subscription identifier 0", 5, b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", PROTOCOL),
    Broken(
        "two subscription identifiers in SUBSCRIBE",
        5,
        b"\x82\x0b\x00\x01\x04\x0b\x01\x0b\x01\x00\x01a\x00",
        PROTOCOL,
    ),
    Broken("SUBSCRIBE for QoS 3", 4, b"\x82\x06\x00\x01\x00\x01a\x03", PROTOCOL),
    Broken(
        "SUBSCRIBE of 3.1.1 with options of 5.0", 4, b"\x82\x06\x00\x01\x00\x01a\x04", MALFORMED
    ),
    Broken("SUBSCRIBE with reserved options", 5, b"\x82\x07\x00\x01\x00\x00\x01a\x40", MALFORMED),
    Broken("SUBSCRIBE with retain handling 3", 5, b"\x82\x07\x00\x01\x00\x00\x01a\x30", PROTOCOL),
    Broken(
        "no local on a shared subscription",
        5,
        b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04",
        PROTOCOL,
    ),
    Broken(
        "SUBSCRIBE without options behind the filter", 4, b"\x82\x05\x00\x01\x00\x01a", MALFORMED
    ),
    Broken("PUBACK of 3.1.1 with a reason", 4, b"\x40\x03\x00\x01\x00", MALFORMED),
    Broken("PUBACK with a reason of PUBREL", 5, b"\x40\x03\x00\x01\x92", PROTOCOL),
    Broken("PUBREL with a reason of PUBACK", 5, b"\x62\x03\x00\x01\x10", PROTOCOL),
    Broken("PUBACK cut inside the packet id", 5, b"\x40\x01\x00", MALFORMED),
    Broken("PINGREQ with a body", 4, b"\xc0\x01\x00", MALFORMED),
    Broken("DISCONNECT of 3.1.1 with a reason", 4, b"\xe0\x01\x00", MALFORMED),
    Broken("DISCONNECT with a server's reason from a client", 5, b"\xe0\x01\x8b", PROTOCOL),
    Broken("DISCONNECT with a client's reason from a server", 5, b"\xe0\x01\x04", PROTOCOL, True),
    Broken(
        "session expiry in a server's DISCONNECT",
        5,
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01",
        PROTOCOL,
        True,
    ),
    Broken("AUTH without method", 5, b"\xf0\x02\x18\x00", PROTOCOL),
    Broken("AUTH of a client that says success", 5, b"\xf0\x00", PROTOCOL),
    Broken("CONNACK with reserved flags", 4, b"\x20\x02\x02\x00", MALFORMED, True),
    Broken("CONNACK of 3.1.1 with return code 6", 4, b"\x20\x02\x00\x06", PROTOCOL, True),
    Broken("CONNACK of 5.0 with an unknown reason", 5, b"\x20\x03\x00\x01\x00", PROTOCOL, True),
    Broken("CONNACK refused, yet with a session", 5, b"\x20\x03\x01\x87\x00", PROTOCOL, True),
    Broken("SUBACK of 3.1.1 with a reason of 5.0", 4, b"\x90\x03\x00\x01\x8f", PROTOCOL, True),
    Broken("SUBACK without reasons", 4, b"\x90\x02\x00\x01", PROTOCOL, True),
    Broken("UNSUBACK of 5.0 without reasons", 5, b"\xb0\x03\x00\x01\x00", PROTOCOL, True),
    Broken("UNSUBACK of 3.1.1 with a reason", 4, b"\xb0\x03\x00\x01\x00", MALFORMED, True),
]
