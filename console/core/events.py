"""Live events: after commit, pages that show stale data are told its name and fetch it again
(notify, then pull).
"""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)


def announce(event: str, *, cluster: str = "", account: str = "") -> None:
    """Tell the pages of a cluster, or of a whole account, that ``event`` (``topics-changed``)
    happened, once committed.

    Args:
        cluster: Public id of the cluster.
        account: Uin of the account.
    """
    group = cluster_group(cluster) if cluster else account_group(account)
    transaction.on_commit(lambda: send(group, {"event": event}), robust=True)


def send(group: str, message: dict[str, Any]) -> None:
    """Send to a group now; a channel layer that is down costs a log line, never the action."""
    layer = get_channel_layer()
    assert layer is not None, "the settings name a channel layer"
    try:
        async_to_sync(layer.group_send)(group, {"type": "live.event", "message": message})
    except Exception:
        logger.exception("live event lost group=%s event=%s", group, message.get("event"))


def cluster_group(public_id: str) -> str:
    """Group of the pages that show one cluster."""
    return f"cluster.{public_id}"


def account_group(account_uin: str) -> str:
    """Group of the pages that show an account's lists."""
    return f"account.{account_uin}"
