"""Lists, details, endpoints and specifications of clusters, as the SDK reads them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from clusters.models import Cluster, ClusterTag, Endpoint, Node
from clusters.selectors import describe_instance, describe_instance_list, describe_instance_progress
from clusters.skus import SKUS
from console.accounts.models import PolicyAttachment, RightsPolicy
from console.core.actors import Actor
from console.core.errors import UnauthorizedOperation
from console.core.models import AuditEntry, Job
from tests.calls import call, perform, refusal_of
from tests.cast import acting, make_cluster, make_sub_user, user_of
from tests.clusters.api import read_by_sdk
from topics.models import Topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ON_A_CLUSTER = (
    "DescribeInstance",
    "DescribeInstanceProgress",
    "DescribeInsVPCEndpoints",
    "DescribeInsPublicEndpoints",
)
OF_THE_ACCOUNT = ("DescribeInstanceList", "DescribeProductSKUList")


def names(page: dict[str, Any]) -> list[str]:
    return [item["InstanceName"] for item in page["Data"]]


def restricted(owner: Actor, *statements: dict[str, Any]) -> Actor:
    """A sub-user of the owner's with rights of these statements only."""
    document = {"version": "2.0", "statement": list(statements)}
    RightsPolicy.objects.create(account_uin=owner.account_uin, name="own", document=document)
    user = make_sub_user(user_of(owner))
    PolicyAttachment.objects.create(user=user, policy_name="own")
    return acting(user)


def on(cluster: Cluster) -> str:
    return f"qcs::mqtt::uin/{cluster.account_uin}:instance/{cluster.public_id}"


def test_the_list_is_what_the_sdk_reads(owner: Actor, running_cluster: Cluster) -> None:
    Topic.objects.create(cluster=running_cluster, name="home")
    response = read_by_sdk("DescribeInstanceList", perform(owner, "DescribeInstanceList"))
    assert response.TotalCount == 1
    item = response.Data[0]
    assert (item.InstanceId, item.InstanceName) == (running_cluster.public_id, "north")
    assert (item.InstanceType, item.InstanceStatus) == ("BASIC", "RUNNING")
    assert (item.TpsLimit, item.ClientNumLimit) == (2000, 2000)
    assert (item.MaxSubscription, item.TopicNum, item.TopicNumLimit) == (60_000, 1, 100)
    assert item.CreateTime == int(running_cluster.created_at.timestamp() * 1000)
    assert (item.PayMode, item.RenewFlag, item.ExpiryTime) == ("POSTPAID", 0, None)


def test_the_details_are_what_the_sdk_reads_and_their_creation_time_is_in_seconds(
    owner: Actor, running_cluster: Cluster
) -> None:
    Topic.objects.create(cluster=running_cluster, name="home")
    response = read_by_sdk("DescribeInstance", call(owner, "DescribeInstance", running_cluster))
    assert response.InstanceId == running_cluster.public_id
    assert response.CreatedTime == int(running_cluster.created_at.timestamp())
    assert (response.SkuCode, response.TopicNum) == ("basic_2k", 1)
    assert (response.MaxSubscriptionPerClient, response.AuthorizationPolicyLimit) == (30, 100)
    assert response.AuthorizationPolicy is True
    assert response.DeleteProtect is False
    assert (response.X509Mode, response.UseDefaultServerCert) == ("TLS", True)
    assert (response.DeviceCertificateProvisionType, response.AutomaticActivation) == ("API", False)


def test_every_specification_is_listed_as_the_sdk_reads_it(owner: Actor) -> None:
    response = read_by_sdk("DescribeProductSKUList", perform(owner, "DescribeProductSKUList"))
    assert response.TotalCount == len(response.MQTTProductSkuList) == len(SKUS)
    first = response.MQTTProductSkuList[0]
    assert (first.InstanceType, first.SkuCode, first.OnSale) == ("BASIC", "basic_2k", True)
    assert (first.TpsLimit, first.ClientNumLimit, first.TopicNumLimit) == (2000, 2000, 100)


def test_private_endpoints_have_type_host_and_port(owner: Actor, running_cluster: Cluster) -> None:
    payload = call(owner, "DescribeInsVPCEndpoints", running_cluster)
    (endpoint,) = read_by_sdk("DescribeInsVPCEndpoints", payload).Endpoints
    row = running_cluster.endpoints.get()
    assert (endpoint.Type, endpoint.Host, endpoint.Port) == ("mqtt-tcp", "127.0.0.1", row.port)
    assert (endpoint.Url, endpoint.Ip) == (f"127.0.0.1:{row.port}", "127.0.0.1")
    assert endpoint.PortEnable is True


@pytest.mark.parametrize(
    ("host", "url", "ip"),
    [("::1", "[::1]:1883", "::1"), ("broker.example", "broker.example:1883", "")],
)
def test_addresses_are_written_so_that_clients_can_use_them(
    owner: Actor, running_cluster: Cluster, host: str, url: str, ip: str
) -> None:
    running_cluster.endpoints.update(host=host, port=1883)
    (endpoint,) = call(owner, "DescribeInsVPCEndpoints", running_cluster)["Endpoints"]
    assert (endpoint["Url"], endpoint["Ip"]) == (url, ip)


def test_ports_of_a_cluster_that_is_being_made_are_not_open_yet(owner: Actor) -> None:
    cluster = make_cluster(owner.account_uin, state="CREATING")
    (endpoint,) = call(owner, "DescribeInsVPCEndpoints", cluster)["Endpoints"]
    assert endpoint["PortEnable"] is False


def test_the_public_network_is_closed(owner: Actor, running_cluster: Cluster) -> None:
    payload = call(owner, "DescribeInsPublicEndpoints", running_cluster)
    response = read_by_sdk("DescribeInsPublicEndpoints", payload)
    assert (response.InstanceId, response.Status) == (running_cluster.public_id, "CLOSE")
    assert (response.Endpoints, response.Bandwidth, response.Rules) == ([], 0, [])


def test_public_addresses_are_not_among_the_private_ones(
    owner: Actor, running_cluster: Cluster
) -> None:
    Endpoint.objects.create(
        cluster=running_cluster,
        kind=Endpoint.Kind.TLS,
        scope=Endpoint.Scope.PUBLIC,
        host="broker.example",
        bind_host="192.0.2.1",
        port=8883,
    )
    assert len(call(owner, "DescribeInsVPCEndpoints", running_cluster)["Endpoints"]) == 1
    public = call(owner, "DescribeInsPublicEndpoints", running_cluster)
    assert [e["Type"] for e in public["Endpoints"]] == ["mqtt-tls"]
    assert public["Status"] == "NORMAL"


def test_the_details_name_the_nodes_that_wait_for_the_newest_configuration(
    owner: Actor, running_cluster: Cluster
) -> None:
    assert len(describe_instance(owner, cluster=running_cluster).waiting_nodes) == 1
    Node.objects.update(applied_revision=1)
    assert describe_instance(owner, cluster=running_cluster).waiting_nodes == ()


def test_the_progress_is_that_of_the_newest_job_in_the_readers_language(
    owner: Actor, running_cluster: Cluster
) -> None:
    assert describe_instance_progress(owner, cluster=running_cluster).step_label == ""
    subject = {"account_uin": owner.account_uin, "subject": running_cluster.public_id}
    Job.objects.create(kind="create-cluster", **subject, state="succeeded")
    newest = Job.objects.create(
        kind="delete-cluster", **subject, state="running", step=1, steps=4, step_name="No, really"
    )
    with translation.override("en"):
        progress = describe_instance_progress(owner, cluster=running_cluster)
        assert (progress.job, progress.step_label) == (newest, "No, really")
    answer = call(owner, "DescribeInstanceProgress", running_cluster)
    assert answer["Job"]["Kind"] == "delete-cluster"
    assert (answer["Job"]["Step"], answer["Job"]["Steps"]) == (1, 4)


@pytest.fixture
def three(owner: Actor) -> list[Cluster]:
    """``north``, ``north-west`` and ``south``, created in this order."""
    clusters = [
        make_cluster(owner.account_uin, name="north"),
        make_cluster(owner.account_uin, name="north-west", state="CREATING"),
        make_cluster(owner.account_uin, name="south", sku_code="pro_6k"),
    ]
    ClusterTag.objects.create(cluster=clusters[0], key="env", value="prod")
    ClusterTag.objects.create(cluster=clusters[0], key="team", value="blue")
    ClusterTag.objects.create(cluster=clusters[2], key="env", value="test")
    return clusters


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["south", "north-west", "north"]),
        ([{"Name": "InstanceName", "Values": ["NORTH"]}], ["north-west", "north"]),
        ([{"Name": "InstanceName", "Values": ["west", "sou"]}], ["south", "north-west"]),
        ([{"Name": "InstanceName", "Values": ["%"]}], []),
        ([{"Name": "InstanceStatus", "Values": ["CREATING"]}], ["north-west"]),
        ([{"Name": "InstanceStatus", "Values": ["MAINTAINING"]}], []),
        ([{"Name": "PayMode", "Values": ["POSTPAID"]}], ["south", "north-west", "north"]),
        ([{"Name": "PayMode", "Values": ["PREPAID"]}], []),
        ([{"Name": "ExpiredBefore", "Values": ["1700000000000"]}], []),
        (
            [
                {"Name": "InstanceName", "Values": ["north"]},
                {"Name": "InstanceStatus", "Values": ["RUNNING"]},
            ],
            ["north"],
        ),
        ([{"Name": "InstanceId", "Values": ["mqtt-"]}], []),
    ],
)
def test_filters_narrow_the_list(
    owner: Actor, three: list[Cluster], filters: list[Any], expected: list[str]
) -> None:
    page = perform(owner, "DescribeInstanceList", Filters=filters)
    assert names(page) == expected
    assert page["TotalCount"] == len(expected)


def test_an_id_filter_takes_the_whole_id(owner: Actor, three: list[Cluster]) -> None:
    ids = [three[0].public_id, three[2].public_id]
    filters = [{"Name": "InstanceId", "Values": ids}]
    assert names(perform(owner, "DescribeInstanceList", Filters=filters)) == ["south", "north"]


@pytest.mark.parametrize(
    ("tag_filters", "expected"),
    [
        ([{"TagKey": "env", "TagValues": ["prod"]}], ["north"]),
        ([{"TagKey": "env", "TagValues": ["prod", "test"]}], ["south", "north"]),
        (
            [
                {"TagKey": "env", "TagValues": ["prod", "test"]},
                {"TagKey": "team", "TagValues": ["blue"]},
            ],
            ["north"],
        ),
        ([{"TagKey": "env", "TagValues": ["blue"]}], []),
    ],
)
def test_tags_of_one_key_add_up_and_different_keys_intersect(
    owner: Actor, three: list[Cluster], tag_filters: list[Any], expected: list[str]
) -> None:
    page = perform(owner, "DescribeInstanceList", TagFilters=tag_filters)
    assert names(page) == expected


def test_filters_and_tag_filters_both_hold(owner: Actor, three: list[Cluster]) -> None:
    page = perform(
        owner,
        "DescribeInstanceList",
        Filters=[{"Name": "InstanceName", "Values": ["south"]}],
        TagFilters=[{"TagKey": "env", "TagValues": ["prod", "test"]}],
    )
    assert names(page) == ["south"]


@pytest.mark.parametrize(
    ("paging", "expected"),
    [
        ({"Limit": 2}, ["south", "north-west"]),
        ({"Offset": 1, "Limit": 1}, ["north-west"]),
        ({"Offset": 3}, []),
    ],
)
def test_pages_count_everything_and_show_their_part(
    owner: Actor, three: list[Cluster], paging: dict[str, int], expected: list[str]
) -> None:
    page = perform(owner, "DescribeInstanceList", **paging)
    assert (names(page), page["TotalCount"]) == (expected, 3)


def test_the_limit_is_20_when_absent_and_100_at_most(owner: Actor) -> None:
    for _ in range(21):
        make_cluster(owner.account_uin)
    assert len(perform(owner, "DescribeInstanceList")["Data"]) == 20
    assert len(perform(owner, "DescribeInstanceList", Limit=100)["Data"]) == 21


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"Limit": 0}, "InvalidParameterValue", "limit"),
        ({"Limit": 101}, "InvalidParameterValue", "limit"),
        ({"Limit": "20"}, "InvalidParameter", "limit"),
        ({"Offset": -1}, "InvalidParameterValue", "offset"),
        ({"Filters": {}}, "InvalidParameter", "filters"),
        ({"Filters": [{"Name": "Color", "Values": ["x"]}]}, "InvalidParameterValue", "filters"),
        (
            {"Filters": [{"Name": "InstanceStatus", "Values": ["running"]}]},
            "InvalidParameterValue",
            "filters",
        ),
        (
            {"Filters": [{"Name": "PayMode", "Values": ["0"]}]},
            "InvalidParameterValue",
            "filters",
        ),
        *(
            (
                {"Filters": [{"Name": "ExpiredBefore", "Values": [value]}]},
                "InvalidParameterValue",
                "filters",
            )
            for value in ("soon", "-1", "٣", "9" * 30)
        ),
        ({"Filters": [{"Name": "InstanceId", "Values": []}]}, "InvalidParameterValue", "filters"),
        ({"Filters": ["InstanceId"]}, "InvalidParameterValue", "filters"),
        ({"TagFilters": [{"TagKey": "env"}]}, "InvalidParameterValue", "tag_filters"),
        ({"TagFilters": "env"}, "InvalidParameter", "tag_filters"),
        ({"Page": 1}, "UnknownParameter", ""),
    ],
)
def test_bad_list_input_is_refused(
    owner: Actor, given: dict[str, Any], code: str, field: str
) -> None:
    refusal = refusal_of(owner, "DescribeInstanceList", **given)
    assert (refusal.full_code, refusal.field) == (code, field)


def test_the_list_takes_the_same_few_queries_for_many_clusters(
    owner: Actor, django_assert_num_queries: Any
) -> None:
    for number in range(3):
        cluster = make_cluster(owner.account_uin)
        ClusterTag.objects.create(cluster=cluster, key=f"k{number}")
    with django_assert_num_queries(3):  # clusters, their tags, their topics
        page = describe_instance_list(owner)
    assert page.total == 3


def test_a_list_never_shows_clusters_of_another_account(
    owner: Actor, running_cluster: Cluster, other_cluster: Cluster
) -> None:
    assert names(perform(owner, "DescribeInstanceList")) == ["north"]
    filters = [{"Name": "InstanceId", "Values": [other_cluster.public_id]}]
    assert perform(owner, "DescribeInstanceList", Filters=filters)["TotalCount"] == 0


@pytest.mark.parametrize("action", OF_THE_ACCOUNT)
def test_reads_of_the_account_need_the_grant(action: str, reader: Actor, nobody: Actor) -> None:
    assert perform(reader, action)
    assert isinstance(refusal_of(nobody, action), UnauthorizedOperation)


@pytest.mark.parametrize("action", ON_A_CLUSTER)
def test_reads_of_a_cluster_need_the_grant(
    action: str, reader: Actor, nobody: Actor, running_cluster: Cluster
) -> None:
    assert call(reader, action, running_cluster)
    refusal = refusal_of(nobody, action, InstanceId=running_cluster.public_id)
    assert isinstance(refusal, UnauthorizedOperation)


@pytest.mark.parametrize("action", ON_A_CLUSTER)
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str, outsider: Actor, running_cluster: Cluster
) -> None:
    refusal = refusal_of(outsider, action, InstanceId=running_cluster.public_id)
    assert refusal.full_code == "ResourceNotFound.Instance"


def test_rights_on_one_cluster_give_a_list_of_that_one(owner: Actor, three: list[Cluster]) -> None:
    actor = restricted(
        owner, {"effect": "allow", "action": ["mqtt:Describe*"], "resource": [on(three[1])]}
    )
    page = perform(actor, "DescribeInstanceList")
    assert (names(page), page["TotalCount"]) == (["north-west"], 1)


def test_a_denied_cluster_is_not_in_the_list(owner: Actor, three: list[Cluster]) -> None:
    actor = restricted(
        owner,
        {"effect": "allow", "action": ["mqtt:Describe*"], "resource": ["*"]},
        {"effect": "deny", "action": ["mqtt:DescribeInstance"], "resource": [on(three[0])]},
    )
    assert names(perform(actor, "DescribeInstanceList")) == ["south", "north-west"]


def test_the_right_to_list_alone_shows_nothing_that_may_not_be_described(
    owner: Actor, three: list[Cluster]
) -> None:
    actor = restricted(
        owner, {"effect": "allow", "action": ["mqtt:DescribeInstanceList"], "resource": ["*"]}
    )
    assert perform(actor, "DescribeInstanceList")["TotalCount"] == 0


def test_rights_by_tag_give_a_list_of_the_tagged_r10(owner: Actor, three: list[Cluster]) -> None:
    condition = {"for_any_value:string_equal": {"qcs:resource_tag": ["env&prod"]}}
    actor = restricted(
        owner,
        {
            "effect": "allow",
            "action": ["mqtt:Describe*"],
            "resource": ["*"],
            "condition": condition,
        },
    )
    assert names(perform(actor, "DescribeInstanceList")) == ["north"]


def test_reads_that_work_are_not_audited(owner: Actor, running_cluster: Cluster) -> None:
    call(owner, "DescribeInstance", running_cluster)
    assert not AuditEntry.objects.exists()
