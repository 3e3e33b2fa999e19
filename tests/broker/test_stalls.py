"""The gauge of how long the event loop kept everybody waiting (E11)."""

from __future__ import annotations

from broker_runtime.broker.watching.stalls import WINDOW_S, Stalls


def test_e11_the_worst_stall_is_told_until_two_windows_are_over():
    stalls = Stalls(0.0)
    stalls.note(1.0, 0.2)
    stalls.note(2.0, 0.001)
    assert stalls.worst_ms() == 200
    stalls.note(WINDOW_S + 1, 0.05)
    assert stalls.worst_ms() == 200
    stalls.note(2 * WINDOW_S + 2, 0.01)
    assert stalls.worst_ms() == 50
    stalls.note(3 * WINDOW_S + 3, 0.0)
    assert stalls.worst_ms() == 10


async def test_what_strains_a_node_is_measured(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a", 1)
    stage.connection()
    ben = await stage.client("ben")
    await ben.publish("a", b"x", 1)
    strains = stage.broker.strains()
    assert strains["handshakes"] == 1
    assert strains["open_connections"] == 3
    assert strains["unstored_bytes"] == 0
    counts = stage.broker.messages_by_qos()
    assert counts["publish_received_qos1"] == counts["publish_sent_qos1"] == 1
    assert counts["publish_received_qos0"] == 0
