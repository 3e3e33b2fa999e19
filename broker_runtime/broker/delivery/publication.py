"""One message on its way: delivered, logged, retained, journaled, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.fan_out import is_logged
from broker_runtime.broker.delivery.plans import Plan
from broker_runtime.storage.base import StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

Finish = Callable[[Exception | None, bool], None]
"""Called once a message is as durable as it must be: what went wrong, and whether anybody
subscribes to its topic."""


def needs_log(plan: Plan) -> bool:
    """Whether a QoS 1 or 2 message of this topic must go into the log."""
    return bool(plan.logged) or any(is_logged(group) for group in plan.shared)


class Publication:
    """One message on its way through store and log; every step is a callback of the store."""

    __slots__ = (
        "_core",
        "_error",
        "_finish",
        "_groups",
        "_is_logged",
        "_message",
        "_plan",
        "_publisher",
        "_waiting",
    )

    def __init__(
        self,
        core: Core,
        message: StoredMessage,
        plan: Plan,
        publisher: Session | None,
        finish: Finish | None,
    ) -> None:
        self._core = core
        self._message = message
        self._plan = plan
        self._publisher = publisher
        self._finish = finish
        # Members of shared groups come and go while the store works: decided once.
        self._groups = tuple(group for group in plan.shared if message.qos and is_logged(group))
        self._is_logged = bool(message.qos and (plan.logged or self._groups))
        self._waiting = 1
        self._error: Exception | None = None

    def start(self) -> None:
        """Deliver what needs no log, submit what does."""
        core, message = self._core, self._message
        core.fan_out.hand_out(message, self._plan, self._publisher, spared=self._groups)
        if self._is_logged:
            self._submit()
            core.durable_path.submit()
            self._owe()
            core.store.append(message, self._stored)
        self._retain()
        self._settled(None)

    def start_released(self, packet_id: int) -> None:
        """The same for a QoS 2 message that the store has kept (``release_received``)."""
        core, message, publisher = self._core, self._message, self._publisher
        assert publisher is not None, "only a client's message is released"
        core.fan_out.hand_out(message, self._plan, publisher, spared=self._groups)
        self._submit()
        core.durable_path.submit()
        self._owe()
        core.store.release_received(
            publisher.client_id,
            publisher.epoch,
            packet_id,
            message if self._is_logged else None,
            self._stored,
        )
        self._retain()
        self._settled(None)

    def _owe(self) -> None:
        if self._groups:
            copies = [(self._message.seq, group.key) for group in self._groups]
            self._core.store.owe(copies, None)

    def _submit(self) -> None:
        self._waiting += 1
        self._core.back_pressure.submitted(len(self._message.payload))

    def _retain(self) -> None:
        # [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT3-3.3.1-11] [MQTT3-3.3.1-12]
        message, core = self._message, self._core
        if not message.retain:
            return
        if message.payload:
            core.retained.put(message.topic, message, len(message.payload))
        else:
            core.retained.delete(message.topic)  # [MQTT-3.3.1-6]
        self._submit()
        core.store.retain(message, self._retained)

    def _stored(self, error: Exception | None) -> None:
        """The log has the message, or never will."""
        core, message = self._core, self._message
        if error is not None:
            core.stats.dropped["not_stored"] += 1
            core.journal.step(
                message.seq, message.client_id, "DROP", message.qos, "not_stored", core.now_ms()
            )
        elif self._is_logged:
            core.fan_out.logged(message, self._plan.logged, self._publisher, self._groups)
            core.committed_seq = message.seq
        self._confirmed(error)

    def _retained(self, error: Exception | None) -> None:
        if error is not None:
            self._core.stats.dropped["retained_not_stored"] += 1
        self._confirmed(error)

    def _confirmed(self, error: Exception | None) -> None:
        self._settled(error)
        self._core.back_pressure.stored(len(self._message.payload))

    def _settled(self, error: Exception | None) -> None:
        self._error = self._error or error
        self._waiting -= 1
        if self._waiting == 0 and self._finish is not None:
            self._finish(self._error, self._plan.reaches_anybody())
        self._core.plan_flush()
