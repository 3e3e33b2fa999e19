"""Who the control API lets in, what it takes, and that nothing it is sent breaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.contract.commands import COMMANDS
from broker_runtime.contract.queries import QUERIES
from broker_runtime.control import api as api_module
from broker_runtime.control.dispatch import Dispatch
from tests.control.fakes import (
    MESSAGE_ID,
    TOKEN,
    FakeNode,
    FakeRecords,
    free_port,
    no_snapshot,
    whole,
)

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Signalbox-Contract": "1"}
PATHS = (
    ("PUT", "/v1/configuration"),
    ("POST", "/v1/command/KickClient"),
    ("POST", "/v1/query/ListClients"),
    ("GET", "/metrics"),
    ("GET", "/anything"),
)


class Caller:
    """Sends requests to a fake node."""

    def __init__(self, node: FakeNode, port: int, session: aiohttp.ClientSession) -> None:
        self.node = node
        self.port = port
        self.session = session

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterator[bytes] = b"{}",
        headers: dict[str, str] = HEADERS,
    ) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as response:
            content = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, json.loads(content) if is_json else content.decode()

    async def ask(self, name, **fields):
        kind = "command" if name in COMMANDS else "query"
        return await self.send("POST", f"/v1/{kind}/{name}", json.dumps(fields).encode())


@asynccontextmanager
async def caller_of(node: FakeNode) -> AsyncIterator[Caller]:
    port = free_port()
    await node.api.start("127.0.0.1", port)
    try:
        async with aiohttp.ClientSession() as session:
            yield Caller(node, port, session)
    finally:
        await node.api.stop()


@pytest.fixture
async def caller(tmp_path):
    async with caller_of(FakeNode(tmp_path, "sensor-1", "sensor-2")) as caller:
        yield caller


def test_every_command_and_query_of_the_contract_is_in_the_table(tmp_path):
    node = FakeNode(tmp_path)
    dispatch = Dispatch(node.broker, FakeRecords(), node.state, no_snapshot, node.drain)

    assert {name: kind for name, (kind, _) in dispatch.commands.items()} == COMMANDS
    assert {name: kind for name, (kind, _) in dispatch.queries.items()} == QUERIES


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer " + "0" * 64, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", TOKEN],
    ids=["missing", "empty", "no-token", "other-node", "other-scheme", "cut", "no-scheme"],
)
async def test_c21_without_this_nodes_token_nothing_is_answered(
    caller, method, path, authorization
):
    headers = {"Signalbox-Contract": "1"}
    if authorization is not None:
        headers["Authorization"] = authorization

    status, body = await caller.send(method, path, headers=headers)

    assert status == 401
    assert body["code"] == "unauthorized"


async def test_c21_a_token_in_the_address_counts_for_nothing(caller):
    for query in (f"?token={TOKEN}", f"?access_token={TOKEN}", f"?Authorization=Bearer%20{TOKEN}"):
        status, _ = await caller.send("GET", f"/metrics{query}", headers={})
        assert status == 401


@pytest.mark.parametrize("version", [None, "", "0", "2", "1.0", "one"])
async def test_another_contract_version_is_refused(caller, version):
    headers = {"Authorization": HEADERS["Authorization"]}
    if version is not None:
        headers["Signalbox-Contract"] = version

    status, body = await caller.send("POST", "/v1/query/GetNodeState", headers=headers)

    assert status == 400
    assert body["code"] == "contract_version"


async def test_health_and_readiness_need_no_token_and_say_the_reason(caller):
    healthy = await caller.send("GET", "/v1/health", headers={})
    unready = await caller.send("GET", "/v1/ready", headers={})
    caller.node.sickness = "store degraded: disk full"
    sick = await caller.send("GET", "/v1/health", headers={})

    assert healthy == (200, {"status": "ok", "reason": ""})
    assert unready == (503, {"status": "not_ready", "reason": "no configuration yet"})
    assert sick == (503, {"status": "degraded", "reason": "store degraded: disk full"})


async def test_answers_carry_the_contract_version_and_no_version_of_software(caller):
    url = f"http://127.0.0.1:{caller.port}/v1/health"
    async with caller.session.get(url) as response:
        assert response.headers["Signalbox-Contract"] == "1"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Server"] == "signalbox"


async def test_metrics_need_the_token_and_no_version(caller):
    headers = {"Authorization": HEADERS["Authorization"]}

    assert await caller.send("GET", "/metrics", headers=headers) == (
        200,
        "signalbox_connections 0\n",
    )


async def test_commands_and_queries_are_answered_by_the_broker_and_the_journal(caller):
    _, kicked = await caller.ask("KickClient", client_id="sensor-2")
    _, published = await caller.ask("PublishMessage", payload="aGk=", publisher="x", topic="a/b")
    _, page = await caller.ask("ListClients", search="sensor")
    _, one = await caller.ask("GetClient", client_id="sensor-1")
    _, messages = await caller.ask("ListMessages", topic_filter="plant/#", from_ms=0)
    _, message = await caller.ask("GetMessage", message_id=MESSAGE_ID.lower())
    _, trace = await caller.ask("GetTrace", message_id=MESSAGE_ID)
    _, events = await caller.ask("ListClientEvents")
    _, activity = await caller.ask("GetTopicActivity", names=["plant"])
    _, state = await caller.ask("GetNodeState")

    assert kicked == {"was_connected": True, "session_deleted": False}
    assert published["message_id"] == MESSAGE_ID
    assert caller.node.broker.published[0].payload == b"hi"
    assert [c["client_id"] for c in page["clients"]] == ["sensor-1"]
    assert one["protocol_version"] == 5
    assert messages["messages"][0]["message_id"] == MESSAGE_ID
    assert message["payload"] == "AP8="
    assert trace["steps"][0]["packet_type"] == "PUBLISH"
    assert events["events"][0]["event"] == "connected"
    assert activity["topics"][0]["name"] == "plant"
    assert state["connections"] == 1


@pytest.mark.parametrize(
    ("name", "fields", "status", "code", "words"),
    [
        ("KickClient", {}, 400, "malformed", "client_id"),
        ("KickClient", {"client_id": 3}, 400, "malformed", "client_id"),
        ("KickClient", {"client_id": "a", "now": True}, 400, "malformed", "now"),
        ("KickClient", {"client_id": "nobody"}, 404, "not_found", "nobody"),
        ("GetClient", {"client_id": "nobody"}, 404, "not_found", "nobody"),
        ("ListClients", {"limit": 1025}, 400, "malformed", "limit"),
        ("ListClients", {"limit": 10**60}, 400, "malformed", "limit"),
        ("ListClients", {"offset": -1}, 400, "malformed", "offset"),
        ("ListClients", {"state": "sleeping"}, 400, "malformed", "state"),
        ("ListMessages", {"topic_filter": "a/#/b", "from_ms": 0}, 422, "invalid_topic", "filter"),
        ("ListMessages", {"topic_filter": "", "from_ms": 0}, 422, "invalid_topic", "filter"),
        ("ListMessages", {"topic_filter": "$share/g/a", "from_ms": 0}, 422, "invalid_topic", ""),
        ("ListMessages", {"topic_filter": "a", "from_ms": 0, "limit": 0}, 400, "malformed", "lim"),
        ("ListMessages", {"topic_filter": "a", "from_ms": -1}, 400, "malformed", "from_ms"),
        ("GetMessage", {"message_id": "0" * 16}, 404, "not_found", "message_id"),
        ("GetMessage", {"message_id": "../../etc/passwd"}, 404, "not_found", "message_id"),
        ("GetTrace", {"message_id": "0" * 16}, 404, "not_found", "message_id"),
        ("GetTrace", {"message_id": MESSAGE_ID, "limit": 10_001}, 400, "malformed", "limit"),
        ("GetTrace", {"message_id": MESSAGE_ID, "offset": -1}, 400, "malformed", "offset"),
        (
            "ListMessages",
            {"topic_filter": "a", "from_ms": 0, "after_id": "x"},
            *(404, "not_found", "message_id"),
        ),
        ("ListClientEvents", {"until_ms": 10**30}, 400, "malformed", "until_ms"),
        ("GetTopicActivity", {"names": ["a"] * 10_001}, 400, "malformed", "names"),
        ("PublishMessage", {"payload": "!", "publisher": "x"}, 400, "malformed", "payload"),
        (
            "PublishMessage",
            {"payload": "", "publisher": "x", "topic": "a/#"},
            422,
            "invalid_topic",
            "topic",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_field(
    caller, name, fields, status, code, words
):
    answered, refusal = await caller.ask(name, **fields)

    assert (answered, refusal["code"]) == (status, code)
    assert words in refusal["message"]


async def test_an_unknown_name_path_or_method_is_refused_as_unknown(caller):
    for method, path, status in (
        ("POST", "/v1/command/DropTables", 404),
        ("POST", "/v1/query/KickClient", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/configuration", 405),
        ("DELETE", "/metrics", 405),
    ):
        answered, refusal = await caller.send(method, path)
        assert (answered, refusal["code"]) == (status, "unknown")


async def test_a_body_over_the_limit_is_refused_told_or_not(caller, monkeypatch):
    monkeypatch.setattr(api_module, "MAX_REQUEST_BYTES", 100)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 20

    for body in (b" " * 200, chunks()):
        status, refusal = await caller.send("POST", "/v1/query/ListClients", body)
        assert (status, refusal["code"]) == (413, "too_large")


async def test_a_body_that_never_comes_is_given_up(caller, monkeypatch):
    monkeypatch.setattr(api_module, "BODY_TIMEOUT_S", 0.01)
    never = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    status, refusal = await caller.send("POST", "/v1/query/ListClients", chunks())

    assert (status, refusal["code"]) == (400, "malformed")


async def test_f11_half_a_configuration_is_refused_and_the_old_one_stays(caller):
    content = msgspec.json.encode(whole(2))
    await caller.send("PUT", "/v1/configuration", msgspec.json.encode(whole(1)))

    status, refusal = await caller.send("PUT", "/v1/configuration", content[:-40])

    assert (status, refusal["code"]) == (400, "malformed")
    assert caller.node.keeper.revision == 1


JUNK = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.text() | st.integers() | st.lists(st.text())
            for name in ("client_id", "message_id", "topic_filter", "from_ms", "limit", "names")
        },
    ).map(lambda value: json.dumps(value).encode()),
)
TARGETS = st.sampled_from(
    [("PUT", "/v1/configuration")]
    + [("POST", f"/v1/command/{name}") for name in COMMANDS]
    + [("POST", f"/v1/query/{name}") for name in QUERIES]
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(requests=st.lists(st.tuples(TARGETS, JUNK), min_size=1, max_size=8))
def test_no_body_makes_the_node_fail(tmp_path, requests):
    async def send_all() -> list[tuple[int, Any]]:
        async with caller_of(FakeNode(tmp_path, "sensor-1")) as caller:
            return [await caller.send(method, path, body) for (method, path), body in requests]

    for status, body in asyncio.run(send_all()):
        assert status < 500, body


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(st.binary(max_size=200), max_size=5), keep_request_line=st.booleans())
def test_random_bytes_on_the_socket_get_a_refusal_or_nothing(tmp_path, pieces, keep_request_line):
    line = b"POST /v1/query/ListClients HTTP/1.1\r\n" if keep_request_line else b""

    async def send() -> tuple[bytes, int]:
        node = FakeNode(tmp_path)
        async with caller_of(node) as caller:
            reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
            writer.write(line + b"".join(pieces))
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            status, _ = await caller.send("GET", "/v1/health", headers={})
            return answer, status

    answer, status = asyncio.run(send())

    assert b" 500 " not in answer[:20]
    assert status == 200


async def test_a_drain_answers_how_many_went(caller):
    status, answer = await caller.ask("Drain", server_reference="b.example:1883", within_ms=100)

    assert (status, answer) == (200, {"told": 2, "cut_off": 0, "took_ms": 1})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"within_ms": 4_001}, "within_ms: 0 to 4000"),
        ({"within_ms": -1}, "within_ms: 0 to 4000"),
        ({"moved_for_good": True}, "moved_for_good"),
        ({"server_reference": "a\nb"}, "server_reference"),
        ({"server_reference": "a" * 2_000}, "server_reference"),
    ],
)
async def test_a_drain_that_cannot_be_told_is_refused(caller, fields, words):
    status, refusal = await caller.ask("Drain", **fields)

    assert (status, refusal["code"]) == (400, "malformed")
    assert words in refusal["message"]


async def test_a_trace_comes_in_pages_that_say_how_many_steps_there_are(caller):
    _, whole = await caller.ask("GetTrace", message_id=MESSAGE_ID)
    _, beyond = await caller.ask("GetTrace", message_id=MESSAGE_ID, offset=1)

    assert (len(whole["steps"]), whole["total"]) == (1, 1)
    assert (beyond["steps"], beyond["total"]) == ([], 1)
