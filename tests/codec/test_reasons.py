"""Reason codes and their words."""

from __future__ import annotations

import pytest

from broker_runtime.codec.reasons import (
    CONNACK_RETURN_CODES,
    DESCRIPTIONS,
    ReasonCode,
    Violation,
    connack_return_code,
    describe,
    machine_name,
    suback_code,
)


def test_every_reason_has_words():
    assert set(DESCRIPTIONS) == set(ReasonCode)
    assert len(set(DESCRIPTIONS.values())) == len(ReasonCode)


def test_an_unknown_reason_has_words_too():
    assert describe(0xFE) == "reason 0xFE"
    assert machine_name(0xFE) == "reason_0xfe"
    assert connack_return_code(0xFE) is None
    assert machine_name(0x87) == "not_authorized"
    assert describe(0x87) == "not authorized"


def test_return_codes_are_those_of_the_old_specification():
    """MQTT 3.1.1 §3.2.2.3"""
    assert set(CONNACK_RETURN_CODES.values()) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("reason", [ReasonCode.MALFORMED_PACKET, ReasonCode.PACKET_TOO_LARGE])
def test_a_broken_packet_gets_no_answer_before_mqtt_5(reason):
    assert connack_return_code(reason) is None


def test_a_granted_qos_is_the_same_in_every_version():
    assert [suback_code(qos, version) for version in (4, 5) for qos in range(3)] == [0, 1, 2] * 2
    assert (suback_code(0x97, 4), suback_code(0x97, 5)) == (0x80, 0x97)


def test_violations_are_values():
    one = Violation(ReasonCode.PROTOCOL_ERROR, "why", 4)
    assert one == Violation(ReasonCode.PROTOCOL_ERROR, "why", 4)
    assert hash(one) == hash(Violation(ReasonCode.PROTOCOL_ERROR, "why", 4))
    assert one != Violation(ReasonCode.PROTOCOL_ERROR, "why", 5)
    assert one != "why"
    assert repr(one) == "Violation(0x82 protocol_error: why)"
