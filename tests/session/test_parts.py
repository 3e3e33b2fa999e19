"""The small parts of a session: terms, outbox, answers, aliases."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.codec.packets import Connect, Properties
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.session.aliases import TopicAliases
from broker_runtime.session.inbound import OrderedAnswers, Received
from broker_runtime.session.negotiation import Limits, negotiate
from broker_runtime.session.outbox import take

LIMITS = Limits(
    keep_alive_max_s=65_535,
    session_expiry_max_s=600,
    receive_maximum=1_000,
    topic_alias_maximum=32,
    max_packet_bytes=4_000,
    inflight_maximum=50,
)


def connect(version=5, client_id="c", *, clean=True, keep_alive_s=60, **properties):
    return Connect(
        protocol_version=version,
        client_id=client_id,
        clean_start=clean,
        keep_alive_s=keep_alive_s,
        properties=Properties(**properties),
    )


def agree(packet, limits=LIMITS):
    return negotiate(packet, limits, new_client_id=lambda: "made-up")


def test_the_session_expiry_of_each_version():
    assert agree(connect(4, clean=True)).session_expiry_s == 0
    assert agree(connect(4, clean=False)).session_expiry_s == 600
    assert agree(connect(5, clean=False)).session_expiry_s == 0
    assert agree(connect(5, session_expiry_s=30)).session_expiry_s == 30
    capped = agree(connect(5, session_expiry_s=2**32 - 1))
    assert (capped.session_expiry_s, capped.changed.session_expiry_s) == (600, 600)


def test_the_outbound_window_is_the_smaller_of_both():
    assert agree(connect(4)).outbound_quota == 50
    assert agree(connect(5, receive_maximum=7)).outbound_quota == 7
    assert agree(connect(5, receive_maximum=700)).outbound_quota == 50


def test_a_made_up_client_id_is_told():
    terms = agree(connect(5, ""))
    assert terms.client_id == "made-up"
    assert terms.changed.assigned_client_id == "made-up"


@settings(deadline=None)
@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=30),
    st.integers(min_value=1, max_value=40),
)
def test_an_outbox_gives_all_bytes_in_order_in_bounded_pieces(chunks, limit):
    chunks = [chunk for chunk in chunks if chunk] or [b"x"]
    whole, taken = b"".join(chunks), b""
    while chunks:
        piece = take(chunks, limit)
        assert 0 < len(piece) <= limit
        taken += piece
    assert taken == whole


def test_answers_leave_in_the_order_of_their_places():
    answers = OrderedAnswers()
    first, second, third = (answers.reserve() for _ in range(3))
    assert answers.fill(second, b"2") == []
    assert answers.fill(first, b"1") == [b"1", b"2"]
    assert len(answers) == 1
    assert answers.fill(third, b"3") == [b"3"]


def test_aliases_are_set_replaced_and_bounded():
    aliases = TopicAliases(2)
    assert aliases.resolve(1, b"a", longest=9) == b"a"
    assert aliases.resolve(1, b"", longest=9) == b"a"
    assert aliases.resolve(1, b"b", longest=9) == b"b"
    assert aliases.resolve(1, b"", longest=9) == b"b"
    for alias, reason in (
        (0, ReasonCode.TOPIC_ALIAS_INVALID),
        (3, ReasonCode.TOPIC_ALIAS_INVALID),
        (2, ReasonCode.PROTOCOL_ERROR),
    ):
        refused = aliases.resolve(alias, b"", longest=9)
        assert isinstance(refused, Violation)
        assert refused.reason is reason


def test_an_alias_for_too_long_a_topic_is_not_kept():
    """Alias abuse: 65,535 bytes for each alias of each connection would fill the memory."""
    aliases = TopicAliases(2)
    assert aliases.resolve(1, b"a", longest=9) == b"a"
    assert aliases.resolve(1, b"a" * 10, longest=9) == b"a" * 10
    assert isinstance(aliases.resolve(1, b"", longest=9), Violation)


def test_a_run_is_known_by_each_of_its_packet_ids_until_it_is_taken():
    received: Received[str, str] = Received()
    received.keep(9, "single", 10)
    received.keep_run("run", 3, 6, 30)
    received.keep_run("one", 7, 8, 5)
    assert (len(received), received.payload_bytes) == (5, 45)
    assert [packet_id for packet_id in range(12) if packet_id in received] == [3, 4, 5, 7, 9]
    assert received.knows_any(5, 7)
    assert received.knows_any(8, 10)
    assert not received.knows_any(10, 12)
    received.take_run(3, 6, 30)
    received.take_run(7, 8, 5)
    assert (len(received), received.payload_bytes, received.runs) == (1, 10, {})
