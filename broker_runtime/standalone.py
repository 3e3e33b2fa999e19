"""The configuration of a node that runs on its own: its options in the contract's words."""

from __future__ import annotations

from broker_runtime.config.options import Options
from broker_runtime.contract.configuration import (
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
        cluster=options.cluster,
        listeners=ListenersSection(
            listeners=tuple(
                Listener(kind=listen.kind, host=listen.address.host, port=listen.address.port)
                for listen in options.listen
            )
        ),
        users=users,
        policies=PoliciesSection(),
        topics=TopicsSection(),
    )
