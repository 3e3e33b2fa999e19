"""The gate: who passes, what is written when, and what the audit trail keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from clusters.models import Cluster
from clusters.resources import cluster_resource
from console.core import actions
from console.core.actions import REGISTRY, account_resource, action, snake_case
from console.core.actors import Actor, system_actor
from console.core.errors import LimitExceeded, UnauthorizedOperation
from console.core.models import AuditEntry, Job

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def registry() -> Iterator[None]:
    """Actions that a test registers are gone afterwards."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def write_job(subject: str) -> None:
    Job.objects.create(kind="test", account_uin="1", subject=subject)


def jobs_written() -> list[str]:
    return list(Job.objects.values_list("subject", flat=True))


def only_entry() -> AuditEntry:
    return AuditEntry.objects.get()


@pytest.fixture
def change(registry: None) -> Callable[..., Any]:
    @action(
        "ChangeThing", resource=account_resource, kind="change", secret_parameters=("password",)
    )
    def change_thing(
        actor: Actor, *, subject: str, password: str = "", fails: Exception | None = None
    ) -> str:
        write_job(subject)
        if fails:
            raise fails
        return "changed"

    return change_thing


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("CreateTopic", "create_topic"),
        ("DescribeProductSKUList", "describe_product_sku_list"),
        ("DescribeInsVPCEndpoints", "describe_ins_vpc_endpoints"),
        ("DescribeMessageByTopic", "describe_message_by_topic"),
    ],
)
def test_an_action_and_its_function_share_a_name(name: str, function: str) -> None:
    assert snake_case(name) == function


def test_a_function_with_another_name_is_not_registered(registry: None) -> None:
    with pytest.raises(TypeError, match="must be called create_thing"):

        @action("CreateThing", resource=account_resource, kind="change")
        def make_thing(actor: Actor) -> None: ...

    assert "CreateThing" not in REGISTRY


def test_a_name_is_registered_once(change: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="registered twice"):
        action("ChangeThing", resource=account_resource, kind="read")(change)


def test_arguments_after_the_actor_are_keywords(change: Callable[..., Any], owner: Actor) -> None:
    with pytest.raises(TypeError, match="keywords"):
        change(owner, "positional")
    assert jobs_written() == []


def test_a_change_and_its_audit_row_stand_in_one_transaction(
    change: Callable[..., Any], owner: Actor
) -> None:
    assert change(owner, subject="a") == "changed"

    entry = only_entry()
    assert jobs_written() == ["a"]
    assert (entry.action, entry.outcome, entry.code) == ("mqtt:ChangeThing", "done", "")
    assert (entry.account_uin, entry.actor_uin) == (owner.account_uin, owner.uin)
    assert (entry.actor_name, entry.entrance) == (owner.name, "page")
    assert (entry.source_ip, entry.request_id) == ("192.0.2.10", owner.request_id)


def test_a_change_whose_audit_row_cannot_be_written_does_not_happen(
    change: Callable[..., Any], owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(actions, "_audit", full)

    with pytest.raises(OSError, match="disk full"):
        change(owner, subject="a")
    assert jobs_written() == []


@pytest.mark.django_db(transaction=True)
def test_a_change_never_runs_inside_someone_elses_transaction(
    change: Callable[..., Any], owner: Actor
) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        change(owner, subject="a")
    assert jobs_written() == []


def test_a_refusal_by_the_rights_is_audited_and_changes_nothing(
    change: Callable[..., Any], nobody: Actor
) -> None:
    with pytest.raises(UnauthorizedOperation) as caught:
        change(nobody, subject="a", password="hunter2")

    assert caught.value.status == 403
    assert "mqtt:ChangeThing" in caught.value.message
    assert jobs_written() == []
    assert (only_entry().outcome, only_entry().code) == ("refused", "UnauthorizedOperation")


def test_a_refusal_by_the_action_is_audited_and_undoes_what_it_wrote(
    change: Callable[..., Any], owner: Actor
) -> None:
    with pytest.raises(LimitExceeded):
        change(owner, subject="a", fails=LimitExceeded("full", code="LimitExceeded.TopicNum"))

    assert jobs_written() == []
    assert (only_entry().outcome, only_entry().code) == ("refused", "LimitExceeded.TopicNum")


def test_a_fault_is_audited_as_failed_and_undoes_what_it_wrote(
    change: Callable[..., Any], owner: Actor
) -> None:
    with pytest.raises(ZeroDivisionError):
        change(owner, subject="a", fails=ZeroDivisionError())

    assert jobs_written() == []
    assert (only_entry().outcome, only_entry().code) == ("failed", "InternalError")


@pytest.mark.parametrize("fails", [None, LimitExceeded("full"), ZeroDivisionError()])
def test_a_secret_parameter_never_reaches_the_audit_trail(
    change: Callable[..., Any], owner: Actor, fails: Exception | None
) -> None:
    if fails:
        with pytest.raises(type(fails)):
            change(owner, subject="a", password="hunter2", fails=fails)
    else:
        change(owner, subject="a", password="hunter2")

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM core_auditentry")
        assert "hunter2" not in str(cursor.fetchall())
    assert only_entry().parameters["password"] == "***"


def test_the_audit_trail_keeps_arguments_short_and_without_contents(
    registry: None, owner: Actor, running_cluster: Cluster
) -> None:
    @action("SendThing", resource=cluster_resource, kind="command")
    def send_thing(actor: Actor, /, **parameters: Any) -> None: ...

    send_thing(
        owner,
        cluster=running_cluster,
        payload=b"12345",
        remark="x" * 1000,
        tags=[str(number) for number in range(100)],
        count=3,
    )

    entry = only_entry()
    assert entry.resource.endswith(f":instance/{running_cluster.public_id}")
    assert entry.parameters["cluster"] == running_cluster.public_id
    assert entry.parameters["payload"] == "(5 bytes)"
    assert len(entry.parameters["remark"]) == 200
    assert len(entry.parameters["tags"]) == 20
    assert entry.parameters["count"] == 3


def test_no_action_calls_an_action(
    registry: None, change: Callable[..., Any], owner: Actor
) -> None:
    @action("OuterThing", resource=account_resource, kind="change")
    def outer_thing(actor: Actor) -> None:
        change(actor, subject="a")

    with pytest.raises(RuntimeError, match="no action calls an action"):
        outer_thing(owner)
    assert jobs_written() == []


def test_after_a_refused_action_another_one_runs(
    change: Callable[..., Any], owner: Actor, nobody: Actor
) -> None:
    with pytest.raises(UnauthorizedOperation):
        change(nobody, subject="a")
    assert change(owner, subject="b") == "changed"


def test_a_command_holds_no_transaction_and_is_audited(registry: None, owner: Actor) -> None:
    seen: list[int] = []

    @action("OrderThing", resource=account_resource, kind="command")
    def order_thing(actor: Actor) -> None:
        seen.append(len(connection.savepoint_ids))

    outside = len(connection.savepoint_ids)
    order_thing(owner)
    assert seen == [outside]
    assert only_entry().outcome == "done"


def test_a_read_leaves_no_audit_row_unless_it_is_refused(
    registry: None, owner: Actor, nobody: Actor
) -> None:
    @action("DescribeThing", resource=account_resource, kind="read")
    def describe_thing(actor: Actor) -> str:
        return "thing"

    assert describe_thing(owner) == "thing"
    assert not AuditEntry.objects.exists()
    with pytest.raises(UnauthorizedOperation):
        describe_thing(nobody)
    assert only_entry().outcome == "refused"


def test_a_read_of_a_secret_is_audited_when_it_says_so(registry: None, owner: Actor) -> None:
    @action("DescribeSecret", resource=account_resource, kind="read", audited=True)
    def describe_secret(actor: Actor) -> str:
        return "secret"

    describe_secret(owner)
    assert only_entry().outcome == "done"


def test_an_internal_action_is_run_by_the_system_alone(registry: None, owner: Actor) -> None:
    @action("SweepThing", resource=account_resource, kind="change", internal=True)
    def sweep_thing(actor: Actor) -> str:
        return "swept"

    with pytest.raises(UnauthorizedOperation):
        sweep_thing(owner)
    assert sweep_thing(system_actor(owner.account_uin)) == "swept"


def test_the_owner_of_another_account_is_refused(
    registry: None, outsider: Actor, running_cluster: Cluster
) -> None:
    """SECURITY C7: even with the row in hand."""

    @action("ReadThing", resource=cluster_resource, kind="read")
    def read_thing(actor: Actor, *, cluster: Cluster) -> None: ...

    with pytest.raises(UnauthorizedOperation):
        read_thing(outsider, cluster=running_cluster)
    with pytest.raises(UnauthorizedOperation):
        read_thing(system_actor(outsider.account_uin), cluster=running_cluster)
