"""The targets of the fuzzer on every input that is known, and on some that hypothesis makes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import inputs
from tests.fuzz.targets import TARGETS, decoder, session


@pytest.mark.parametrize("target", TARGETS)
def test_every_known_input_is_survived(target: str) -> None:
    for data in inputs(target):
        TARGETS[target](data)


@given(st.binary(max_size=200))
def test_the_decoder_survives_any_bytes(data: bytes) -> None:
    decoder(data)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=120))
def test_a_node_survives_any_clients(data: bytes) -> None:
    """P30, and the bounds of E3."""
    session(data)
