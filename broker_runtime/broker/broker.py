"""The broker of one node, as the rest of the process sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker_runtime.broker.clock import Clock
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.contract.commands import Kicked, KickClient, Published, PublishMessage
from broker_runtime.contract.configuration import Sections
from broker_runtime.contract.queries import (
    Client,
    ClientEvent,
    ClientPage,
    GetClient,
    GetTopicActivity,
    ListClients,
    TopicActivityList,
)
from broker_runtime.storage.base import DurableStore, Journal


class Broker:
    """Everything a node does for MQTT clients. One event loop, one thread.

    Order of use: ``await start()``, ``configure(…)``, then ``listeners.Listeners(broker).apply(…)``; at the end
    ``await listeners.close()``, ``await stop(…)``. The store and the journal are opened and closed by the caller.

    Attributes:
        on_client_event: called for each client event, after the journal has it.
        on_topics_created: called with the names of first-level topics that their first use made (DECISIONS 2).
    """

    on_client_event: Callable[[ClientEvent], None]
    on_topics_created: Callable[[Sequence[str]], None]

    def __init__(
        self,
        *,
        cluster_id: str,
        node_id: str,
        store: DurableStore,
        journal: Journal,
        clock: Clock,
        settings: BrokerSettings,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Take up what the store holds; wills and expiry of sessions that were connected when the last process ended."""
        raise NotImplementedError

    async def stop(self, drain_s: float) -> None:
        """Disconnect everybody (0x8B, without wills: F7), write what is to be written, within ``drain_s`` seconds."""
        raise NotImplementedError

    def configure(self, sections: Sections) -> None:
        """Check all sections, then put them in force at once (F11).

        Raises:
            ConfigurationInvalid: one of them cannot be used; nothing changed.
        """
        raise NotImplementedError

    async def kick(self, command: KickClient) -> Kicked:
        """Disconnect a client. Raises ``Refused`` (``not_found``)."""
        raise NotImplementedError

    async def publish(self, command: PublishMessage) -> Published:
        """Publish as the console; returns once the message is durable. Raises ``Refused``."""
        raise NotImplementedError

    def list_clients(self, query: ListClients) -> ClientPage:
        """Sessions, connected first, newest connection first."""
        raise NotImplementedError

    def get_client(self, query: GetClient) -> Client:
        """One session with everything known. Raises ``Refused`` (``not_found``)."""
        raise NotImplementedError

    def topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        """Online subscriptions under first-level topics."""
        raise NotImplementedError

    def gauges(self) -> dict[str, int]:
        """Gauges now, named as in ``contract.reports`` (without ``rss_bytes``)."""
        raise NotImplementedError

    def counters(self) -> dict[str, int]:
        """Counters since the start, named as in ``contract.reports``."""
        raise NotImplementedError

    def ready(self) -> tuple[bool, str]:
        """Whether clients can be served, and if not, why."""
        raise NotImplementedError
