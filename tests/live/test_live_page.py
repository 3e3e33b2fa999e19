"""The socket of a page (SECURITY C6): who gets one, for what, until when; what it passes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from channels_redis.core import RedisChannelLayer
from django.conf import settings

from clusters.models import Cluster
from console.accounts.models import PolicyAttachment, RightsPolicy, User
from console.asgi import application
from console.core.events import account_group, announce, cluster_group
from console.live import consumers
from tests.cast import acting, browser_of, make_cluster, make_owner, make_sub_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

DEADLINE_S = 10.0
HOST = "127.0.0.1:8080"
SAMPLE = {"event": "sample", "at_ms": 1, "values": {"tps": 2.0}}


class Page:
    """A browser's end of the socket."""

    def __init__(self, session: str, topics: str, **headers: str | None) -> None:
        given: dict[str, str | None] = {
            "host": HOST,
            "origin": f"http://{HOST}",
            "cookie": f"{settings.SESSION_COOKIE_NAME}={session}",
            **headers,
        }
        self._socket = WebsocketCommunicator(
            application,
            f"/ws/live/?topics={topics}",
            headers=[(k.encode(), v.encode()) for k, v in given.items() if v is not None],
        )

    async def open(self) -> bool:
        """Whether the console accepted."""
        accepted, _code = await self._socket.connect(timeout=DEADLINE_S)
        if not accepted:
            await self.leave()
        return bool(accepted)

    async def next(self) -> dict[str, Any]:
        """The next message."""
        return dict(await self._socket.receive_json_from(timeout=DEADLINE_S))

    async def say(self, text: str) -> None:
        """Send something, which a page never does."""
        await self._socket.send_to(text_data=text)

    async def closed_with(self) -> int:
        """The code with which the console ends the socket."""
        message = await self._socket.receive_output(timeout=DEADLINE_S)
        assert message["type"] == "websocket.close", message
        return int(message["code"])

    async def leave(self) -> None:
        """End the socket."""
        await self._socket.disconnect(timeout=DEADLINE_S)


@pytest.fixture
async def open_page(
    live_layer: RedisChannelLayer,
) -> AsyncIterator[Callable[..., Page]]:
    """Makes pages; they leave after the test."""
    pages: list[Page] = []

    def make(session: str, topics: str, **headers: str | None) -> Page:
        pages.append(Page(session, topics, **headers))
        return pages[-1]

    yield make
    for page in pages:
        await page.leave()


@pytest.fixture
def user(transactional_db: None) -> User:
    """The owner of an account."""
    return make_owner()


@pytest.fixture
def cluster(user: User) -> Cluster:
    """A cluster of the user's."""
    return make_cluster(user.account_uin)


def session_of(user: User) -> str:
    """The session of a browser in which the user is signed in."""
    return str(browser_of(acting(user)).session.session_key)


async def tell(layer: RedisChannelLayer, group: str, message: dict[str, Any]) -> None:
    await layer.group_send(group, {"type": "live.event", "message": message})


@pytest.fixture
def checks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are looked at with every message."""
    monkeypatch.setattr(consumers, "RECHECK_S", 0.0)


async def test_a_page_hears_of_its_cluster_and_its_account(
    user: User, cluster: Cluster, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    session = await sync_to_async(session_of)(user)
    page = open_page(session, f"account,cluster.{cluster.public_id}")
    assert await page.open()
    await sync_to_async(announce)("topics-changed", cluster=cluster.public_id)
    assert await page.next() == {"event": "topics-changed"}
    await sync_to_async(announce)("clusters-changed", account=user.account_uin)
    assert await page.next() == {"event": "clusters-changed"}
    sample = {**SAMPLE, "cluster": cluster.public_id}
    await tell(live_layer, cluster_group(cluster.public_id), sample)
    assert await page.next() == sample


async def test_what_a_page_says_is_ignored(
    user: User, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    page = open_page(await sync_to_async(session_of)(user), "account")
    assert await page.open()
    await page.say('{"type": "live.event", "message": {"event": "forged"}}')
    await tell(live_layer, account_group(user.account_uin), {"event": "keys-changed"})
    assert await page.next() == {"event": "keys-changed"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": f"http://user@{HOST}"},
        {"origin": f"file://{HOST}"},
        {"origin": "http://[::1"},
        {"origin": "http://evil.example", "host": "evil.example"},
        {"host": None, "origin": "http://"},
    ],
)
async def test_a_page_of_another_origin_gets_no_socket(
    user: User, open_page: Callable[..., Page], headers: dict[str, str | None]
) -> None:
    session = await sync_to_async(session_of)(user)
    assert not await open_page(session, "account", **headers).open()


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("https://127.0.0.1", "127.0.0.1"),
        (settings.ENVIRONMENT.public_url, "inside:80"),
    ],
)
async def test_the_console_under_any_of_its_names_gets_one(
    user: User, open_page: Callable[..., Page], origin: str, host: str
) -> None:
    session = await sync_to_async(session_of)(user)
    assert await open_page(session, "account", origin=origin, host=host).open()


@pytest.mark.parametrize("cookie", [None, "", "signalbox-session=", "signalbox-session=forged"])
async def test_without_a_session_there_is_no_socket(
    user: User, open_page: Callable[..., Page], cookie: str | None
) -> None:
    assert not await open_page("", "account", cookie=cookie).open()


@pytest.mark.parametrize(
    "topics",
    [
        "",
        ",",
        "account,cluster.mqtt-unknown0",
        "cluster.",
        "cluster",
        "account.200000000001",
        "node.mqtt-1-n0",
        "cluster.*",
        "account," + ",".join(f"cluster.mqtt-{n}" for n in range(20)),
    ],
)
async def test_topics_that_are_none_of_the_users_get_no_socket(
    user: User, cluster: Cluster, open_page: Callable[..., Page], topics: str
) -> None:
    assert not await open_page(await sync_to_async(session_of)(user), topics).open()


async def test_the_cluster_of_another_account_is_refused(
    cluster: Cluster, open_page: Callable[..., Page]
) -> None:
    outsider = await sync_to_async(make_owner)()
    session = await sync_to_async(session_of)(outsider)
    topics = f"account,cluster.{cluster.public_id}"
    assert not await open_page(session, topics).open()


async def test_a_user_without_rights_hears_of_the_account_but_of_no_cluster(
    user: User, cluster: Cluster, open_page: Callable[..., Page]
) -> None:
    nobody = await sync_to_async(make_sub_user)(user)
    session = await sync_to_async(session_of)(nobody)
    assert not await open_page(session, f"cluster.{cluster.public_id}").open()
    assert await open_page(session, "account").open()


async def test_gauges_go_only_to_those_who_may_read_them(
    user: User, cluster: Cluster, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    allowed = {"effect": "allow", "action": "mqtt:DescribeInstance", "resource": "*"}
    await RightsPolicy.objects.acreate(
        account_uin=user.account_uin,
        name="bare",
        document={"version": "2.0", "statement": [allowed]},
    )
    viewer = await sync_to_async(make_sub_user)(user, "bare")
    page = open_page(await sync_to_async(session_of)(viewer), f"cluster.{cluster.public_id}")
    assert await page.open()
    group = cluster_group(cluster.public_id)
    await tell(live_layer, group, {**SAMPLE, "cluster": cluster.public_id})
    await tell(live_layer, group, {"event": "topics-changed"})
    assert await page.next() == {"event": "topics-changed"}


@pytest.mark.usefixtures("checks_each_time")
async def test_a_right_that_is_taken_away_ends_the_socket(
    user: User, cluster: Cluster, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    reader = await sync_to_async(make_sub_user)(user, "QcloudMQTTReadOnlyAccess")
    page = open_page(await sync_to_async(session_of)(reader), f"cluster.{cluster.public_id}")
    assert await page.open()
    await tell(live_layer, cluster_group(cluster.public_id), {"event": "topics-changed"})
    assert await page.next() == {"event": "topics-changed"}
    await PolicyAttachment.objects.all().adelete()
    await tell(live_layer, cluster_group(cluster.public_id), {"event": "topics-changed"})
    assert await page.closed_with() == consumers.REFUSED


async def test_between_two_checks_rights_are_not_read_with_every_message(
    user: User, cluster: Cluster, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    reader = await sync_to_async(make_sub_user)(user, "QcloudMQTTReadOnlyAccess")
    page = open_page(await sync_to_async(session_of)(reader), f"cluster.{cluster.public_id}")
    assert await page.open()
    await PolicyAttachment.objects.all().adelete()
    await tell(live_layer, cluster_group(cluster.public_id), {"event": "topics-changed"})
    assert await page.next() == {"event": "topics-changed"}


def disable(user: User, session: str) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User, session: str) -> None:
    user.set_password("an entirely new one")
    user.save()


def sign_out(user: User, session: str) -> None:
    import_module(settings.SESSION_ENGINE).SessionStore(session).flush()


@pytest.mark.usefixtures("checks_each_time")
@pytest.mark.parametrize("end", [disable, change_password, sign_out])
async def test_the_end_of_a_session_ends_its_sockets(
    user: User,
    live_layer: RedisChannelLayer,
    open_page: Callable[..., Page],
    end: Callable[[User, str], None],
) -> None:
    session = await sync_to_async(session_of)(user)
    page = open_page(session, "account")
    assert await page.open()
    await sync_to_async(end)(user, session)
    await tell(live_layer, account_group(user.account_uin), {"event": "keys-changed"})
    assert await page.closed_with() == consumers.NOT_SIGNED_IN


async def test_a_page_that_left_hears_nothing_and_leaves_nothing_behind(
    user: User, live_layer: RedisChannelLayer, open_page: Callable[..., Page]
) -> None:
    page = open_page(await sync_to_async(session_of)(user), "account")
    assert await page.open()
    await page.leave()
    connection = live_layer.connection(0)
    group_key = live_layer._group_key(account_group(user.account_uin))
    assert await connection.zcard(group_key) == 0


async def test_a_socket_at_no_address_is_refused_like_any_other() -> None:
    """SECURITY C20: a stranger's wrong address is no fault of ours that fills the log."""
    socket = WebsocketCommunicator(application, "/ws/none/", headers=[(b"host", HOST.encode())])
    accepted, _code = await socket.connect(timeout=DEADLINE_S)
    assert not accepted
    await socket.wait()
