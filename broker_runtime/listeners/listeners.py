"""The sockets of a node, kept as the listeners section says."""

from __future__ import annotations

from broker_runtime.broker.broker import Broker
from broker_runtime.contract.configuration import ListenersSection


class Listeners:
    """Opens, closes and reopens listeners; a port that cannot be opened is retried each second."""

    def __init__(self, broker: Broker) -> None:
        raise NotImplementedError

    async def apply(self, section: ListenersSection) -> None:
        """Close what is no longer wanted, open what is new; clients of listeners that stay are not disturbed."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop accepting on every address."""
        raise NotImplementedError

    def addresses(self) -> tuple[str, ...]:
        """Open addresses: ``tcp://127.0.0.1:1883`` …; a port 0 shows the real one."""
        raise NotImplementedError

    def problems(self) -> dict[str, str]:
        """Address → why it is not open."""
        raise NotImplementedError
