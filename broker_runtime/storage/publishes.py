"""PUBLISHes as the hot path hands them to the journal: as received, many in one record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class PublishRun(msgspec.Struct, eq=False, gc=False):
    """PUBLISHes of one client that came one after another: to one topic, at one QoS, not retained,
    without topic alias and message expiry. Kept as received, which costs a fraction of a
    ``StoredMessage`` each; ``runs.messages_of`` takes it apart.

    ``packets`` holds ``count`` whole PUBLISH packets of MQTT ``version`` (4: before MQTT 5), their
    numbers are ``first_seq`` and those that follow it, without a gap.
    """

    shard: int
    first_seq: int
    count: int
    stored_ms: int
    topic: str
    qos: int
    version: int
    client_id: str
    username: str
    address: str
    packets: bytes


class PublishMix(msgspec.Struct, eq=False, gc=False):
    """PUBLISHes of one client at QoS 0 that came one after another, to any topics, otherwise as
    those of a ``PublishRun``: the usual read of a gateway, whose topics change with every message.

    ``audiences``: to whom each message went, as in ``Journal.published``; as many as messages. Who
    went to nobody had no subscriber.
    """

    shard: int
    first_seq: int
    stored_ms: int
    version: int
    client_id: str
    username: str
    address: str
    packets: bytes
    audiences: list[Sequence[tuple[str, int]]]
