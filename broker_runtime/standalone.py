"""The configuration of a node that runs on its own: its options in the contract's words."""

from __future__ import annotations

from broker_runtime.config import Options
from broker_runtime.contract.configuration import (
    ClusterSection,
    Listener,
    ListenersSection,
    PoliciesSection,
    Sections,
    TopicsSection,
    UsersSection,
)


def sections(options: Options, users: UsersSection) -> Sections:
    """Every section; whoever may connect may do anything, first-level topics come by their use."""
    return Sections(
        cluster=ClusterSection(
            cluster_id=options.cluster_id,
            tps_limit=options.tps_limit,
            max_connections=options.max_connections,
            max_subscriptions=options.max_subscriptions,
            max_subscriptions_per_client=options.max_subscriptions_per_client,
            max_topics=options.max_topics,
            auto_create_topics=True,
            authorization_enabled=False,
            max_message_bytes=options.max_message_bytes,
            session_expiry_max_s=options.session_expiry_max_s,
            message_retention_s=options.message_retention_s,
        ),
        listeners=ListenersSection(
            listeners=tuple(
                Listener(kind="tcp", host=address.host, port=address.port)
                for address in options.listen
            )
        ),
        users=users,
        policies=PoliciesSection(),
        topics=TopicsSection(),
    )
