"""The list of clusters: who sees what, search, filters, pages and the file."""

from __future__ import annotations

import csv
import io

import pytest
from django.test.utils import CaptureQueriesContext

from clusters.models import Cluster, ClusterTag
from console.core.actors import Actor
from tests.cast import browser_of, make_cluster

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MOST_QUERIES = 16


def _list(actor: Actor, **query: str | list[str]) -> str:
    answer = browser_of(actor).get("/clusters/", query)
    assert answer.status_code == 200
    return answer.text


def test_who_is_not_signed_in_is_asked_to(client):
    answer = client.get("/clusters/?search=north")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in/?next=%2Fclusters%2F%3Fsearch%3Dnorth"


def test_an_account_without_clusters_is_led_to_its_first(owner: Actor):
    shown = _list(owner)

    assert "No cluster yet" in shown
    assert 'href="/clusters/create/"' in shown


def test_the_list_shows_the_clusters_of_the_account_only(
    owner: Actor, running_cluster: Cluster, other_cluster: Cluster
):
    shown = _list(owner)

    assert running_cluster.public_id in shown
    assert other_cluster.public_id not in shown


def test_a_reader_sees_the_clusters_and_is_offered_no_change(
    reader: Actor, running_cluster: Cluster
):
    shown = _list(reader)

    assert running_cluster.public_id in shown
    for path in ("edit", "tags", "resize", "delete"):
        assert f"/clusters/{running_cluster.public_id}/{path}/" not in shown
    assert "/clusters/create/" not in shown


def test_who_has_no_rights_is_refused_with_the_code(nobody: Actor, running_cluster: Cluster):
    answer = browser_of(nobody).get("/clusters/")

    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"line-a", "line-b", "meters"}),
        ({"search": "LINE"}, {"line-a", "line-b"}),
        ({"search": "staging"}, {"line-b"}),
        ({"search": "env: prod"}, {"line-a", "meters"}),
        ({"search": "nothing like it"}, set()),
        ({"state": "RUNNING"}, {"line-a", "meters"}),
        ({"state": ["RUNNING", "CREATING"]}, {"line-a", "line-b", "meters"}),
        ({"state": "no such state"}, {"line-a", "line-b", "meters"}),
        ({"tag": "env=prod"}, {"line-a", "meters"}),
        ({"tag": ["env=prod", "env=staging"]}, {"line-a", "line-b", "meters"}),
        ({"tag": ["env=prod", "team=energy"]}, {"meters"}),
        ({"tag": "="}, {"line-a", "line-b", "meters"}),
        ({"page": "7", "page_size": "10"}, {"line-a", "line-b", "meters"}),
    ],
)
def test_search_and_filters_find_id_name_state_and_tags(owner: Actor, query, found):
    account = owner.account_uin
    for name, state, tags in (
        ("line-a", "RUNNING", {"env": "prod"}),
        ("line-b", "CREATING", {"env": "staging"}),
        ("meters", "RUNNING", {"env": "prod", "team": "energy"}),
    ):
        cluster = make_cluster(account, name=name, state=state)
        ClusterTag.objects.bulk_create(
            ClusterTag(cluster=cluster, key=key, value=value) for key, value in tags.items()
        )

    shown = _list(owner, **query)

    names = {"line-a", "line-b", "meters"}
    assert {name for name in names if f"<bdi>{name}</bdi>" in shown} == found


def test_a_cluster_is_found_by_a_part_of_its_id(owner: Actor, running_cluster: Cluster):
    assert running_cluster.public_id in _list(owner, search=running_cluster.public_id[-4:])


def test_markup_in_remarks_and_tags_shows_as_text(owner: Actor):
    """SECURITY C1"""
    hostile = '"><img src=x onerror=alert(1)>'
    cluster = make_cluster(owner.account_uin, remark=hostile)
    ClusterTag.objects.create(cluster=cluster, key=hostile[:100], value=hostile)

    shown = _list(owner, search=hostile[:20])

    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_the_file_holds_every_match_and_no_formula(owner: Actor):
    """SECURITY C4"""
    for number in range(23):
        make_cluster(owner.account_uin, name=f"line-{number}", remark="=cmd|' /C calc'!A0")
    make_cluster(owner.account_uin, name="other")

    answer = browser_of(owner).get("/clusters/", {"search": "line-", "format": "csv"})

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="clusters-')
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 23
    assert {row["Description"] for row in rows} == {"'=cmd|' /C calc'!A0"}


def test_a_longer_list_costs_no_more_queries(
    owner: Actor, running_cluster: Cluster, django_assert_max_num_queries
):
    browser = browser_of(owner)

    def count() -> int:
        with django_assert_max_num_queries(MOST_QUERIES) as queries:
            browser.get("/clusters/")
        assert isinstance(queries, CaptureQueriesContext)
        return len(queries)

    with_one = count()
    for number in range(9):
        cluster = make_cluster(owner.account_uin, name=f"line-{number}")
        ClusterTag.objects.create(cluster=cluster, key="env", value="prod")

    assert count() == with_one
