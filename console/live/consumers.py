"""The socket of a page: it carries names of events, and gauges to those who may read them.

``/ws/live/?topics=account,cluster.mqtt-1a2b3c4d``. Each topic is authorised through the gate when
the page joins, and again while messages flow, so that a right that was taken away ends the socket
(SECURITY C6).
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from clusters.forms import DescribeInstanceForm
from clusters.resources import resource_of
from console.accounts.actors import actor_of_session
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.events import account_group, cluster_group
from console.core.threads import in_thread

MAX_TOPICS = 20
RECHECK_S = 5.0
"""A right that was taken away ends the socket with the first message after this long."""
NOT_SIGNED_IN = 4401
REFUSED = 4403


class LivePage(AsyncWebsocketConsumer):
    """One page that is open in a browser."""

    async def connect(self) -> None:
        """Accept a signed-in user who may see every topic asked for; nobody else gets a socket."""
        self.groups_joined: list[str] = []
        self.topics = _topics(self.scope["query_string"])
        self.measured: frozenset[str] = frozenset()
        """Clusters whose gauges the user may read."""
        self.account_uin = ""
        if await self._check():
            await self.close()
            return
        for group in self._groups():
            await self.channel_layer.group_add(group, self.channel_name)
            self.groups_joined.append(group)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say."""

    async def live_event(self, event: dict[str, Any]) -> None:
        """Pass a group's message on, unless the right to it is gone."""
        if time.monotonic() - self.checked_at_s >= RECHECK_S:
            code = await self._check()
            if code:
                await self.close(code)
                return
        message = event["message"]
        if message["event"] == "sample" and message["cluster"] not in self.measured:
            return
        await self.send(json.dumps(message))

    def _groups(self) -> list[str]:
        return [
            account_group(self.account_uin)
            if topic == "account"
            else cluster_group(topic.removeprefix("cluster."))
            for topic in self.topics
        ]

    async def _check(self) -> int:
        """Code to close with; 0 when the user is signed in and may see every topic."""
        self.checked_at_s = time.monotonic()
        return await in_thread(self._check_now)

    def _check_now(self) -> int:
        address = self.scope.get("client") or ("",)
        actor = actor_of_session(
            self.scope["user"], self.scope["session"], source_ip=str(address[0])
        )
        if actor is None:
            return NOT_SIGNED_IN
        if not 1 <= len(self.topics) <= MAX_TOPICS:
            return REFUSED
        self.account_uin = actor.account_uin
        seen = [_see(actor, topic) for topic in self.topics if topic != "account"]
        self.measured = frozenset(cluster for cluster, is_measured in seen if is_measured)
        return 0 if all(cluster for cluster, _is_measured in seen) else REFUSED


def _topics(query_string: bytes) -> list[str]:
    values = parse_qs(query_string.decode("latin-1")).get("topics", [""])
    return [topic for topic in dict.fromkeys(values[0].split(",")) if topic]


def _see(actor: Actor, topic: str) -> tuple[str, bool]:
    """The cluster of a topic, and whether the actor may read its gauges; empty when it may not see
    the cluster, or there is none.
    """
    kind, _dot, public_id = topic.partition(".")
    if kind != "cluster":
        return "", False
    try:
        form = DescribeInstanceForm.from_parameters({"InstanceId": public_id})
        cluster = form.perform(actor).cluster
    except ActionError:
        return "", False
    return public_id, actor.may("mqtt:DescribeInstanceRealtimeStats", resource_of(cluster))
