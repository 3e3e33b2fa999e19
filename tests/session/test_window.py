"""What is on its way to a client, and how far it has come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.session.outgoing import Outgoing
from broker_runtime.session.window import MAX_PACKET_ID, Passed, Progress, Window


def outgoing(seq, qos=1, **options):
    return Outgoing(None, seq, qos, b"p", b"r", **options)


def window(quota=10):
    made = Window()
    made.quota = quota
    return made


def test_packet_ids_go_round_and_leave_out_those_in_use():
    w = window(MAX_PACKET_ID)
    w.next_id = MAX_PACKET_ID
    assert [w.admit(outgoing(n)) for n in range(3)] == [MAX_PACKET_ID, 1, 2]
    w.next_id = MAX_PACKET_ID
    w.restore_released(3, 9)
    assert w.admit(outgoing(4)) == 4


def test_an_acknowledgement_ends_only_a_message_of_its_qos():
    w = window()
    one, two = w.admit(outgoing(1, 1)), w.admit(outgoing(2, 2))
    assert w.received(one) is None
    assert w.refused(one) is None
    assert w.acknowledged(two) is None
    assert w.acknowledged(one).seq == 1
    assert w.acknowledged(one) is None
    assert w.received(two).seq == 2
    assert w.completed(two) == 2
    assert w.completed(two) is None


def test_released_messages_take_room():
    w = window(quota=1)
    packet_id = w.admit(outgoing(1, 2))
    w.received(packet_id)
    assert not w.has_room()
    w.completed(packet_id)
    assert w.has_room()


def test_waiting_messages_are_counted_in_bytes():
    w = window()
    for seq in range(3):
        w.wait(outgoing(seq))
    assert w.pending_bytes == 12
    assert w.next_waiting().seq == 0
    assert w.forget_waiting() == 2
    assert w.pending_bytes == 0


def test_the_cursor_stops_before_what_is_not_done():
    w, progress = window(), Progress(0)
    first, second = w.admit(outgoing(5)), w.admit(outgoing(8))
    w.admit(outgoing(2, pinned=True))
    progress.position = 9
    progress.advance(w)
    assert (progress.cursor, progress.offered) == (4, 9)
    w.acknowledged(second)
    progress.advance(w)
    assert (progress.cursor, progress.offered) == (4, 9)
    assert progress.is_done(8)
    w.acknowledged(first)
    progress.advance(w)
    assert (progress.cursor, progress.offered) == (9, 9)


def test_what_only_waits_was_not_offered():
    w, progress = window(), Progress(0)
    w.admit(outgoing(5))
    w.wait(outgoing(7))
    w.wait(outgoing(8))
    progress.position = 8
    progress.advance(w)
    assert (progress.cursor, progress.offered) == (4, 6)
    assert not progress.is_done(7)


def test_what_is_owed_holds_the_cursor_until_it_is_sent():
    w, progress = window(), Progress(0)
    progress.position = progress.offered = 9
    progress.owe(6)
    progress.advance(w)
    assert progress.cursor == 5
    assert progress.is_done(7)
    assert not progress.is_done(6)
    w.wait(outgoing(6))
    progress.advance(w)
    assert (progress.cursor, progress.offered) == (5, 9)
    progress.owed.discard(6)
    packet_id = w.admit(w.next_waiting())
    progress.advance(w)
    assert progress.cursor == 5
    w.acknowledged(packet_id)
    progress.advance(w)
    assert progress.cursor == 9


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["send", "ack", "wait"]), st.integers(0, 9)), max_size=60)
)
def test_the_cursor_never_passes_an_unfinished_message_and_never_goes_back(steps):
    w, progress, seq, unfinished, done = window(60), Progress(0), 0, {}, set()
    for action, choice in steps:
        before = progress.cursor
        if action == "send":
            seq += 1 + choice
            unfinished[w.admit(outgoing(seq))] = seq
            progress.position = seq
        elif action == "ack" and unfinished:
            packet_id = sorted(unfinished)[choice % len(unfinished)]
            done.add(w.acknowledged(packet_id).seq)
            del unfinished[packet_id]
        progress.advance(w)
        assert progress.cursor >= before
        assert progress.cursor < min(unfinished.values(), default=seq + 1)
        assert all(progress.is_done(s) for s in done)
    if not unfinished:
        assert progress.cursor == progress.position


def test_passed_messages_take_packet_ids_and_room():
    w = window(5)
    assert w.are_free(1, 4)
    w.pass_on(Passed("t", 1, 100), 1, 4)
    assert (w.unacknowledged(), w.room(), w.has_room(), w.next_id) == (3, 2, True, 4)
    assert not w.are_free(3, 5)
    assert w.are_free(4, 6)
    w.next_id = 2
    assert w.admit(outgoing(9)) == 4
    assert not w.are_free(4, 5)


def test_ids_of_messages_that_await_pubcomp_are_not_free():
    w = window()
    w.released[7] = 1
    assert not w.are_free(6, 8)


def test_the_id_after_the_last_is_the_first():
    w = window()
    w.pass_on(Passed("t", 1, 0), MAX_PACKET_ID, MAX_PACKET_ID + 1)
    assert w.next_id == 1


def test_a_passed_message_is_acknowledged_like_any_other():
    w = window()
    w.pass_on(Passed("t", 1, 100), 1, 3)
    w.pass_on(Passed("t", 2, 200), 3, 6)
    assert w.received(1) is None
    assert w.acknowledged(1).seq == 101
    assert w.acknowledged(3) is None
    assert w.received(3).seq == 203
    assert w.refused(4).seq == 204
    assert w.completed(3) == 203
    assert (w.unacknowledged(), sorted(w.passed)) == (2, [2, 5])
    assert not w.is_empty()
