"""Frames of the journal: what is written is read, and damage is never taken for a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import Properties, Publish
from broker_runtime.storage.journal.records import (
    FRAME_RECORDS,
    FRAME_STEPS,
    HEADER,
    Found,
    Frame,
    Pending,
    audience_of,
    encode_frame,
    frame_at,
    frames_of,
)
from broker_runtime.storage.publishes import PublishMix, PublishRun
from tests.storage.samples import FIRST_SEQ, message

TEXT = st.text(max_size=20)
NUMBER = st.integers(0, 2**62)
DELIVERIES = st.lists(st.tuples(TEXT, st.integers(0, 2)), max_size=4)
PUBLISHES = st.lists(
    st.tuples(
        st.builds(
            message,
            NUMBER,
            topic=TEXT,
            payload=st.binary(max_size=50),
            retain=st.booleans(),
            properties=st.binary(max_size=9),
            expires_ms=st.none() | NUMBER,
        ),
        DELIVERIES,
        TEXT,
    ),
    max_size=8,
)
STEPS = st.lists(st.tuples(NUMBER, NUMBER, TEXT, TEXT, st.integers(0, 2), TEXT), max_size=5)
EVENTS = st.lists(st.tuples(NUMBER, TEXT, TEXT, TEXT, TEXT, TEXT), max_size=5)


def read_all(data: bytes) -> tuple[list[Frame], int, bool]:
    """Frames from the start, where reading stopped, and whether everything was whole."""
    frames: list[Frame] = []
    offset, whole = 0, True
    while isinstance(found := frame_at(data, offset), Found):
        assert found.end > offset
        offset = found.end
        whole &= found.frame is not None
        if found.frame is not None:
            frames.append(found.frame)
    return frames, offset, whole


def written(publishes, steps, events) -> list[bytes]:
    return [encode_frame(frame)[0] for frame in frames_of(publishes, steps, events)]


@given(PUBLISHES, STEPS, EVENTS)
def test_what_is_written_is_read(publishes, steps, events):
    frames, end, whole = read_all(data := b"".join(written(publishes, steps, events)))
    assert (end, whole) == (len(data), True)
    rows = [(row, frame.audiences) for frame in frames for row in frame.publishes]
    assert [(r[0], r[2], r[9], r[8], r[12]) for r, _ in rows] == [
        (m.seq, m.topic, m.payload, m.expires_ms, result) for m, _, result in publishes
    ]
    assert [audience_of(a[r[13]] if r[13] >= 0 else None) for r, a in rows] == [
        deliveries for _, deliveries, _ in publishes
    ]
    assert [row for frame in frames for row in frame.steps] == steps
    assert [row for frame in frames for row in frame.events] == events


@given(PUBLISHES, STEPS, EVENTS, st.data())
def test_a_cut_anywhere_leaves_the_frames_before_it(publishes, steps, events, data):
    parts = written(publishes, steps, events)
    stream = b"".join(parts)
    cut = data.draw(st.integers(0, len(stream)))
    frames, end, whole = read_all(stream[:cut])
    sizes = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
    assert whole
    assert len(frames) == sum(size <= cut for size in sizes)
    assert end == max([size for size in sizes if size <= cut], default=0)


@given(PUBLISHES, STEPS, EVENTS, st.data())
def test_a_flipped_bit_is_noticed(publishes, steps, events, data):
    parts = written(publishes, steps, events)
    stream = bytearray(b"".join(parts))
    if not stream:
        return
    place = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[place // 8] ^= 1 << place % 8
    frames, end, whole = read_all(bytes(stream))
    assert len(frames) < len(parts)
    assert not whole or end < len(stream)


@given(st.binary(max_size=200))
def test_random_bytes_are_damage_or_incomplete_but_never_an_error(data):
    read_all(data)


@pytest.mark.parametrize("length", [0, 2**31, 2**32 - 1])
def test_a_length_that_no_frame_has_is_damage_to_the_end(length):
    data = HEADER.pack(length, 0) + b"x" * 100
    assert frame_at(data, 0) == Found(len(data), None)


def test_an_incomplete_frame_says_how_much_it_needs():
    (data,) = written([(message(payload=b"x" * 1_000), [], "success")], [], [])
    assert frame_at(data[:3], 0) == HEADER.size
    assert frame_at(data[:-1], 0) == len(data)


def test_frames_are_cut_by_count_and_by_bytes():
    many: list[Pending] = [
        (message(FIRST_SEQ + i), [], "success") for i in range(FRAME_RECORDS * 2 + 1)
    ]
    assert [f.count for f in frames_of(many, [], [])] == [FRAME_RECORDS, FRAME_RECORDS, 1]
    large: list[Pending] = [(message(payload=b"x" * 400_000), [], "success")] * 3
    assert [f.count for f in frames_of(large, [], [])] == [2, 1]


def test_a_shared_list_of_deliveries_is_written_once_a_frame():
    shared = [(f"client-{i}", 1) for i in range(500)]
    (frame,) = frames_of([(message(FIRST_SEQ + i), shared, "success") for i in range(9)], [], [])
    assert len(frame.audiences) == 1


def test_a_record_that_cannot_be_encoded_costs_only_itself():
    good: Pending = (message(), [], "success")
    bad: Pending = (message(topic="\ud800"), [], "success")
    (frame,) = frames_of([good, bad, good], [], [])
    data, left_out = encode_frame(frame)
    assert left_out == 1
    (kept,), _, _ = read_all(data)
    assert kept.count == 2


@st.composite
def runs(draw):
    version, qos = draw(st.sampled_from([4, 5])), draw(st.integers(0, 2))
    payloads = draw(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
    packets = b"".join(
        encode(
            Publish(
                topic="t",
                payload=payload,
                qos=qos,
                packet_id=i + 1 if qos else 0,
                properties=Properties(content_type="x" if i % 2 else None),
            ),
            version,
        )
        for i, payload in enumerate(payloads)
    )
    first_seq = draw(NUMBER)
    run = PublishRun(0, first_seq, len(payloads), 7, "t", qos, version, "c", "u", "a", packets)
    return run, payloads


@given(st.lists(runs(), max_size=4), DELIVERIES)
def test_a_run_is_read_as_the_messages_it_was(made, deliveries):
    data = b"".join(
        encode_frame(frame)[0]
        for frame in frames_of([], [], [], [(run, deliveries, "success") for run, _ in made])
    )
    frames, _, whole = read_all(data)
    assert whole
    rows = [row for frame in frames for row in frame.publishes]
    assert [(r[0], r[9]) for r in rows] == [
        (run.first_seq + i, payload) for run, payloads in made for i, payload in enumerate(payloads)
    ]
    assert [r[10] for r in rows] == [
        b"\x03\x00\x01x" if run.version == 5 and i % 2 else b""
        for run, payloads in made
        for i in range(len(payloads))
    ]
    assert {r[2:7] for r in rows} <= {("t", "c", "u", "a", q) for q in range(3)}
    assert all(
        audience_of(frame.audiences[row[13]] if row[13] >= 0 else None) == deliveries
        for frame in frames
        for row in frame.publishes
    )


@pytest.mark.parametrize(
    "packets", [b"\x30", b"\x10\x00", b"\x30\x05\x00\x01t", b"\x36\x05\x00\x01t12"]
)
def test_a_run_of_something_else_is_damage(packets):
    run = PublishRun(0, FIRST_SEQ, 1, 7, "t", 0, 4, "c", "u", "a", packets)
    (frame,) = frames_of([], [], [], [(run, [], "success")])
    data, _ = encode_frame(frame)
    assert frame_at(data, 0) == Found(len(data), None)


def test_steps_of_many_messages_are_read_one_by_one():
    (frame,) = frames_of([], [], [], [], [(9, "c", "PUBACK", 1, "success", [1, 2, 3])])
    assert frame.count == 3
    (read,), _, _ = read_all(encode_frame(frame)[0])
    assert read.steps == [(seq, 9, "c", "PUBACK", 1, "success") for seq in (1, 2, 3)]


def test_frames_of_step_runs_are_cut_by_the_steps():
    many = [(9, "c", "PUBACK", 1, "success", [7] * (FRAME_STEPS // 2))] * 3
    assert [f.count for f in frames_of([], [], [], [], many)] == [FRAME_STEPS, FRAME_STEPS // 2]


def mix_of(first_seq, version, *messages):
    """A mix of (topic, payload, audience) each."""
    packets = [
        encode(Publish(topic=topic, payload=payload), version) for topic, payload, _ in messages
    ]
    audiences = [audience for _, _, audience in messages]
    return PublishMix(0, first_seq, 7, version, "c", "u", "a", b"".join(packets), audiences)


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["t", "é/x"]), st.binary(max_size=200), DELIVERIES),
            min_size=1,
        ),
        max_size=3,
    ),
    st.sampled_from([4, 5]),
)
def test_a_mix_is_read_as_the_messages_it_was(made, version):
    mixes = [mix_of(n * 1_000, version, *messages) for n, messages in enumerate(made)]
    frames, _, whole = read_all(
        b"".join(encode_frame(frame)[0] for frame in frames_of([], [], [], (), (), mixes))
    )
    assert whole
    rows = [(row, frame.audiences) for frame in frames for row in frame.publishes]
    assert [
        (r[0], r[2], r[9], r[12], audience_of(a[r[13]] if r[13] >= 0 else None)) for r, a in rows
    ] == [
        (n * 1_000 + place, topic, payload, "success" if audience else "no_subscriber", audience)
        for n, messages in enumerate(made)
        for place, (topic, payload, audience) in enumerate(messages)
    ]
    assert {r[1:2] + r[3:8] + r[10:12] for r, _ in rows} <= {(7, "c", "u", "a", 0, False, b"", 0)}


def test_an_audience_of_several_mixes_is_encoded_once():
    shared = [("r", 0)]
    mixes = [mix_of(n, 4, ("t", b"", shared), ("u", b"", [])) for n in (1, 3)]
    (frame,) = frames_of([], [], [], (), (), mixes)
    assert (frame.count, len(frame.lists)) == (4, 3)


def test_frames_of_mixes_are_cut_by_their_messages():
    mix = mix_of(1, 4, *[("t", b"", [])] * (FRAME_RECORDS // 2))
    counts = [frame.count for frame in frames_of([], [], [], (), (), [mix] * 3)]
    assert counts == [FRAME_RECORDS, FRAME_RECORDS // 2]


@pytest.mark.parametrize(
    "mix",
    [
        PublishMix(0, FIRST_SEQ, 7, 4, "c", "u", "a", b"\x30\x03\x00\x01t", [[], []]),
        PublishMix(0, FIRST_SEQ, 7, 4, "c", "u", "a", b"\x30\x03\x00\x01\xff", [[]]),
        PublishMix(0, FIRST_SEQ, 7, 4, "c", "u", "a", b"\x10\x00", [[]]),
    ],
)
def test_a_mix_of_something_else_is_damage(mix):
    (frame,) = frames_of([], [], [], (), (), [mix])
    data, _ = encode_frame(frame)
    assert frame_at(data, 0) == Found(len(data), None)


def test_a_mix_that_cannot_be_encoded_is_left_out_alone():
    bad = mix_of(1, 4, ("t", b"", []))
    bad.username = "\ud800"
    worse = mix_of(2, 4, ("t", b"", [("\ud800", 0)]))
    (frame,) = frames_of([], [], [], (), (), [bad, worse, mix_of(3, 4, ("t", b"", [("r", 0)]))])
    data, left_out = encode_frame(frame)
    assert left_out == 1
    (kept,), _, _ = read_all(data)
    assert [(row[0], row[12]) for row in kept.publishes] == [(2, "no_subscriber"), (3, "success")]
