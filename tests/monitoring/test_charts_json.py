"""What the charts of a page fetch (``static/js/charts.js``)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.models import Cluster
from console.core.actors import Actor
from monitoring.ingest import GAUGES, RATES
from tests.cast import browser_of
from tests.monitoring.measurements import minute

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.database,
    pytest.mark.usefixtures("fixed_now"),
]


def url(cluster: Cluster, query: str = "") -> str:
    return f"/clusters/{cluster.public_id}/metrics.json{query}"


def test_it_has_the_shape_that_the_charts_want(owner: Actor, running_cluster: Cluster) -> None:
    minute(running_cluster, 1, peaks={"tps": 7.0})
    response = browser_of(owner).get(url(running_cluster, "?charts=tps,produced&range=6h"))
    charts = response.json()["charts"]
    assert list(charts) == ["tps", "produced"]
    tps = charts["tps"]
    assert {"from_ms", "until_ms", "times_ms", "series", "limit", "unit"} == set(tps)
    assert tps["limit"] == running_cluster.tps_limit
    assert tps["series"][0]["values"][-1] == 7.0
    assert len(tps["times_ms"]) == len(tps["series"][0]["values"]) == 359
    assert "limit" not in charts["produced"]


def test_its_series_are_named_as_the_values_of_a_live_sample(
    owner: Actor, running_cluster: Cluster
) -> None:
    charts = browser_of(owner).get(url(running_cluster)).json()["charts"]
    keys = {series["key"] for chart in charts.values() for series in chart["series"]}
    assert keys == {"produced", "consumed", "connections", "tps"}
    assert keys <= {*RATES, *GAUGES}


def test_who_is_not_signed_in_gets_401_as_json(running_cluster: Cluster, client: Any) -> None:
    response = client.get(url(running_cluster))
    assert (response.status_code, response.json()["code"]) == (401, "AuthFailure")


def test_refusals_are_those_of_the_action(
    nobody: Actor, outsider: Actor, owner: Actor, running_cluster: Cluster
) -> None:
    answers = [
        browser_of(actor).get(url(running_cluster, query))
        for actor, query in ((nobody, ""), (outsider, ""), (owner, "?range=2h"))
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "UnauthorizedOperation"),
        (404, "ResourceNotFound.Instance"),
        (400, "InvalidParameterValue"),
    ]


def test_it_changes_nothing_and_takes_no_post(owner: Actor, running_cluster: Cluster) -> None:
    assert browser_of(owner).post(url(running_cluster)).status_code == 405
