"""Creating and changing clusters (CONTRACT sections 1 to 4)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from clusters.models import Cluster, ClusterTag
from clusters.skus import SKU_BY_CODE, SKUS
from console.core.actors import Actor
from console.core.errors import UnauthorizedOperation
from console.core.forms import FORMS
from console.core.models import AuditEntry, Job
from policies.models import AuthorizationPolicy
from tests.calls import call, perform, refusal_of
from tests.cast import make_cluster
from tests.clusters.api import read_by_sdk

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NEW = {"InstanceType": "PRO", "SkuCode": "pro_6k", "Name": "north-1"}
ON_A_CLUSTER: dict[str, dict[str, Any]] = {
    "ModifyInstance": {"Name": "renamed"},
    "ModifyInstanceTags": {"TagList": [{"TagKey": "env", "TagValue": "test"}]},
    "DeleteInstance": {},
    "RetryCreateInstance": {},
}


def test_a_new_cluster_has_the_limits_of_its_specification_and_a_job(owner: Actor) -> None:
    tags = [{"TagKey": "env", "TagValue": "prod"}, {"TagKey": "team"}]
    created = perform(owner, "CreateInstance", **NEW, Remark="first", TagList=tags)
    cluster = Cluster.objects.get(public_id=created["InstanceId"])
    assert read_by_sdk("CreateInstance", created).InstanceId == cluster.public_id
    assert (cluster.account_uin, cluster.name, cluster.remark) == (
        owner.account_uin,
        "north-1",
        "first",
    )
    assert (cluster.edition, cluster.tps_limit, cluster.max_connections) == ("PRO", 6000, 6000)
    assert (cluster.max_topics, cluster.max_subscriptions) == (300, 180_000)
    assert cluster.state == Cluster.State.CREATING
    assert cluster.authorization_enabled
    assert cluster.auto_create_topics
    assert dict(cluster.tags.values_list("key", "value")) == {"env": "prod", "team": ""}
    job = Job.objects.get()
    assert (job.kind, job.subject) == ("create-cluster", cluster.public_id)
    assert (job.account_uin, job.state) == (owner.account_uin, Job.State.QUEUED)


def test_public_ids_are_mqtt_and_eight_characters_and_differ(owner: Actor) -> None:
    ids = {perform(owner, "CreateInstance", **NEW)["InstanceId"] for _ in range(5)}
    assert len(ids) == 5
    for public_id in ids:
        prefix, _, rest = public_id.partition("-")
        assert prefix == "mqtt"
        assert len(rest) == 8
        assert rest.isalnum()
        assert rest == rest.lower()


def test_two_clusters_have_different_verifier_keys(owner: Actor) -> None:
    perform(owner, "CreateInstance", **NEW)
    perform(owner, "CreateInstance", **NEW)
    keys = set(Cluster.objects.values_list("verifier_key", flat=True))
    assert len(keys) == 2
    assert {len(key) for key in keys} == {64}


@pytest.mark.parametrize(("given", "policies"), [({}, 0), ({"AllowEverything": True}, 1)])
def test_a_policy_that_allows_everything_is_made_only_when_asked_for_decisions_3(
    owner: Actor, given: dict[str, Any], policies: int
) -> None:
    perform(owner, "CreateInstance", **NEW, **given)
    assert AuthorizationPolicy.objects.count() == policies


def test_a_page_creates_a_cluster_with_tags_in_lines(owner: Actor) -> None:
    form = FORMS["CreateInstance"](
        {
            "name": "north",
            "instance_type": "BASIC",
            "sku_code": "basic_2k",
            "remark": "",
            "tag_list": "env: prod\nteam: blue",
            "allow_everything": "on",
        }
    )
    cluster = form.perform(owner)
    assert dict(cluster.tags.values_list("key", "value")) == {"env": "prod", "team": "blue"}
    assert AuthorizationPolicy.objects.filter(cluster=cluster).exists()


@pytest.mark.parametrize("given", [{"PayMode": 0, "TimeSpan": 1, "RenewFlag": 1}, {"VpcList": []}])
def test_what_speaks_of_subscriptions_only_changes_nothing(
    owner: Actor, given: dict[str, Any]
) -> None:
    perform(owner, "CreateInstance", **NEW, **given, EnablePublic=False)
    assert Cluster.objects.count() == 1


BAD_NEW = [
    ({"Name": None}, "MissingParameter", "name"),
    ({"Name": ""}, "MissingParameter", "name"),
    ({"Name": "ab"}, "InvalidParameterValue", "name"),
    ({"Name": "a" * 65}, "InvalidParameterValue", "name"),
    ({"Name": "with space"}, "InvalidParameterValue", "name"),
    ({"Name": "north\n"}, "InvalidParameterValue", "name"),
    ({"Name": " north"}, "InvalidParameterValue", "name"),
    ({"Name": "北京集群"}, "InvalidParameterValue", "name"),
    ({"Name": "<img>"}, "InvalidParameterValue", "name"),
    ({"Name": "a\0bc"}, "InvalidParameterValue", "name"),
    ({"Name": 7}, "InvalidParameter", "name"),
    ({"InstanceType": None}, "MissingParameter", "instance_type"),
    ({"InstanceType": "GOLD"}, "InvalidParameterValue", "instance_type"),
    ({"InstanceType": "pro"}, "InvalidParameterValue", "instance_type"),
    ({"InstanceType": "BASIC"}, "InvalidParameter.InstanceTypeNotMatch", "sku_code"),
    ({"SkuCode": None}, "MissingParameter", "sku_code"),
    ({"SkuCode": "pro_7k"}, "InvalidParameterValue", "sku_code"),
    ({"SkuCode": "x" * 41}, "InvalidParameterValue", "sku_code"),
    ({"Remark": "x" * 129}, "InvalidParameterValue", "remark"),
    ({"Remark": ["x"]}, "InvalidParameter", "remark"),
    ({"Region": "mars"}, "InvalidParameterValue", "region"),
    ({"TagList": "env:prod"}, "InvalidParameter", "tag_list"),
    ({"TagList": ["env"]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": ""}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": "k" * 128}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": "k", "TagValue": "v" * 256}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": "k", "TagValue": 1}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": "k"}, {"TagKey": "k"}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": "k", "Extra": ""}]}, "InvalidParameterValue", "tag_list"),
    ({"TagList": [{"TagKey": f"k{n}"} for n in range(51)]}, "InvalidParameterValue", "tag_list"),
    ({"AllowEverything": "yes"}, "InvalidParameter", "allow_everything"),
    ({"PayMode": 1}, "UnsupportedOperation", "pay_mode"),
    ({"PayMode": 2}, "InvalidParameterValue", "pay_mode"),
    ({"PayMode": True}, "InvalidParameter", "pay_mode"),
    ({"PayMode": "0"}, "InvalidParameter", "pay_mode"),
    ({"TimeSpan": 13}, "InvalidParameterValue", "time_span"),
    ({"RenewFlag": 2}, "InvalidParameterValue", "renew_flag"),
    ({"EnablePublic": True}, "UnsupportedOperation", "enable_public"),
    ({"EnablePublic": 1}, "InvalidParameter", "enable_public"),
    ({"Bandwidth": 1}, "UnsupportedOperation", "bandwidth"),
    ({"Bandwidth": -1}, "InvalidParameterValue", "bandwidth"),
    ({"IpRules": [{"Ip": "192.0.2.0/24"}]}, "UnsupportedOperation", "ip_rules"),
    ({"VpcList": [{"VpcId": "v", "SubnetId": "s"}]}, "UnsupportedOperation", "vpc_list"),
    ({"VpcList": {}}, "InvalidParameter", "vpc_list"),
    ({"Color": "red"}, "UnknownParameter", ""),
]


@pytest.mark.parametrize(("changes", "code", "field"), BAD_NEW)
def test_bad_input_creates_nothing(
    owner: Actor, changes: dict[str, Any], code: str, field: str
) -> None:
    refusal = refusal_of(owner, "CreateInstance", **{**NEW, **changes})
    assert (refusal.full_code, refusal.field) == (code, field)
    assert not Cluster.objects.exists()
    assert not Job.objects.exists()


def test_names_of_three_and_of_64_characters_and_50_tags_are_fine(owner: Actor) -> None:
    tags = [{"TagKey": f"{n:0127}", "TagValue": "v" * 255} for n in range(50)]
    for name in ("abc", "a-_9" * 16):
        perform(owner, "CreateInstance", **{**NEW, "Name": name, "Remark": "x" * 128}, TagList=tags)
    assert ClusterTag.objects.count() == 100


def test_a_specification_that_is_sold_out_cannot_be_bought(
    owner: Actor, running_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold_out = dataclasses.replace(SKUS[1], on_sale=False)
    monkeypatch.setitem(SKU_BY_CODE, sold_out.code, sold_out)
    refusal = refusal_of(owner, "CreateInstance", **{**NEW, "SkuCode": sold_out.code})
    assert (refusal.full_code, refusal.field) == ("OperationDenied", "sku_code")
    changed = {"InstanceId": running_cluster.public_id, "SkuCode": sold_out.code}
    assert refusal_of(owner, "ModifyInstance", **changed).full_code == "OperationDenied"


@pytest.mark.parametrize("who", ["nobody", "reader"])
def test_creation_needs_the_grant_and_the_refusal_is_audited(
    who: str, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(who)
    assert isinstance(refusal_of(actor, "CreateInstance", **NEW), UnauthorizedOperation)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome, entry.actor_uin) == (
        "mqtt:CreateInstance",
        AuditEntry.Outcome.REFUSED,
        actor.uin,
    )
    assert not Cluster.objects.exists()


@pytest.mark.parametrize("who", ["nobody", "reader"])
@pytest.mark.parametrize(("action", "parameters"), ON_A_CLUSTER.items())
def test_changes_need_the_grant(
    action: str,
    parameters: dict[str, Any],
    who: str,
    running_cluster: Cluster,
    request: pytest.FixtureRequest,
) -> None:
    actor = request.getfixturevalue(who)
    refusal = refusal_of(actor, action, InstanceId=running_cluster.public_id, **parameters)
    assert isinstance(refusal, UnauthorizedOperation)
    running_cluster.refresh_from_db()
    assert (running_cluster.name, running_cluster.state) == ("north", "RUNNING")


@pytest.mark.parametrize(("action", "parameters"), ON_A_CLUSTER.items())
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str, parameters: dict[str, Any], outsider: Actor, running_cluster: Cluster
) -> None:
    for public_id in (running_cluster.public_id, "mqtt-notthere"):
        refusal = refusal_of(outsider, action, InstanceId=public_id, **parameters)
        assert refusal.full_code == "ResourceNotFound.Instance"
    running_cluster.refresh_from_db()
    assert running_cluster.state == Cluster.State.RUNNING


@pytest.mark.parametrize("instance_id", [None, "", 7, ["a"], "x" * 65])
@pytest.mark.parametrize(("action", "parameters"), ON_A_CLUSTER.items())
def test_a_bad_instance_id_is_refused(
    action: str, parameters: dict[str, Any], instance_id: Any, owner: Actor
) -> None:
    refusal = refusal_of(owner, action, InstanceId=instance_id, **parameters)
    assert refusal.field == "instance_id"


def test_a_change_writes_what_is_given_and_leaves_the_rest(
    owner: Actor, running_cluster: Cluster
) -> None:
    answer = call(owner, "ModifyInstance", running_cluster, Remark="second")
    assert read_by_sdk("ModifyInstance", answer)
    running_cluster.refresh_from_db()
    assert (running_cluster.name, running_cluster.remark) == ("north", "second")
    assert running_cluster.authorization_enabled
    assert running_cluster.revision == 1


def test_an_edit_dialog_of_name_and_remark_leaves_the_switches_alone(
    owner: Actor, running_cluster: Cluster
) -> None:
    form = FORMS["ModifyInstance"](
        {"instance_id": running_cluster.public_id, "name": "south", "remark": ""}
    )
    form.perform(owner)
    running_cluster.refresh_from_db()
    assert running_cluster.name == "south"
    assert running_cluster.authorization_enabled
    assert running_cluster.auto_create_topics


@pytest.mark.parametrize(
    ("given", "column", "value"),
    [
        ({"AuthorizationPolicy": False}, "authorization_enabled", False),
        ({"MessageRate": 50}, "message_rate", 50),
        ({"AutoCreateTopics": False}, "auto_create_topics", False),
        ({"SkuCode": "pro_10k"}, "tps_limit", 10_000),
    ],
)
def test_what_the_runtime_must_know_makes_a_new_revision(
    owner: Actor, running_cluster: Cluster, given: dict[str, Any], column: str, value: Any
) -> None:
    call(owner, "ModifyInstance", running_cluster, **given)
    running_cluster.refresh_from_db()
    assert getattr(running_cluster, column) == value
    assert running_cluster.section_revisions == {"cluster": 2}


def test_the_same_values_again_make_no_new_revision(owner: Actor, running_cluster: Cluster) -> None:
    call(owner, "ModifyInstance", running_cluster, AuthorizationPolicy=True, SkuCode="basic_2k")
    running_cluster.refresh_from_db()
    assert running_cluster.revision == 1


def test_a_basic_cluster_becomes_professional_c35(owner: Actor, running_cluster: Cluster) -> None:
    call(owner, "ModifyInstance", running_cluster, SkuCode="pro_6k")
    running_cluster.refresh_from_db()
    assert (running_cluster.edition, running_cluster.max_topics) == ("PRO", 300)
    assert running_cluster.max_subscriptions_per_client == 100


@pytest.mark.parametrize(
    ("present", "wanted", "code"),
    [
        ("pro_20k", "pro_10k", ""),
        ("platinum_200k", "platinum_500k", ""),
        ("basic_2k", "platinum_200k", "UnsupportedOperation"),
        ("pro_6k", "platinum_200k", "UnsupportedOperation"),
        ("pro_6k", "basic_2k", "UnsupportedOperation"),
        ("platinum_200k", "pro_6k", "UnsupportedOperation"),
        ("pro_6k", "pro_7k", "InvalidParameterValue"),
    ],
)
def test_specifications_change_within_the_rules_c35(
    owner: Actor, present: str, wanted: str, code: str
) -> None:
    cluster = make_cluster(owner.account_uin, sku_code=present)
    parameters = {"InstanceId": cluster.public_id, "SkuCode": wanted}
    if code:
        assert refusal_of(owner, "ModifyInstance", **parameters).full_code == code
    else:
        perform(owner, "ModifyInstance", **parameters)
    cluster.refresh_from_db()
    assert cluster.sku_code == (present if code else wanted)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"Name": ""}, "InvalidParameterValue", "name"),
        ({"Name": "ab"}, "InvalidParameterValue", "name"),
        ({"Name": "a" * 65}, "InvalidParameterValue", "name"),
        ({"Name": "a b c"}, "InvalidParameterValue", "name"),
        ({"Name": 1}, "InvalidParameter", "name"),
        ({"Remark": "x" * 129}, "InvalidParameterValue", "remark"),
        ({"SkuCode": 1}, "InvalidParameter", "sku_code"),
        ({"AuthorizationPolicy": "true"}, "InvalidParameter", "authorization_policy"),
        ({"MessageRate": -1}, "InvalidParameterValue", "message_rate"),
        ({"MessageRate": 1_000_001}, "InvalidParameterValue", "message_rate"),
        ({"MessageRate": 1.5}, "InvalidParameter", "message_rate"),
        ({"X509Mode": "mTLS"}, "UnsupportedOperation", "x509_mode"),
        ({"X509Mode": "SSL"}, "InvalidParameterValue", "x509_mode"),
        ({"UseDefaultServerCert": False}, "UnsupportedOperation", "use_default_server_cert"),
        (
            {"DeviceCertificateProvisionType": "JITP"},
            "UnsupportedOperation",
            "device_certificate_provision_type",
        ),
        ({"AutomaticActivation": True}, "UnsupportedOperation", "automatic_activation"),
        ({"Owner": "me"}, "UnknownParameter", ""),
    ],
)
def test_bad_input_changes_nothing(
    owner: Actor, running_cluster: Cluster, given: dict[str, Any], code: str, field: str
) -> None:
    parameters = {"Remark": "new", **given}
    refusal = refusal_of(
        owner, "ModifyInstance", InstanceId=running_cluster.public_id, **parameters
    )
    assert (refusal.full_code, refusal.field) == (code, field)
    running_cluster.refresh_from_db()
    assert (running_cluster.name, running_cluster.remark) == ("north", "")


def test_what_a_later_version_brings_may_be_given_as_it_is(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(
        owner,
        "ModifyInstance",
        running_cluster,
        X509Mode="TLS",
        UseDefaultServerCert=True,
        DeviceCertificateProvisionType="API",
        AutomaticActivation=False,
        Remark="new",
    )
    running_cluster.refresh_from_db()
    assert running_cluster.remark == "new"


@pytest.mark.parametrize("state", ["CREATING", "CREATE_FAILURE", "DELETING", "DELETE_FAILURE"])
def test_a_cluster_that_is_being_made_or_deleted_is_not_changed(owner: Actor, state: str) -> None:
    cluster = make_cluster(owner.account_uin, state=state)
    refusal = refusal_of(owner, "ModifyInstance", InstanceId=cluster.public_id, Name="other")
    assert refusal.full_code == "FailedOperation.InstanceNotReady"


def test_tags_are_replaced_and_an_empty_list_removes_them(
    owner: Actor, running_cluster: Cluster
) -> None:
    for tags in ([{"TagKey": "a"}, {"TagKey": "b"}], [{"TagKey": "b", "TagValue": "2"}], []):
        call(owner, "ModifyInstanceTags", running_cluster, TagList=tags)
        assert [t.key for t in running_cluster.tags.all()] == [t["TagKey"] for t in tags]


def test_leaving_the_tags_out_removes_none(owner: Actor, running_cluster: Cluster) -> None:
    refusal = refusal_of(owner, "ModifyInstanceTags", InstanceId=running_cluster.public_id)
    assert (refusal.full_code, refusal.field) == ("MissingParameter", "tag_list")


def test_every_change_is_audited_with_who_what_and_where_c25(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(owner, "ModifyInstance", running_cluster, Remark="<script>")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome) == ("mqtt:ModifyInstance", AuditEntry.Outcome.DONE)
    assert (entry.actor_name, entry.source_ip) == ("owner", "192.0.2.10")
    assert running_cluster.public_id in entry.resource
    assert entry.parameters["remark"] == "<script>"
