"""Metrics actions: current values, series and their gaps, many clusters at once, who may read."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from clusters.models import Cluster
from console.accounts.models import RightsPolicy
from console.core.actors import Actor
from console.core.errors import ActionError, UnauthorizedOperation
from console.core.forms import FORMS
from console.core.payloads import payload_of
from monitoring import history
from tests.calls import call, refused
from tests.cast import acting, make_cluster, make_sub_user, user_of
from tests.monitoring.measurements import MINUTE, NOW_MS, keep, known, minute, second

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.database,
    pytest.mark.usefixtures("fixed_now"),
]

STATS = "DescribeInstanceRealtimeStats"
LIST = "DescribeInstanceRealtimeStatsList"


def chart_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (chart for chart in answer["Charts"] if chart["Chart"] == name)
    return dict(found)


def listed(actor: Actor, **parameters: Any) -> dict[str, Any]:
    return payload_of(LIST, actor, FORMS[LIST].from_parameters(parameters).perform(actor))


def test_a_cluster_that_never_reported_has_neither_values_nor_points(
    owner: Actor, running_cluster: Cluster
) -> None:
    answer = call(owner, STATS, running_cluster)
    assert (answer["Timestamp"], answer["Current"]) == (None, {})
    assert [chart["Chart"] for chart in answer["Charts"]] == [
        "produced",
        "consumed",
        "connections",
        "tps",
    ]
    assert chart_of(answer, "tps")["Timestamps"] == []
    assert chart_of(answer, "tps")["Series"][0]["Values"] == []


def test_current_values_are_those_of_the_newest_second(
    owner: Actor, running_cluster: Cluster
) -> None:
    keep(
        running_cluster,
        second(2_000, produced=1.0),
        second(1_000, produced=3.5, connections=4.0, bytes_in=9.0),
    )
    answer = call(owner, STATS, running_cluster)
    assert answer["Timestamp"] == NOW_MS - 1_000
    assert answer["Current"] == {"Produced": 3.5, "Connections": 4.0, "BytesIn": 9.0}
    assert answer["TpsLimit"] == running_cluster.tps_limit


def test_values_of_a_node_that_is_away_are_not_current(
    owner: Actor, running_cluster: Cluster
) -> None:
    keep(running_cluster, second(10_001, produced=1.0))
    assert call(owner, STATS, running_cluster)["Current"] == {}


def test_live_is_ten_minutes_by_two_seconds_with_gaps(
    owner: Actor, running_cluster: Cluster
) -> None:
    keep(
        running_cluster,
        second(599_000, produced=1.0),
        second(6_500, produced=1.0, tps=2.0),
        second(6_000, produced=3.0, tps=8.0),
        second(1_000, produced=5.0),
    )
    chart = chart_of(call(owner, STATS, running_cluster, Range="live"), "produced")
    values = chart["Series"][0]["Values"]
    assert len(chart["Timestamps"]) == len(values) == 299
    assert chart["Timestamps"][-1] == NOW_MS - 2_000
    assert values[-4:] == [1.0, 3.0, None, 5.0]
    assert chart["Until"] == NOW_MS


@pytest.mark.parametrize(
    ("span", "count", "step_ms"),
    [("1h", 60, 60_000), ("6h", 360, 60_000), ("24h", 1440, 60_000), ("3d", 1440, 180_000)],
)
def test_minutes_become_at_most_1440_points(
    owner: Actor, running_cluster: Cluster, span: str, count: int, step_ms: int
) -> None:
    minute(running_cluster, 0, counters={"messages_received": 120})
    minute(running_cluster, 5, counters={"messages_received": 60}, peaks={"tps": 7.5})
    chart = chart_of(call(owner, STATS, running_cluster, Range=span), "produced")
    times, values = chart["Timestamps"], chart["Series"][0]["Values"]
    assert len(times) == len(values) == count
    assert {after - before for before, after in zip(times, times[1:], strict=False)} == {step_ms}
    assert [value for value in values if value is not None] == [1.0, 2.0]
    assert values[-2] is None or span == "3d"


def test_averages_and_peaks_of_three_minutes_are_put_together(
    owner: Actor, running_cluster: Cluster
) -> None:
    third = MINUTE % 3 + 1
    for ago, count, peak in ((third, 60, 5.0), (third + 1, 180, 9.0)):
        minute(
            running_cluster, ago, counters={"messages_received": count}, peaks={"connections": peak}
        )
    answer = call(owner, STATS, running_cluster, Range="3d", Charts=["produced", "connections"])
    newest = {
        chart["Chart"]: [v for v in chart["Series"][0]["Values"] if v is not None]
        for chart in answer["Charts"]
    }
    assert newest == {"produced": [2.0], "connections": [9.0]}


def test_a_minute_in_several_parts_is_one_point_and_a_part_written_again_counts_once(
    owner: Actor, running_cluster: Cluster
) -> None:
    for count in (10, 30):
        minute(running_cluster, 1, began_ms=7, covered_ms=20_000, counters={"messages_sent": count})
    minute(running_cluster, 1, began_ms=8, covered_ms=40_000, counters={"messages_sent": 30})
    chart = chart_of(call(owner, STATS, running_cluster), "consumed")
    assert [v for v in chart["Series"][0]["Values"] if v is not None] == [1.0]


def test_the_minute_that_is_not_over_is_shown_from_its_seconds(
    owner: Actor, running_cluster: Cluster
) -> None:
    minute(running_cluster, 1, counters={"messages_received": 60})
    keep(
        running_cluster,
        second(61_000, produced=99.0),
        second(3_000, produced=2.0, tps=1.0),
        second(2_000, produced=4.0, tps=6.0),
    )
    answer = call(owner, STATS, running_cluster)
    assert chart_of(answer, "produced")["Series"][0]["Values"][-2:] == [1.0, 3.0]
    assert chart_of(answer, "tps")["Series"][0]["Values"][-1] == 6.0


def test_only_the_tps_chart_has_a_limit_and_only_asked_charts_come(
    owner: Actor, running_cluster: Cluster
) -> None:
    answer = call(owner, STATS, running_cluster, Charts=["tps", "produced"])
    assert [(chart["Chart"], chart["Limit"]) for chart in answer["Charts"]] == [
        ("tps", float(running_cluster.tps_limit)),
        ("produced", None),
    ]


def test_the_minutes_are_shown_while_valkey_is_away(
    owner: Actor, running_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = history._client_of("unix:///nowhere/valkey.sock")
    monkeypatch.setattr(history, "_client", lambda: away)
    minute(running_cluster, 1, counters={"messages_received": 60})
    answer = call(owner, STATS, running_cluster)
    assert answer["Current"] == {}
    assert chart_of(answer, "produced")["Series"][0]["Values"][-1] == 1.0


def test_what_another_version_left_in_valkey_is_passed_over(
    owner: Actor, running_cluster: Cluster
) -> None:
    client = redis.Redis.from_url(settings.ENVIRONMENT.redis_url)
    client.lpush(f"signalbox:samples:{known(running_cluster).node_id}", b"{}", b"\xff")
    client.close()
    assert call(owner, STATS, running_cluster, Range="live")["Current"] == {}


@pytest.mark.parametrize("span", ["live", "3d"])
def test_one_cluster_takes_few_queries(
    owner: Actor,
    running_cluster: Cluster,
    span: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for ago in range(30):
        minute(running_cluster, ago)
    with django_assert_max_num_queries(4):
        call(owner, STATS, running_cluster, Range=span)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"Range": "2h"}, "span"),
        ({"Range": 60}, "span"),
        ({"Charts": ["cpu"]}, "charts"),
        ({"Charts": "tps"}, "charts"),
        ({"Charts": [1]}, "charts"),
    ],
)
def test_an_unknown_range_or_chart_is_refused(
    owner: Actor, running_cluster: Cluster, parameters: dict[str, Any], field: str
) -> None:
    assert refused(owner, STATS, running_cluster, **parameters).field == field


def test_a_reader_may_look(reader: Actor, running_cluster: Cluster) -> None:
    assert call(reader, STATS, running_cluster)["Charts"]
    assert listed(reader)["TotalCount"] == 1


def test_without_a_grant_nothing_is_told(nobody: Actor, running_cluster: Cluster) -> None:
    assert refused(nobody, STATS, running_cluster).status == 403
    with pytest.raises(UnauthorizedOperation):
        listed(nobody)


def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    outsider: Actor, running_cluster: Cluster
) -> None:
    assert refused(outsider, STATS, running_cluster).full_code == "ResourceNotFound.Instance"
    assert listed(outsider, InstanceIds=[running_cluster.public_id])["Data"] == []


def test_the_list_has_every_cluster_with_its_day_and_all_of_them_together(
    owner: Actor, running_cluster: Cluster
) -> None:
    south = make_cluster(owner.account_uin, name="south")
    keep(running_cluster, second(1_000, produced=3.0))
    keep(south, second(500, produced=4.0))
    for cluster, count in ((running_cluster, 60), (south, 120)):
        minute(cluster, 3, counters={"messages_received": count}, peaks={"tps": 5.0})
        minute(cluster, 4, counters={"messages_received": count}, peaks={"tps": 6.0})
    minute(south, 25 * 60, counters={"messages_received": 999})
    answer = listed(owner)
    by_id = {item["InstanceId"]: item for item in answer["Data"]}
    assert answer["TotalCount"] == 2
    assert by_id[south.public_id]["Current"] == {"Produced": 4.0}
    curve = by_id[south.public_id]["Curves"]["Produced"]
    assert (len(curve), [v for v in curve if v is not None]) == (48, [2.0])
    assert answer["Total"]["Current"] == {"Produced": 7.0}
    assert answer["Total"]["Timestamp"] == NOW_MS - 500
    assert [v for v in answer["Total"]["Curves"]["Produced"] if v is not None] == [3.0]
    assert [v for v in answer["Total"]["Curves"]["Tps"] if v is not None] == [12.0]


def test_the_list_of_an_account_without_clusters_is_empty(owner: Actor) -> None:
    answer = listed(owner)
    assert (answer["TotalCount"], answer["Total"]["Current"]) == (0, {})
    assert answer["Total"]["Curves"]["Tps"] == []


def test_the_list_of_named_clusters_has_only_these(owner: Actor, running_cluster: Cluster) -> None:
    make_cluster(owner.account_uin, name="south")
    answer = listed(owner, InstanceIds=[running_cluster.public_id, "mqtt-unknown0"])
    assert [item["InstanceId"] for item in answer["Data"]] == [running_cluster.public_id]
    assert listed(owner, InstanceIds=[])["Data"] == []


def test_a_right_on_one_cluster_gives_a_list_of_this_one(
    owner: Actor, running_cluster: Cluster
) -> None:
    make_cluster(owner.account_uin, name="south")
    only = f"qcs::mqtt::uin/{owner.account_uin}:instance/{running_cluster.public_id}"
    allowed = {"effect": "allow", "action": "mqtt:DescribeInstance*", "resource": only}
    RightsPolicy.objects.create(
        account_uin=owner.account_uin,
        name="one",
        document={"version": "2.0", "statement": [allowed]},
    )
    actor = acting(make_sub_user(user_of(owner), "one"))
    assert [item["InstanceId"] for item in listed(actor)["Data"]] == [running_cluster.public_id]


def test_any_number_of_clusters_takes_the_same_few_queries(
    owner: Actor,
    running_cluster: Cluster,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(12):
        minute(make_cluster(owner.account_uin, name=f"c-{number}"), 2)
    with django_assert_max_num_queries(4):
        assert listed(owner)["TotalCount"] == 13


@pytest.mark.parametrize(
    "ids", ["mqtt-1", [1], ["x" * 65], [f"mqtt-{n}" for n in range(101)], [["mqtt-1"]]]
)
def test_bad_lists_of_clusters_are_refused(owner: Actor, ids: Any) -> None:
    with pytest.raises(ActionError) as refusal:
        listed(owner, InstanceIds=ids)
    assert refusal.value.field == "instance_ids"


def test_names_of_series_are_in_the_readers_language(
    owner: Actor, running_cluster: Cluster
) -> None:
    with translation.override("en"):
        chart = chart_of(call(owner, STATS, running_cluster), "connections")
    assert (chart["Series"][0]["Key"], chart["Series"][0]["Name"]) == (
        "connections",
        "Online clients",
    )
