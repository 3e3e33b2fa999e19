"""Random packets that MQTT allows."""

from __future__ import annotations

from hypothesis import strategies as st

from broker_runtime.codec.packets import (
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    Ack,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    Properties,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    Will,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
topics = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00+#"), min_size=1, max_size=12
)
payloads = st.binary(max_size=300)
packet_ids = st.integers(1, 0xFFFF)
seconds = st.integers(0, 0xFFFF_FFFF)
flags = st.integers(0, 1)
pairs = st.lists(st.tuples(texts, texts), max_size=4).map(tuple)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


message_properties = {
    "payload_format_indicator": maybe(flags),
    "message_expiry_s": maybe(seconds),
    "content_type": maybe(texts),
    "response_topic": maybe(topics),
    "correlation_data": maybe(payloads),
    "user_properties": pairs,
}
publish_properties = st.builds(
    Properties, topic_alias=maybe(st.integers(1, 0xFFFF)), **message_properties
)
will_properties = st.builds(Properties, will_delay_s=maybe(seconds), **message_properties)
connect_properties = st.builds(
    Properties,
    session_expiry_s=maybe(seconds),
    authentication_method=texts,
    authentication_data=maybe(payloads),
    request_problem_information=maybe(flags),
    request_response_information=maybe(flags),
    receive_maximum=maybe(st.integers(1, 0xFFFF)),
    topic_alias_maximum=maybe(st.integers(0, 0xFFFF)),
    maximum_packet_bytes=maybe(st.integers(1, 0xFFFF_FFFF)),
    user_properties=pairs,
)
no_properties = st.builds(Properties)


def connects(version: int) -> st.SearchStrategy[Packet]:
    with_properties = version == 5
    wills = st.builds(
        Will,
        topic=topics,
        payload=payloads,
        qos=st.integers(0, 2),
        retain=st.booleans(),
        properties=will_properties if with_properties else no_properties,
    )
    connect = st.builds(
        Connect,
        protocol_version=st.just(version),
        client_id=texts,
        clean_start=st.booleans(),
        keep_alive_s=st.integers(0, 0xFFFF),
        username=texts,
        password=maybe(payloads),
        will=maybe(wills),
        properties=connect_properties if with_properties else no_properties,
    )
    return connect


@st.composite
def publishes(draw: st.DrawFn, version: int) -> Publish:
    qos = draw(st.integers(0, 2))
    return Publish(
        topic=draw(topics),
        payload=draw(payloads),
        qos=qos,
        retain=draw(st.booleans()),
        dup=draw(st.booleans()) if qos else False,
        packet_id=draw(packet_ids) if qos else 0,
        properties=draw(publish_properties if version == 5 else no_properties),
    )


@st.composite
def subscribes(draw: st.DrawFn, version: int) -> Subscribe:
    if version == 5:
        requests = st.builds(
            SubscriptionRequest,
            texts,
            st.integers(0, 2),
            st.just(False),
            st.booleans(),
            st.integers(0, 2),
        )
    else:
        requests = st.builds(SubscriptionRequest, texts, st.integers(0, 2))
    identifier = draw(maybe(st.integers(1, 268_435_455))) if version == 5 else None
    return Subscribe(
        packet_id=draw(packet_ids),
        subscriptions=draw(st.lists(requests, min_size=1, max_size=5)),
        identifier=identifier,
        properties=Properties(
            subscription_identifiers=() if identifier is None else (identifier,),
            user_properties=draw(pairs) if version == 5 else (),
        ),
    )


def acks(version: int) -> st.SearchStrategy[Packet]:
    return st.builds(
        Ack,
        st.sampled_from((PUBACK, PUBREC, PUBREL, PUBCOMP)),
        packet_ids,
    ) | st.builds(
        Ack,
        st.sampled_from((PUBACK, PUBREC)),
        packet_ids,
        st.sampled_from((0x10, 0x80, 0x97) if version == 5 else (0,)),
    )


def client_packets(version: int) -> st.SearchStrategy[Packet]:
    """Any packet a client may send after its CONNECT, and CONNECT."""
    return st.one_of(
        connects(version),
        publishes(version),
        subscribes(version),
        acks(version),
        st.builds(
            Unsubscribe,
            packet_id=packet_ids,
            topic_filters=st.lists(texts, min_size=1, max_size=5),
            properties=st.builds(Properties, user_properties=pairs)
            if version == 5
            else no_properties,
        ),
        st.builds(PingReq),
        st.builds(Disconnect, reason=st.sampled_from((0, 4, 0x81) if version == 5 else (0,))),
    )
