"""The socket of a page: it carries names of events and gauges, never what needs a right to be read.

``/ws/live/?topics=account,cluster.mqtt-1a2b3c4d``. Each topic is authorised through the gate when
the page joins, and again while messages flow, so that a right that was taken away ends the socket
(SECURITY C6).
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from clusters.forms import DescribeInstanceForm
from console.accounts.actors import actor_of_session
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.events import account_group, cluster_group

MAX_TOPICS = 20
RECHECK_S = 5.0
"""A right that was taken away ends the socket with the first message after this long."""
REFUSED = 4403
NOT_SIGNED_IN = 4401


class LivePage(AsyncWebsocketConsumer):
    """One page that is open in a browser."""

    async def connect(self) -> None:
        """Accept a signed-in user who may see every topic asked for; close with a code otherwise."""
        self.groups_joined: list[str] = []
        self.topics = _topics(self.scope["query_string"])
        self.checked_at = time.monotonic()
        await self.accept()
        code = await self._check()
        if code:
            await self.close(code)
            return
        for group in await self._groups():
            await self.channel_layer.group_add(group, self.channel_name)
            self.groups_joined.append(group)

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say."""

    async def live_event(self, event: dict[str, Any]) -> None:
        """Pass a group's message on, unless the right to it is gone."""
        if time.monotonic() - self.checked_at > RECHECK_S:
            self.checked_at = time.monotonic()
            code = await self._check()
            if code:
                await self.close(code)
                return
        await self.send(json.dumps(event["message"]))

    async def _groups(self) -> list[str]:
        actor = self.actor
        assert actor is not None, "checked before"
        clusters = [topic.removeprefix("cluster.") for topic in self.topics if topic != "account"]
        groups = [cluster_group(public_id) for public_id in clusters]
        return [account_group(actor.account_uin), *groups] if "account" in self.topics else groups

    @database_sync_to_async
    def _check(self) -> int:
        """Code to close with; 0 when the user is signed in and may see every topic."""
        self.actor: Actor | None = actor_of_session(self.scope["user"], self.scope["session"])
        if self.actor is None:
            return NOT_SIGNED_IN
        if not self.topics or len(self.topics) > MAX_TOPICS:
            return REFUSED
        return 0 if all(_may_see(self.actor, topic) for topic in self.topics) else REFUSED


def _topics(query_string: bytes) -> list[str]:
    values = parse_qs(query_string.decode("latin-1")).get("topics", [""])
    return [topic for topic in dict.fromkeys(values[0].split(",")) if topic]


def _may_see(actor: Actor, topic: str) -> bool:
    if topic == "account":
        return True
    kind, _dot, public_id = topic.partition(".")
    if kind != "cluster":
        return False
    try:
        DescribeInstanceForm.from_parameters({"InstanceId": public_id}).perform(actor)
    except ActionError:
        return False
    return True
