"""The people of the console's tests, and their clusters (``tests.cast`` makes more of them)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.core.cache import cache
from django.db import connections
from django.utils import timezone, translation

from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import acting, make_cluster, make_owner, make_sub_user, user_of


@pytest.fixture(autouse=True)
def plain_reader() -> Iterator[None]:
    """The next test reads English and UTC: a request leaves its reader's choice on the thread."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture
def owner(db: None) -> Actor:
    """The owner of the account; may do everything in it."""
    return acting(make_owner("owner"))


@pytest.fixture
def reader(owner: Actor) -> Actor:
    """A sub-user of the owner's who may look at everything and change nothing."""
    return acting(make_sub_user(user_of(owner), "QcloudMQTTReadOnlyAccess", username="reader"))


@pytest.fixture
def nobody(owner: Actor) -> Actor:
    """A sub-user of the owner's without any rights."""
    return acting(make_sub_user(user_of(owner), username="nobody"))


@pytest.fixture
def outsider(db: None) -> Actor:
    """The owner of another account."""
    return acting(make_owner("outsider"))


@pytest.fixture
def running_cluster(owner: Actor) -> Cluster:
    """A running cluster of the owner's."""
    return make_cluster(owner.account_uin)


@pytest.fixture
def other_cluster(outsider: Actor) -> Cluster:
    """A running cluster of the outsider's."""
    return make_cluster(outsider.account_uin, name="south")


@pytest.fixture
async def live_layer() -> AsyncIterator[RedisChannelLayer]:
    """The channel layer, made anew: its locks belong to the event loop of the first who waits. It
    is connected: a cancellation while redis-py connects is lost, and would cost ten seconds.

    asgiref's thread for blocking calls lives on; the database connection it opened is closed, or
    PostgreSQL could not drop the test database.
    """
    channel_layers.backends.clear()
    layer = cast(RedisChannelLayer, get_channel_layer())
    await layer.group_send("nobody", {"type": "live.event"})
    yield layer
    await layer.close_pools()
    channel_layers.backends.clear()
    await sync_to_async(connections.close_all)()


@pytest.fixture
def empty_cache() -> Iterator[None]:
    """A cache without anything of other tests in it: counters of attempts start at zero."""
    cache.clear()
    yield
    cache.clear()
