"""Packets and their bytes, by hand from the specification; decoder and encoder run both ways."""

from __future__ import annotations

from dataclasses import dataclass

from broker_runtime.codec.packets import (
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    Ack,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    Properties,
    Publish,
    SubAck,
    Subscribe,
    SubscriptionRequest,
    UnsubAck,
    Unsubscribe,
    Will,
)


@dataclass(frozen=True)
class Valid:
    """A packet, who sends it in which version, and its bytes."""

    name: str
    version: int
    packet: Packet
    raw: bytes
    from_server: bool = False


VALID: list[Valid] = [
    Valid(
        "CONNECT of 3.1 with nothing but a client id",
        3,
        Connect(protocol_version=3, client_id="zen", clean_start=True, keep_alive_s=60),
        b"\x10\x11"  # CONNECT, 17 bytes
        b"\x00\x06MQIsdp"  # protocol name
        b"\x03"  # level 3
        b"\x02"  # clean session
        b"\x00\x3c"  # keep-alive 60 s
        b"\x00\x03zen",  # client id
    ),
    Valid(
        "CONNECT of 3.1.1 with will, user name and password",
        4,
        Connect(
            protocol_version=4,
            client_id="zen",
            clean_start=False,
            keep_alive_s=0,
            username="mo",
            password=b"\x00\xff",
            will=Will(topic="w/t", payload=b"gone", qos=1, retain=True),
        ),
        b"\x10\x22"  # CONNECT, 34 bytes
        b"\x00\x04MQTT\x04"  # name, level 4
        b"\xec"  # user name, password, will retain, will QoS 1, will
        b"\x00\x00"  # no keep-alive
        b"\x00\x03zen"  # client id
        b"\x00\x03w/t"  # will topic
        b"\x00\x04gone"  # will payload
        b"\x00\x02mo"  # user name
        b"\x00\x02\x00\xff",  # password, any bytes
    ),
    Valid(
        "CONNECT of 5.0 with an empty client id and a password without a user name",
        5,
        Connect(protocol_version=5, client_id="", clean_start=True, keep_alive_s=10, password=b"t"),
        b"\x10\x10\x00\x04MQTT\x05"
        b"\x42"  # password, clean start
        b"\x00\x0a"  # keep-alive 10 s
        b"\x00"  # no properties
        b"\x00\x00"  # empty client id [MQTT-3.1.3-6]
        b"\x00\x01t",
    ),
    Valid(
        "CONNECT of 5.0 with all properties, also of the will",
        5,
        Connect(
            protocol_version=5,
            client_id="c",
            clean_start=True,
            keep_alive_s=1,
            username="u",
            will=Will(
                topic="w",
                payload=b"",
                qos=2,
                retain=False,
                properties=Properties(
                    payload_format_indicator=1,
                    message_expiry_s=2,
                    content_type="t",
                    response_topic="r",
                    correlation_data=b"\x09",
                    will_delay_s=3,
                    user_properties=(("k", "v"),),
                ),
            ),
            properties=Properties(
                session_expiry_s=0xFFFF_FFFF,
                authentication_method="m",
                authentication_data=b"d",
                request_problem_information=0,
                request_response_information=1,
                receive_maximum=5,
                topic_alias_maximum=6,
                user_properties=(("a", "1"), ("a", "1"), ("b", "")),
                maximum_packet_bytes=7,
            ),
        ),
        b"\x10\x66\x00\x04MQTT\x05"
        b"\x96"  # user name, will QoS 2, will, clean start
        b"\x00\x01"  # keep-alive
        b"\x30"  # 48 bytes of properties
        b"\x11\xff\xff\xff\xff"  # session expiry
        b"\x15\x00\x01m"  # authentication method
        b"\x16\x00\x01d"  # authentication data
        b"\x17\x00"  # request problem information
        b"\x19\x01"  # request response information
        b"\x21\x00\x05"  # receive maximum
        b"\x22\x00\x06"  # topic alias maximum
        b"\x26\x00\x01a\x00\x011"  # user property
        b"\x26\x00\x01a\x00\x011"  # the same again
        b"\x26\x00\x01b\x00\x00"  # without a value
        b"\x27\x00\x00\x00\x07"  # maximum packet size
        b"\x00\x01c"  # client id
        b"\x1f"  # 31 bytes of will properties
        b"\x01\x01"  # payload format
        b"\x02\x00\x00\x00\x02"  # message expiry
        b"\x03\x00\x01t"  # content type
        b"\x08\x00\x01r"  # response topic
        b"\x09\x00\x01\x09"  # correlation data
        b"\x18\x00\x00\x00\x03"  # will delay
        b"\x26\x00\x01k\x00\x01v"  # user property
        b"\x00\x01w"  # will topic
        b"\x00\x00"  # empty will payload
        b"\x00\x01u",  # user name
    ),
    Valid(
        "CONNACK of 3.1.1, accepted, with a session",
        4,
        ConnAck(reason=0, session_present=True),
        b"\x20\x02\x01\x00",
        from_server=True,
    ),
    Valid(
        "CONNACK of 5.0 with every property",
        5,
        ConnAck(
            reason=0,
            properties=Properties(
                session_expiry_s=1,
                assigned_client_id="x",
                server_keep_alive_s=2,
                authentication_method="m",
                authentication_data=b"",
                response_information="i",
                server_reference="s",
                reason_string="y",
                receive_maximum=3,
                topic_alias_maximum=0,
                maximum_qos=1,
                retain_available=1,
                user_properties=(("k", "v"),),
                maximum_packet_bytes=4,
                wildcard_subscription_available=0,
                subscription_identifiers_available=1,
                shared_subscriptions_available=1,
            ),
        ),
        b"\x20\x3e\x00\x00\x3b"
        b"\x11\x00\x00\x00\x01\x12\x00\x01x\x13\x00\x02\x15\x00\x01m\x16\x00\x00\x1a\x00\x01i"
        b"\x1c\x00\x01s\x1f\x00\x01y\x21\x00\x03\x22\x00\x00\x24\x01\x25\x01\x26\x00\x01k\x00\x01v"
        b"\x27\x00\x00\x00\x04\x28\x00\x29\x01\x2a\x01",
        from_server=True,
    ),
    Valid(
        "CONNACK of 5.0, refused",
        5,
        ConnAck(reason=0x87),
        b"\x20\x03\x00\x87\x00",
        from_server=True,
    ),
    Valid(
        "PUBLISH of 3.1.1 at QoS 0, retained, empty",
        4,
        Publish(topic="a/b", payload=b"", retain=True),
        b"\x31\x05\x00\x03a/b",
    ),
    Valid(
        "PUBLISH of 3.1.1 at QoS 1, sent again",
        4,
        Publish(topic="a", payload=b"hi", qos=1, dup=True, packet_id=0xABCD),
        b"\x3a\x07\x00\x01a\xab\xcdhi",
    ),
    Valid(
        "PUBLISH of 5.0 at QoS 2 without properties",
        5,
        Publish(topic="a", payload=b"\x00", qos=2, packet_id=1),
        b"\x34\x07\x00\x01a\x00\x01\x00\x00",
    ),
    Valid(
        "PUBLISH of 5.0 with every property a client may send, topic by alias",
        5,
        Publish(
            topic="",
            payload=b"p",
            properties=Properties(
                payload_format_indicator=0,
                message_expiry_s=9,
                content_type="t",
                response_topic="r/s",
                correlation_data=b"",
                topic_alias=7,
                user_properties=(("k", "v"), ("k", "w")),
            ),
        ),
        b"\x30\x29\x00\x00\x25"
        b"\x01\x00"  # payload format
        b"\x02\x00\x00\x00\x09"  # message expiry
        b"\x03\x00\x01t"  # content type
        b"\x08\x00\x03r/s"  # response topic
        b"\x09\x00\x00"  # correlation data, empty
        b"\x23\x00\x07"  # topic alias
        b"\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w"  # user properties
        b"p",
    ),
    Valid(
        "PUBLISH of 5.0 from a server with two subscription identifiers",
        5,
        Publish(topic="a", payload=b"", properties=Properties(subscription_identifiers=(1, 200))),
        b"\x30\x09\x00\x01a\x05\x0b\x01\x0b\xc8\x01",
        from_server=True,
    ),
    Valid("PUBACK of 3.1.1", 4, Ack(PUBACK, 1), b"\x40\x02\x00\x01"),
    Valid("PUBREC of 5.0 with a reason", 5, Ack(PUBREC, 2, 0x97), b"\x50\x03\x00\x02\x97"),
    Valid("PUBREL", 5, Ack(PUBREL, 3), b"\x62\x02\x00\x03"),
    Valid(
        "PUBCOMP of 5.0 with properties",
        5,
        Ack(PUBCOMP, 4, 0x92, Properties(reason_string="no", user_properties=(("k", "v"),))),
        b"\x70\x10\x00\x04\x92\x0c\x1f\x00\x02no\x26\x00\x01k\x00\x01v",
    ),
    Valid(
        "SUBSCRIBE of 3.1.1 with two filters",
        4,
        Subscribe(
            packet_id=10,
            subscriptions=[SubscriptionRequest("a/#", 1), SubscriptionRequest("+/b", 0)],
        ),
        b"\x82\x0e\x00\x0a\x00\x03a/#\x01\x00\x03+/b\x00",
    ),
    Valid(
        "SUBSCRIBE of 5.0 with all options and an identifier",
        5,
        Subscribe(
            packet_id=10,
            subscriptions=[
                SubscriptionRequest("a", 2, True, True, 2),
                SubscriptionRequest("$share/g/b", 0),
            ],
            identifier=268_435_455,
            properties=Properties(subscription_identifiers=(268_435_455,)),
        ),
        b"\x82\x19\x00\x0a"
        b"\x05\x0b\xff\xff\xff\x7f"  # subscription identifier
        b"\x00\x01a\x2e"  # QoS 2, no local, retain as published, retain handling 2
        b"\x00\x0a$share/g/b\x00",
    ),
    Valid(
        "SUBACK of 3.1.1",
        4,
        SubAck(packet_id=10, reasons=[0, 1, 2, 0x80]),
        b"\x90\x06\x00\x0a\x00\x01\x02\x80",
        from_server=True,
    ),
    Valid(
        "SUBACK of 5.0 with a refused filter",
        5,
        SubAck(packet_id=10, reasons=[2, 0x8F]),
        b"\x90\x05\x00\x0a\x00\x02\x8f",
        from_server=True,
    ),
    Valid(
        "UNSUBSCRIBE of 3.1.1",
        4,
        Unsubscribe(packet_id=11, topic_filters=["a", "b/+"]),
        b"\xa2\x0a\x00\x0b\x00\x01a\x00\x03b/+",
    ),
    Valid(
        "UNSUBSCRIBE of 5.0",
        5,
        Unsubscribe(packet_id=11, topic_filters=["a"]),
        b"\xa2\x06\x00\x0b\x00\x00\x01a",
    ),
    Valid(
        "UNSUBACK of 3.1.1",
        4,
        UnsubAck(packet_id=11, reasons=[]),
        b"\xb0\x02\x00\x0b",
        from_server=True,
    ),
    Valid(
        "UNSUBACK of 5.0",
        5,
        UnsubAck(packet_id=11, reasons=[0, 0x11]),
        b"\xb0\x05\x00\x0b\x00\x00\x11",
        from_server=True,
    ),
    Valid("PINGREQ", 4, PingReq(), b"\xc0\x00"),
    Valid("PINGRESP", 4, PingResp(), b"\xd0\x00", from_server=True),
    Valid("DISCONNECT of 3.1.1", 4, Disconnect(), b"\xe0\x00"),
    Valid("DISCONNECT of 5.0 that says nothing", 5, Disconnect(), b"\xe0\x00"),
    Valid("DISCONNECT of 5.0 with will", 5, Disconnect(reason=4), b"\xe0\x01\x04"),
    Valid(
        "DISCONNECT of 5.0 from a server that moved",
        5,
        Disconnect(reason=0x9D, properties=Properties(server_reference="b")),
        b"\xe0\x06\x9d\x04\x1c\x00\x01b",
        from_server=True,
    ),
    Valid(
        "DISCONNECT of 5.0 with a session expiry",
        5,
        Disconnect(properties=Properties(session_expiry_s=1)),
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01",
    ),
    Valid(
        "AUTH that goes on",
        5,
        Auth(
            reason=0x18,
            properties=Properties(authentication_method="m", authentication_data=b"d"),
        ),
        b"\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01d",
    ),
    Valid("AUTH of a server that says success", 5, Auth(), b"\xf0\x00", from_server=True),
]

LENIENT: list[Valid] = [
    Valid("PUBACK of 5.0 with an explicit success", 5, Ack(PUBACK, 1), b"\x40\x03\x00\x01\x00"),
    Valid(
        "PUBREL of 5.0 with an empty property block",
        5,
        Ack(PUBREL, 1, 0, Properties()),
        b"\x62\x04\x00\x01\x00\x00",
    ),
    Valid("DISCONNECT of 5.0 with an explicit reason 0", 5, Disconnect(), b"\xe0\x01\x00"),
    Valid("DISCONNECT of 5.0 with no properties", 5, Disconnect(reason=4), b"\xe0\x02\x04\x00"),
    Valid(
        "SUBSCRIBE of 3.1 sent again, with DUP",
        3,
        Subscribe(packet_id=1, subscriptions=[SubscriptionRequest("a", 0)]),
        b"\x8a\x06\x00\x01\x00\x01a\x00",
    ),
    Valid(
        "PUBLISH with its properties in another order",
        5,
        Publish(topic="a", payload=b"", properties=Properties(topic_alias=1, message_expiry_s=2)),
        b"\x30\x0c\x00\x01a\x08\x23\x00\x01\x02\x00\x00\x00\x02",
    ),
]
"""Lawful bytes that our encoder would write shorter or in another order."""
