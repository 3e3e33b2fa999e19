"""The one table of specifications (CONTRACT C5–C7, C16, C17; DECISIONS 7)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """What a cluster of this specification may do at most."""

    code: str
    edition: str
    """``BASIC``, ``PRO`` or ``PLATINUM``."""
    tps: int
    """Messages in + out per second."""
    connections: int
    topics: int
    subscriptions_per_client: int
    policies: int
    on_sale: bool = True


def _pro(tps: int, connections: int) -> Sku:
    return Sku(
        code=f"pro_{tps // 1000}k",
        edition="PRO",
        tps=tps,
        connections=connections,
        topics=300,
        subscriptions_per_client=100,
        policies=200,
    )


def _platinum(tps: int, connections: int) -> Sku:
    return Sku(
        code=f"platinum_{tps // 1000}k",
        edition="PLATINUM",
        tps=tps,
        connections=connections,
        topics=1000,
        subscriptions_per_client=300,
        policies=500,
    )


SKUS: tuple[Sku, ...] = (
    Sku(
        code="basic_2k",
        edition="BASIC",
        tps=2_000,
        connections=2_000,
        topics=100,
        subscriptions_per_client=30,
        policies=100,
    ),
    _pro(6_000, 6_000),
    _pro(10_000, 10_000),
    _pro(20_000, 20_000),
    _pro(50_000, 50_000),
    _pro(100_000, 100_000),
    _platinum(200_000, 200_000),
    _platinum(500_000, 500_000),
)
SKU_BY_CODE = {sku.code: sku for sku in SKUS}
SUBSCRIPTIONS_PER_CONNECTION = 30
"""Subscriptions of a cluster for each connection it may have (CONTRACT C16)."""
MOVES = {("BASIC", "BASIC"), ("BASIC", "PRO"), ("PRO", "PRO"), ("PLATINUM", "PLATINUM")}
"""Editions between which a specification may change (CONTRACT C35; ``ModifyInstance.SkuCode``)."""
