"""A node that keeps the revision rules of the contract, in memory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from broker_runtime.contract.configuration import Sections
from clusters.gateway import (
    Command,
    Configuration,
    ConfigurationApplied,
    GetNodeState,
    NodeRefused,
    NodeState,
    NodeUnreachable,
    Query,
)

SECTIONS = ("cluster", "listeners", "users", "policies", "topics")


class FakeNode:
    """Stands for the gateway to one node.

    ``answers`` False: it is unreachable. ``refusal`` set: it refuses every configuration.
    ``meanwhile`` runs once, after the next configuration arrived and before it is answered.
    """

    def __init__(self) -> None:
        self.answers = True
        self.refusal: NodeRefused | None = None
        self.meanwhile: Callable[[], None] | None = None
        self.revision = 0
        self.sections = Sections()
        self.received: list[Configuration] = []

    def configure(self, configuration: Configuration, *, timeout_s: float) -> ConfigurationApplied:
        """Apply it whole or not at all, as ``Configuration`` says."""
        if not self.answers:
            raise NodeUnreachable("connection refused")
        if self.refusal is not None:
            raise self.refusal
        self.received.append(configuration)
        self._apply(configuration)
        answer = ConfigurationApplied(revision=self.revision, applied_at_ms=1)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return answer

    def query(self, query: Query, *, timeout_s: float) -> msgspec.Struct:
        """Its state; it knows nothing else."""
        assert isinstance(query, GetNodeState)
        if not self.answers:
            raise NodeUnreachable("connection refused")
        return NodeState(
            cluster_id="mqtt-00000000",
            node_id="mqtt-00000000-n0",
            revision=self.revision,
            ready=self.revision > 0,
            reason="" if self.revision else "no configuration yet",
            started_ms=1,
            connections=0,
            listeners=(),
        )

    def command(self, command: Command, *, timeout_s: float) -> msgspec.Struct:
        """It carries out nothing."""
        raise NodeRefused("unknown", "no commands here")

    def lose_everything(self) -> None:
        """Start anew with an empty folder."""
        self.revision, self.sections = 0, Sections()

    def _apply(self, configuration: Configuration) -> None:
        base, revision = configuration.base_revision, configuration.revision
        if base > self.revision or (base and revision <= self.revision):
            return
        given = {name: getattr(configuration.sections, name) for name in SECTIONS}
        if base == 0:
            assert None not in given.values(), "base 0 carries every section"
        changes = {name: value for name, value in given.items() if value is not None}
        self.sections = msgspec.structs.replace(self.sections, **changes)
        self.revision = revision
